#include "tools/bench/values.h"

#include <algorithm>
#include <cstring>

#include "tools/bench/random.h"

namespace lmc::bench {
namespace {

constexpr std::size_t kPeriodBytes = 64 * 1024;
constexpr std::size_t kHeadBytes = 16;

std::uint64_t mark_of(const Values::Description& value) {
  return scatter(scatter(value.id) ^ scatter(value.nonce + 1) ^ (value.bytes << 20));
}

}  // namespace

Values::Values() : pattern_(2 * kPeriodBytes) {
  Random random(0x76616c756573);
  for (std::size_t i = 0; i < kPeriodBytes; ++i) {
    pattern_[i] = pattern_[i + kPeriodBytes] = static_cast<char>(random.next() >> 56);
  }
}

void Values::append(const Description& value, std::string& out) const {
  std::uint64_t left = value.bytes;
  std::uint64_t mark = 0;
  if (value.bytes >= kHeadBytes) {
    mark = mark_of(value);
    char head[kHeadBytes];
    std::memcpy(head, &value.nonce, 8);
    std::memcpy(head + 8, &mark, 8);
    out.append(head, kHeadBytes);
    left -= kHeadBytes;
  } else {
    mark = mark_of({value.id, 0, value.bytes});
  }
  const char* const from = pattern_.data() + mark % kPeriodBytes;
  while (left != 0) {
    const std::size_t n = std::min<std::uint64_t>(left, kPeriodBytes);
    out.append(from, n);
    left -= n;
  }
}

bool Values::belongs_to(std::uint64_t id, std::string_view value) const {
  Description description{id, 0, value.size()};
  if (value.size() >= kHeadBytes) {
    std::uint64_t mark = 0;
    std::memcpy(&description.nonce, value.data(), 8);
    std::memcpy(&mark, value.data() + 8, 8);
    if (mark != mark_of(description)) return false;
  }
  const char* const from = pattern_.data() + mark_of(description) % kPeriodBytes;
  std::string_view rest = value.substr(value.size() >= kHeadBytes ? kHeadBytes : 0);
  while (!rest.empty()) {
    const std::size_t n = std::min(rest.size(), kPeriodBytes);
    if (std::memcmp(rest.data(), from, n) != 0) return false;
    rest.remove_prefix(n);
  }
  return true;
}

}  // namespace lmc::bench

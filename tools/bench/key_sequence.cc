#include "tools/bench/key_sequence.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace lmc::bench {
namespace {

std::uint64_t coprime_to(std::uint64_t n) {
  std::uint64_t factor = 2'654'435'761U % n;  // near 2^32 / golden ratio, so neighbours land far apart
  while (std::gcd(factor, n) != 1) ++factor;
  return factor;
}

std::uint64_t multiply_modulo(std::uint64_t a, std::uint64_t b, std::uint64_t n) {
  if (n <= 0xffffffffU) return a * b % n;  // a, b < n: no overflow
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(a) * b % n);
}

// Where connection `index` begins when `total` is dealt out in stretches whose lengths differ by at most one.
std::uint64_t share_start(std::uint64_t total, KeySequence::Place place) {
  return total / place.connections * place.index + std::min<std::uint64_t>(place.index, total % place.connections);
}

}  // namespace

KeySequence::KeySequence(const KeyPopularity& popularity, std::uint64_t seed, Place place)
    : popularity_(popularity),
      random_(scatter(seed) + place.index),
      scatter_factor_(coprime_to(popularity.keys)),
      position_(share_start(popularity.keys, place)),
      scan_position_(share_start(popularity.scan_keys, place)),
      drift_period_(popularity.drift_period / place.connections) {
  assert(popularity.keys >= 1);
  if (popularity.scan_share > 0) {
    const double length = static_cast<double>(popularity.scan_length);
    gap_length_ = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(length / popularity.scan_share - length));
    gap_left_ = gap_length_;
  }
}

std::uint64_t KeySequence::next() {
  if (gap_length_ != 0 && gap_left_ == 0) {
    if (scan_left_ == 0) scan_left_ = popularity_.scan_length;
    if (--scan_left_ == 0) gap_left_ = gap_length_;
    scan_position_ = (scan_position_ + 1) % popularity_.scan_keys;
    return kScanBase + scan_position_;
  }
  if (gap_left_ != 0) --gap_left_;
  const std::uint64_t position = next_position();
  ++draws_;
  return popularity_.key_offset + position + popularity_.keys * generation_of(position);
}

std::uint64_t KeySequence::next_position() {
  switch (popularity_.kind) {
    case KeyPopularity::Kind::kUniform:
      return random_.below(popularity_.keys);
    case KeyPopularity::Kind::kZipf:
      return multiply_modulo(popularity_.zipf->sample(random_) - 1, scatter_factor_, popularity_.keys);
    case KeyPopularity::Kind::kSequential:
      if (position_ >= popularity_.keys) position_ = 0;
      return position_++;
  }
  return 0;
}

std::uint64_t KeySequence::generation_of(std::uint64_t position) const {
  if (drift_period_ == 0) return 0;
  return (draws_ + scatter(position) % drift_period_) / drift_period_;
}

KeyNames::KeyNames(std::string prefix, Distribution name_bytes)
    : prefix_(std::move(prefix)), name_bytes_(std::move(name_bytes)) {
  constexpr std::size_t kMaxDigits = 20;
  if (prefix_.size() + kMaxDigits > kMaxNameBytes) {
    throw std::invalid_argument("the key prefix has " + std::to_string(prefix_.size()) +
                                " bytes; a key has at most 250, and 20 are needed for its number");
  }
}

std::string_view KeyNames::spell(std::uint64_t id, Buffer& buffer) const {
  char digits[20];
  std::size_t digit_count = 0;
  for (std::uint64_t rest = id; rest != 0 || digit_count == 0; rest /= 10) {
    digits[sizeof(digits) - ++digit_count] = static_cast<char>('0' + rest % 10);
  }
  const std::size_t wanted = std::min<std::size_t>(name_bytes_.at(scatter(id ^ 0x6b6579)), kMaxNameBytes);
  const std::size_t length = std::max(wanted, prefix_.size() + digit_count);
  std::memcpy(buffer.bytes, prefix_.data(), prefix_.size());
  std::memset(buffer.bytes + prefix_.size(), '0', length - prefix_.size() - digit_count);
  std::memcpy(buffer.bytes + length - digit_count, digits + sizeof(digits) - digit_count, digit_count);
  return {buffer.bytes, length};
}

}  // namespace lmc::bench

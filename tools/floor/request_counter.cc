#include "tools/floor/request_counter.h"

#include <algorithm>
#include <cstring>

namespace lmc::floor {
namespace {

constexpr std::size_t kMaxLineBytes = 1024 * 1024;
constexpr std::size_t kBinaryHeaderBytes = 24;
constexpr std::size_t kLineEndBytes = 2;

std::uint64_t digits_at(std::string_view line, std::size_t at) {
  std::uint64_t number = 0;
  for (; at < line.size() && line[at] >= '0' && line[at] <= '9'; ++at) {
    number = number * 10 + static_cast<std::uint64_t>(line[at] - '0');
  }
  return number;
}

}  // namespace

std::optional<std::size_t> RequestCounter::take(std::string_view input, Batch& batch) {
  std::size_t used = 0;
  while (used < input.size()) {
    if (skip_bytes_ != 0) {
      const std::size_t n = std::min<std::uint64_t>(skip_bytes_, input.size() - used);
      used += n;
      skip_bytes_ -= n;
      if (skip_bytes_ != 0) break;
      batch.add(after_skip_);
      continue;
    }
    const char* const start = input.data() + used;
    const std::size_t left = input.size() - used;
    if (*start == static_cast<char>(0x80)) {
      if (left < kBinaryHeaderBytes) break;
      take_binary({start, kBinaryHeaderBytes}, batch);
      used += kBinaryHeaderBytes;
      continue;
    }
    const void* const newline = std::memchr(start, '\n', left);
    if (newline == nullptr) {
      if (left > kMaxLineBytes) return std::nullopt;
      break;
    }
    const auto line_bytes = static_cast<std::size_t>(static_cast<const char*>(newline) - start) + 1;
    if (line_bytes < kLineEndBytes + 2) return std::nullopt;
    if (!take_line({start, line_bytes - kLineEndBytes}, batch)) return std::nullopt;
    used += line_bytes;
  }
  return used;
}

bool RequestCounter::take_line(std::string_view line, Batch& batch) {
  switch (line[0]) {
    case 'g': {
      const auto keys = static_cast<std::size_t>(std::count(line.begin() + 3, line.end(), ' '));
      if (keys == 1) {
        batch.add(Answer::kTextHit);
      } else {
        batch.add(Answer::kTextValue, keys);
        batch.add(Answer::kTextEnd);
      }
      return true;
    }
    case 's':
      if (line[1] == 't') {  // stats
        batch.add(Answer::kTextEnd);
      } else {  // set <key> <flags> <exptime> <bytes>
        skip_bytes_ = digits_at(line, line.rfind(' ') + 1) + kLineEndBytes;
        after_skip_ = Answer::kTextStored;
      }
      return true;
    case 'm':
      if (line[1] == 'g') {
        batch.add(Answer::kMetaValue);
      } else if (line[1] == 's') {  // ms <key> <bytes> <flags>*
        skip_bytes_ = digits_at(line, line.find(' ', 3) + 1) + kLineEndBytes;
        after_skip_ = Answer::kMetaStored;
      } else {
        batch.add(Answer::kMetaNoop);
      }
      return true;
    case 'v':
      batch.add(Answer::kTextVersion);
      return true;
    case 'f':
      batch.add(Answer::kTextOk);
      return true;
    case 'q':
      return false;
    default:
      batch.add(Answer::kTextError);
      return true;
  }
}

void RequestCounter::take_binary(std::string_view header, Batch& batch) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(header[i])); };
  const std::uint64_t body_bytes = byte(8) << 24 | byte(9) << 16 | byte(10) << 8 | byte(11);
  const std::uint64_t opcode = byte(1);
  const bool stores = opcode >= 0x01 && opcode <= 0x03;
  const bool gets = opcode == 0x00 || opcode == 0x09 || opcode == 0x0c || opcode == 0x0d;
  after_skip_ = stores ? Answer::kBinaryStored : gets ? Answer::kBinaryValue : Answer::kBinaryNoop;
  skip_bytes_ = body_bytes;
  if (skip_bytes_ == 0) batch.add(after_skip_);
}

}  // namespace lmc::floor

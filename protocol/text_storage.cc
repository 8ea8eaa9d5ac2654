// set, add, replace, append, prepend, cas, ms: the commands with a data block.

#include "protocol/numbers.h"
#include "protocol/text_line.h"

namespace lmc::protocol::text {
namespace {

constexpr std::uint64_t kCrlfBytes = 2;
constexpr std::uint64_t kMaxAnnouncedBytes = 0x7fffffff - kCrlfBytes;

// The length of the data block. When it is not known, neither is where the next command begins.
bool next_length(std::string_view& rest, std::uint64_t& out) {
  std::uint64_t bytes = 0;
  if (!next_plain_number(rest, bytes)) {
    std::int32_t odd = 0;
    if (!strict_i32(next_word(rest), odd) || odd < 0) return false;
    bytes = static_cast<std::uint64_t>(odd);
  }
  out = bytes;
  return bytes <= kMaxAnnouncedBytes;
}

struct FlagsAndExptime {
  std::uint32_t client_flags = 0;
  std::int32_t exptime = 0;
  bool good = true;
};

FlagsAndExptime next_flags_and_exptime(std::string_view& rest) {
  FlagsAndExptime read;
  std::uint64_t plain = 0;
  if (next_plain_number(rest, plain)) {
    read.client_flags = static_cast<std::uint32_t>(plain);
  } else {
    read.good = loose_u32(next_word(rest), read.client_flags);
  }
  if (next_plain_number(rest, plain)) {
    read.exptime = static_cast<std::int32_t>(plain);
  } else {
    read.good &= loose_i32(next_word(rest), read.exptime);
  }
  return read;
}

}  // namespace

Parsed take_value(const Line& line, Request& out) {
  Parsed parsed = accept(line);
  const std::uint64_t block_bytes = out.value_bytes + kCrlfBytes;
  if (out.value_bytes > line.max_value_bytes) {
    out.value_state = ValueState::kTooLarge;
    parsed.swallow = block_bytes;
    return parsed;
  }
  const std::uint64_t needed = line.bytes + block_bytes;
  if (line.input.size() < needed) {
    parsed.status = Parsed::Status::kIncomplete;
    parsed.consumed = 0;
    parsed.needed = needed;
    return parsed;
  }
  parsed.consumed = needed;
  out.value = line.input.substr(line.bytes, out.value_bytes);
  const bool well_ended = line.input[needed - 2] == '\r' && line.input[needed - 1] == '\n';
  out.value_state = well_ended ? ValueState::kPresent : ValueState::kBadChunk;
  return parsed;
}

Parsed parse_storage(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  const FlagsAndExptime read = next_flags_and_exptime(rest);
  if (!next_length(rest, out.value_bytes)) return reject(line, reply::kBadLine);
  if (!rest.empty()) out.quiet = asks_for_no_reply(rest);

  const bool good = read.good && out.key.size() <= kMaxKeyBytes &&
                    (out.command != Command::kCas || loose_u64(next_word(rest), out.cas));
  if (!good) return reject(line, reply::kBadLine, out.quiet, out.value_bytes + kCrlfBytes);
  out.client_flags = read.client_flags;
  out.exptime = read.exptime;
  return take_value(line, out);
}

Parsed parse_meta_set(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  if (!next_length(rest, out.value_bytes)) return reject(line, reply::kBadLine);
  if (out.key.size() > kMaxKeyBytes) return reject(line, reply::kBadLine, false, out.value_bytes + kCrlfBytes);
  out.arguments = without_leading_spaces(rest);
  return take_value(line, out);
}

}  // namespace lmc::protocol::text

// set, add, replace, append, prepend, cas, ms: the commands with a data block.

#include "protocol/numbers.h"
#include "protocol/text_line.h"

namespace lmc::protocol::text {
namespace {

constexpr std::uint64_t kCrlfBytes = 2;
constexpr std::int32_t kMaxAnnouncedBytes = 0x7fffffff - static_cast<std::int32_t>(kCrlfBytes);

// The length of the data block. When it is not known, neither is where the next command begins.
bool read_length(std::string_view word, Request& out) {
  std::int32_t bytes = 0;
  if (!strict_i32(word, bytes) || bytes < 0 || bytes > kMaxAnnouncedBytes) return false;
  out.value_bytes = static_cast<std::uint64_t>(bytes);
  return true;
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
  const bool well_ended = line.input.substr(needed - kCrlfBytes, kCrlfBytes) == reply::kCrlf;
  out.value_state = well_ended ? ValueState::kPresent : ValueState::kBadChunk;
  return parsed;
}

Parsed parse_storage(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  const std::string_view flags = next_word(rest);
  const std::string_view exptime_word = next_word(rest);
  if (!read_length(next_word(rest), out)) return reject(line, reply::kBadLine);
  if (!rest.empty()) out.quiet = asks_for_no_reply(rest);

  std::int32_t exptime = 0;
  const bool good = out.key.size() <= kMaxKeyBytes && loose_u32(flags, out.client_flags) &&
                    loose_i32(exptime_word, exptime) &&
                    (out.command != Command::kCas || loose_u64(next_word(rest), out.cas));
  if (!good) return reject(line, reply::kBadLine, out.quiet, out.value_bytes + kCrlfBytes);
  out.exptime = exptime;
  return take_value(line, out);
}

Parsed parse_meta_set(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  if (!read_length(next_word(rest), out)) return reject(line, reply::kBadLine);
  if (out.key.size() > kMaxKeyBytes) return reject(line, reply::kBadLine, false, out.value_bytes + kCrlfBytes);
  out.arguments = without_leading_spaces(rest);
  return take_value(line, out);
}

}  // namespace lmc::protocol::text

// delete, incr, decr, touch, and the meta commands that have a key and no data block.

#include "protocol/numbers.h"
#include "protocol/text_line.h"

namespace lmc::protocol::text {

// 1.6.18's check of what follows the key: nothing, 0, noreply, or both in this order.
Parsed parse_delete(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  if (out.key.empty()) return reject(line, reply::kBadLine);
  if (!rest.empty()) {
    const std::string_view first = next_word(rest);
    const std::string_view second = next_word(rest);
    if (!rest.empty()) return reject(line, reply::kError);
    const std::string_view last = second.empty() ? first : second;
    out.quiet = last == "noreply";
    const bool good = second.empty() ? first == "0" || out.quiet : first == "0" && out.quiet;
    if (!good) return reject(line, reply::kDeleteUsage, out.quiet);
  }
  if (out.key.size() > kMaxKeyBytes) return reject(line, reply::kBadLine, out.quiet);
  return accept(line);
}

Parsed parse_arithmetic(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  const std::string_view delta = next_word(rest);
  if (delta.empty()) return reject(line, reply::kBadLine);
  out.quiet = asks_for_no_reply(line.words);
  if (out.key.size() > kMaxKeyBytes) return reject(line, reply::kBadLine, out.quiet);
  if (!loose_u64(delta, out.delta)) return reject(line, reply::kBadDelta, out.quiet);
  return accept(line);
}

Parsed parse_touch(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  const std::string_view exptime_word = next_word(rest);
  if (exptime_word.empty()) return reject(line, reply::kBadLine);
  out.quiet = asks_for_no_reply(line.words);
  if (out.key.size() > kMaxKeyBytes) return reject(line, reply::kBadLine, out.quiet);
  std::int32_t exptime = 0;
  if (!loose_i32(exptime_word, exptime)) return reject(line, reply::kBadExptime, out.quiet);
  out.exptime = exptime;
  return accept(line);
}

Parsed parse_meta(const Line& line, Request& out) {
  std::string_view rest = line.words;
  out.key = next_word(rest);
  if (out.key.empty()) return reject(line, reply::kBadLine);
  if (out.key.size() > kMaxKeyBytes) {
    const bool is_arithmetic = out.command == Command::kMetaArithmetic;
    return reject(line, is_arithmetic ? reply::kInvalidOrDuplicateFlag : reply::kBadLine);
  }
  out.arguments = without_leading_spaces(rest);
  return accept(line);
}

}  // namespace lmc::protocol::text

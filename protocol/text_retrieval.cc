// get, gets, gat, gats.

#include "protocol/numbers.h"
#include "protocol/text_line.h"

namespace lmc::protocol::text {
namespace {

// One byte more than a key may have must have a space among them, wherever they begin: so a step skips several keys.
bool has_too_long_key(std::string_view keys) {
  while (keys.size() > kMaxKeyBytes) {
    const std::size_t space = keys.substr(0, kMaxKeyBytes + 1).rfind(' ');
    if (space == std::string_view::npos) return true;
    keys.remove_prefix(space + 1);
  }
  return false;
}

Parsed take_keys(const Line& line, std::string_view rest, Request& out) {
  out.key = next_word(rest);
  if (out.key.empty() || out.key.size() > kMaxKeyBytes) return reject(line, reply::kBadLine);
  if (!rest.empty()) {
    out.arguments = without_leading_spaces(rest);
    if (has_too_long_key(out.arguments)) return reject(line, reply::kBadLine);
  }
  return accept(line);
}

}  // namespace

Parsed parse_get(const Line& line, Request& out) {
  return take_keys(line, line.words, out);
}

Parsed parse_gat(const Line& line, Request& out) {
  std::string_view rest = line.words;
  const std::string_view exptime_word = next_word(rest);
  if (rest.empty()) return reject(line, reply::kBadLine);
  std::int32_t exptime = 0;
  if (!strict_i32(exptime_word, exptime)) return reject(line, reply::kBadExptime);
  out.exptime = exptime;
  return take_keys(line, rest, out);
}

}  // namespace lmc::protocol::text

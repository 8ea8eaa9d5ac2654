// Commands about the server, and lines that are no command.

#include "protocol/numbers.h"
#include "protocol/text_line.h"

namespace lmc::protocol::text {

Parsed parse_flush_all(const Line& line, Request& out) {
  std::string_view rest = line.words;
  const std::string_view first = next_word(rest);
  out.arguments = without_leading_spaces(line.words);
  out.quiet = asks_for_no_reply(line.words);
  out.has_exptime = !first.empty() && !(out.quiet && rest.empty());
  if (!out.has_exptime) return accept(line);
  std::int32_t exptime = 0;
  out.exptime = strict_i32(first, exptime) ? exptime : Request::kBadExptime;  // not yet: one that is refused counts too
  return accept(line);
}

Parsed parse_admin(const Line& line, Request& out) {
  out.quiet = asks_for_no_reply(line.words);
  return parse_admin_loud(line, out);
}

Parsed parse_admin_loud(const Line& line, Request& out) {
  out.arguments = without_leading_spaces(line.words);
  return accept(line);
}

// A browser, or somebody who makes one send commands, is not answered.
Parsed parse_unknown(const Line& line) {
  const std::string_view last = last_word(line.words);
  const bool has_arguments = last.size() < without_leading_spaces(line.words).size();
  if (has_arguments && last.substr(0, 5) == "HTTP/") {
    Parsed parsed;
    parsed.status = Parsed::Status::kClose;
    parsed.consumed = line.bytes;
    return parsed;
  }
  return reject(line, reply::kError, has_arguments && last == "noreply");
}

}  // namespace lmc::protocol::text

// Inside of parse_text(): one line, found and trimmed, and the ways its parsing can end.
//
// text_parser.cc finds the line and dispatches on its first word; one file for each kind of command reads the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/parser.h"
#include "protocol/request.h"
#include "protocol/text_replies.h"
#include "protocol/words.h"

namespace lmc::protocol::text {

struct Line {
  std::string_view input;  // everything the caller gave
  std::string_view words;  // behind the command word, without line end and trailing spaces
  std::size_t bytes = 0;   // with line end
  std::uint64_t max_value_bytes = 0;
};

inline Parsed accept(const Line& line) {
  Parsed parsed;
  parsed.status = Parsed::Status::kRequest;
  parsed.consumed = line.bytes;
  return parsed;
}

// `reply` is not sent to a client that asked for none.
inline Parsed reject(const Line& line, std::string_view reply, bool quiet = false, std::uint64_t swallow = 0) {
  Parsed parsed;
  parsed.status = Parsed::Status::kReject;
  parsed.consumed = line.bytes;
  parsed.swallow = swallow;
  if (!quiet) parsed.reply = reply;
  return parsed;
}

inline bool asks_for_no_reply(std::string_view words) {
  return last_word(words) == "noreply";
}

// Each fills `out`, which comes fresh but for the command, from line.words.
Parsed parse_get(const Line& line, Request& out);
Parsed parse_gat(const Line& line, Request& out);
Parsed parse_storage(const Line& line, Request& out);  // cas too
Parsed parse_delete(const Line& line, Request& out);
Parsed parse_arithmetic(const Line& line, Request& out);
Parsed parse_touch(const Line& line, Request& out);
Parsed parse_meta(const Line& line, Request& out);  // all that have a key, but ms
Parsed parse_meta_set(const Line& line, Request& out);
Parsed parse_flush_all(const Line& line, Request& out);
Parsed parse_admin(const Line& line, Request& out);       // `noreply` means something
Parsed parse_admin_loud(const Line& line, Request& out);  // it does not
Parsed parse_unknown(const Line& line);

// The data block behind a storage line whose announced length is line-checked: out.value_bytes is set.
Parsed take_value(const Line& line, Request& out);

}  // namespace lmc::protocol::text

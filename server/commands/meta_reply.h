// What the replies of meta commands share: the echoed flags.
//
// Threads: pure functions. Room is the caller's: protocol::kMaxMetaLineBytes is enough for any meta reply line.
#pragma once

#include "protocol/meta_flags.h"
#include "protocol/text_format.h"

namespace lmc::commands {

// The flags that say nothing about the item: O and k (the key as it was asked for). Others write nothing.
inline char* write_echoed_flag(char* out, char letter, const protocol::MetaFlags& flags) {
  if (letter == 'O') return protocol::write_meta_opaque(out, flags.opaque);
  if (letter == 'k') return protocol::write_meta_key(out, flags.key, flags.has('b'));
  return out;
}

// A whole line of a status and the echoed flags: all that is said about an item that is not there.
inline char* write_status_line(char* out, std::string_view status, const protocol::MetaFlags& flags) {
  out = protocol::write_text(out, status);
  for (const char letter : flags.in_order()) out = write_echoed_flag(out, letter, flags);
  return protocol::write_crlf(out);
}

}  // namespace lmc::commands

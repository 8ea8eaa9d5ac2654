// Incremental reply parsing for clients and tools: bytes in, one Reply out, nothing kept between calls.
//
// Call parse_text_reply (text and meta, which share a connection) or parse_binary_reply with everything received and
// not yet consumed. One call yields one element of the stream, not one answer: a text get is answered by kValue and
// then kEnd, `stats` by many kStat and then kEnd. request_writer.h says which elements answer which request. The
// parsers hold no state: an incomplete element is parsed again from its first byte, and `needed` says how much must be
// there to be worth another call, so that a large value is not looked at for every packet.
//
// A Reply is a view: its string_views point into the input and are valid until the caller moves or reuses it.
//
// Threads: pure functions. Allocation: none. Errors: every malformed input is an outcome, never an exception.
//
// Invariants (fuzzed): (1) kReply consumes at least one byte and never more than the input holds. (2) The views lie
// within the consumed bytes. (3) A prefix of a well-formed element is kIncomplete, never another element or malformed.
// (4) kIncomplete with `needed` set: needed > input.size(), and fewer bytes give kIncomplete again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/request.h"

namespace lmc::protocol {

inline constexpr std::size_t kMaxReplyLineBytes = 8192;         // a longer line without its end is malformed
inline constexpr std::uint64_t kMaxReplyValueBytes = 1U << 30;  // the largest item any server can be told to accept

enum class ReplyKind : std::uint8_t {
  kValue,  // key (text; meta if asked for with `k`; binary GetK), value, client_flags, cas
  kMiss,   // a get that found nothing: meta EN, binary Get
  kEnd,    // text END; binary Stat with neither key nor value
  kStored,
  kNotStored,  // also meta NS
  kExists,     // also meta EX
  kNotFound,   // also meta NF
  kDeleted,
  kTouched,
  kOk,           // also meta HD, whatever was asked
  kNumber,       // `number`: text and binary increments. (Meta answers them by a kValue of digits.)
  kNoop,         // meta MN, binary Noop
  kVersion,      // `value` is the version
  kStat,         // key, value
  kError,        // text ERROR, binary Unknown command: the server does not know this request
  kClientError,  // `value` is the message: the request was wrong
  kServerError,  // `value` is the message: the server cannot serve it
  kLine,         // any other line, whole in `value`: BUSY, ME ..., lines of a dump
};

struct Reply {
  ReplyKind kind = ReplyKind::kLine;
  std::uint8_t opcode = 0;         // binary
  std::uint16_t status = 0;        // binary
  std::uint32_t opaque = 0;        // binary, as given to RequestWriter::set_opaque
  std::uint32_t client_flags = 0;  // text, binary; meta if asked for with `f`
  std::uint64_t cas = 0;           // text `gets`, binary; meta if asked for with `c`
  std::uint64_t number = 0;        // kNumber
  std::string_view key;
  std::string_view value;
  std::string_view flags;  // meta: the flags as they stand on the line
};

struct ReplyParsed {
  enum class Status : std::uint8_t {
    kIncomplete,  // more bytes are needed; nothing consumed
    kReply,       // `out` is filled
    kMalformed,   // this is not memcached's protocol, or synchronisation is lost: close the connection
  };
  Status status = Status::kIncomplete;
  std::size_t consumed = 0;  // kReply: bytes of the input this element used
  std::size_t needed = 0;    // kIncomplete: total length of input worth another call (0: any more bytes)
};

[[nodiscard]] ReplyParsed parse_text_reply(std::string_view input, Reply& out);

[[nodiscard]] ReplyParsed parse_binary_reply(std::string_view input, Reply& out);

[[nodiscard]] inline ReplyParsed parse_reply(Dialect dialect, std::string_view input, Reply& out) {
  return dialect == Dialect::kBinary ? parse_binary_reply(input, out) : parse_text_reply(input, out);
}

// The argument of one meta flag of Reply::flags ("t30" -> flag 't', argument "30"); nothing if the flag is not there.
[[nodiscard]] std::optional<std::string_view> meta_flag(std::string_view flags, char flag);

}  // namespace lmc::protocol

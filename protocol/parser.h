// Incremental request parsing: bytes in, one Request out, nothing kept between calls.
//
// Call parse() with everything received and not yet consumed. The parser holds no state: a request that is not complete
// is parsed again from its first byte when more is there, and `needed` says how much that is, so that large values are
// not looked at again for every packet. A value is complete in the input before kRequest is returned, so the caller's
// buffer must be able to hold one whole request: its line or header, at most ParseLimits::max_value_bytes, and CRLF.
//
// Threads: pure functions. Errors: every malformed input is an outcome, never an exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/request.h"

namespace lmc::protocol {

struct ParseLimits {
  std::uint64_t max_value_bytes = 1 << 20;  // a longer value is not waited for: ValueState::kTooLarge
};

struct Parsed {
  enum class Status : std::uint8_t {
    kIncomplete,  // more bytes are needed; nothing consumed
    kRequest,     // `out` is filled
    kReject,      // answer `reply` (may be empty), discard `swallow` bytes, go on
    kClose,       // answer `reply` (may be empty) and close the connection
  };
  Status status = Status::kIncomplete;
  std::size_t consumed = 0;     // bytes of the input this request used
  std::size_t needed = 0;       // kIncomplete: total length of input worth another call (0: any more bytes)
  std::uint64_t swallow = 0;    // bytes behind `consumed` that belong to this request and are to be discarded unseen
  std::string_view reply = {};  // kReject, kClose: complete reply, static storage
  std::uint16_t binary_status = 0;  // parse_binary's kReject, kClose: the reply is write_binary_error(out, this); `out`
                                    // has the opcode and opaque for it. 0: answer nothing
};

// Text and meta (they share a connection).
[[nodiscard]] Parsed parse_text(std::string_view input, const ParseLimits& limits, Request& out);
// The same, for input whose first `searched` bytes were kIncomplete with nothing `needed` in an earlier call: no line
// ends there. So that a very long line is not looked at again for every packet.
[[nodiscard]] Parsed parse_text(std::string_view input, const ParseLimits& limits, Request& out, std::size_t searched);

[[nodiscard]] Parsed parse_binary(std::string_view input, const ParseLimits& limits, Request& out);

// A connection's first byte tells its protocol: 0x80 is binary, anything else text.
[[nodiscard]] constexpr bool is_binary(char first_byte) {
  return static_cast<unsigned char>(first_byte) == 0x80;
}

}  // namespace lmc::protocol

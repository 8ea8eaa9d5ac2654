// The flags of a meta request: Request::arguments taken apart.
//
// As in memcached every known flag is accepted with every meta command, and one without meaning for it is ignored; an
// unknown flag is an error. Which flags mean something for which command: COMPATIBILITY section 2.
//
// The order of a request's flags matters twice: return flags are echoed in that order, and so are T and N carried out
// (a `t` before a `T` returns the old time to live). in_order() is that order.
//
// Threads: plain value, pure function. Lifetime: `opaque` and `key` point into the request's input, or, for a `b` key,
// into this object; hence no copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/base64.h"
#include "protocol/request.h"

namespace lmc::protocol {

// What an `M` flag (or its absence) asks for.
enum class MetaMode : std::uint8_t {
  kSet,        // ms: default, S
  kAdd,        // ms: E
  kAppend,     // ms: A
  kPrepend,    // ms: P
  kReplace,    // ms: R
  kIncrement,  // ma: default, I, +
  kDecrement,  // ma: D, -
};

class MetaFlags {
 public:
  static constexpr std::size_t kMaxFlags = kMaxMetaTokens - 2;  // without command and key

  MetaFlags() {}  // NOLINT: the arrays stay uninitialised on purpose
  MetaFlags(const MetaFlags&) = delete;
  MetaFlags& operator=(const MetaFlags&) = delete;

  // Whether the flag of this letter was given ('A'..'z').
  [[nodiscard]] bool has(char letter) const { return (present_ >> bit(letter) & 1) != 0; }

  // The letters of all flags given, in request order, each once.
  [[nodiscard]] std::string_view in_order() const { return {order_, count_}; }

  // Parses the flags of `request` (Dialect::kMeta, not kMetaNoop) into this fresh object. Returns the empty view, or
  // the complete error reply, after which only has('q') and has('O') may be asked.
  [[nodiscard]] std::string_view parse(const Request& request);

  // Values, meaningful when the flag is there, else as initialised here.
  std::string_view key;            // the key itself, decoded if has('b')
  std::string_view opaque;         // O, as sent and to be echoed, with its letter; at most kMaxOpaqueTokenBytes
  std::int64_t ttl = 0;            // T, N, R: as Request::exptime
  std::int64_t vivify_ttl = 0;     //
  std::int64_t recache_ttl = 0;    //
  std::uint64_t compare_cas = 0;   // C
  std::uint64_t new_cas = 0;       // E
  std::uint64_t delta = 1;         // D
  std::uint64_t initial = 0;       // J
  std::uint32_t client_flags = 0;  // F
  MetaMode mode = MetaMode::kSet;  // M; kIncrement for ma without M

 private:
  static constexpr unsigned bit(char letter) { return static_cast<unsigned>(letter - 'A') & 63; }

  std::string_view parse_flag(std::string_view token);
  std::string_view parse_mode(Command command);
  std::string_view decode_key();

  std::uint64_t present_ = 0;
  std::uint8_t count_ = 0;
  char mode_letter_ = 0;
  char order_[kMaxFlags];
  char decoded_key_[kMaxDecodedKeyBytes];
};

}  // namespace lmc::protocol

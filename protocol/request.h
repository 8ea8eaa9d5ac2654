// What a client asked for, in one shape for the text, meta and binary protocols.
//
// A Request is a view: every string_view points into the input buffer it was parsed from (or into static storage) and
// is valid until the caller moves or reuses that buffer. Nothing is allocated and no value is copied. Parsers fill it,
// the command layer reads it, nobody else needs to know how the words looked on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

namespace lmc::protocol {

inline constexpr std::size_t kMaxKeyBytes = 250;
inline constexpr std::size_t kMaxOpaqueTokenBytes = 32;  // meta `O`, with its letter
inline constexpr std::size_t kMaxMetaTokens = 20;        // tokens of a meta line, flags among them
inline constexpr std::size_t kMaxLineBytes = 2048;  // a longer line without its end is a protocol error, but for gets

// The grammar a request was written in, and so the one its reply must be written in.
enum class Dialect : std::uint8_t { kText, kMeta, kBinary };

// What is asked. One word per meaning, not per spelling: binary SetQ is kSet with `quiet`, binary GetKQ is kGet with
// `quiet` and `with_key`; the spelling survives in Request::opcode for the binary reply.
enum class Command : std::uint8_t {
  // Storage and retrieval: text and binary.
  kGet,   // text: several keys possible, the rest of them in `arguments`
  kGets,  // text only: get with the CAS unique
  kGat,   // get and touch; the text form may have several keys
  kGats,  // text only
  kSet,
  kAdd,
  kReplace,
  kAppend,
  kPrepend,
  kCas,  // text only; binary compares through `cas` of any mutation
  kDelete,
  kIncrement,
  kDecrement,
  kTouch,
  kFlushAll,
  // Meta.
  kMetaGet,
  kMetaSet,
  kMetaDelete,
  kMetaArithmetic,
  kMetaNoop,
  kMetaDebug,
  // About the server.
  kVersion,
  kVerbosity,
  kStats,
  kNoop,  // binary only
  kQuit,
  kShutdown,
  kCacheMemlimit,
  kLru,
  kLruCrawler,
  kSlabs,
  kWatch,
  kRefreshCerts,
  kDebugTime,
  kSaslListMechanisms,
  kSaslAuthenticate,
  kSaslStep,
  kUnknown,  // text: `ERROR`; binary: status 0x81
};

// Whether the value of a storage command is there.
enum class ValueState : std::uint8_t {
  kNone,      // this command has no value
  kPresent,   // `value` is complete
  kBadChunk,  // text: the data block did not end in CRLF; `value` must not be stored
  kTooLarge,  // larger than ParseLimits allows: `value` is empty, Parsed::swallow skips it unseen
};

struct Request {
  Command command = Command::kUnknown;
  Dialect dialect = Dialect::kText;
  ValueState value_state = ValueState::kNone;
  bool quiet = false;        // text `noreply`; binary quiet opcodes. Meta `q` is one of the flags in `arguments`
  bool with_key = false;     // binary GetK, GetKQ, GATK, GATKQ
  bool has_exptime = false;  // text flush_all and shutdown-like optionals: an argument was given
  std::uint8_t opcode = 0;   // binary: as received
  std::uint32_t opaque = 0;  // binary: to be echoed, in wire byte order as received
  std::uint32_t client_flags = 0;
  std::int64_t exptime = 0;       // as sent: 0 never, up to 30 days relative seconds, else absolute; negative: at once.
                                  // Binary increments: 0xffffffff (kNoCreate) means "do not create"
  std::uint64_t cas = 0;          // text cas: the unique; binary: 0 = do not compare
  std::uint64_t delta = 0;        // increments
  std::uint64_t initial = 0;      // binary increments
  std::uint64_t value_bytes = 0;  // announced length of the value, also when it is not there
  std::string_view key;        // at most kMaxKeyBytes. Meta: as sent, still base64 if the `b` flag is among the flags
  std::string_view arguments;  // text get family: the keys after the first; meta: the flags;
                               // stats, watch, lru...: the words after the command; trimmed of line end
  std::string_view value;

  static constexpr std::int64_t kNoCreate = 0xffffffff;
  static constexpr std::int64_t kBadExptime = std::numeric_limits<std::int64_t>::min();  // text flush_all: no number
};

// `request = Request{}` in half a dozen stores; gcc makes a `rep stos` of the assignment, which costs more than finding
// the line of a request. Parsers call it: keep one Request and let them fill it, do not make a new one for each
// request.
inline void reset(Request& request) {
  static constexpr Request kFresh{};
  std::memcpy(&request, &kFresh, sizeof request);
}

}  // namespace lmc::protocol

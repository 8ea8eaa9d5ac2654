// Requests as a client writes them, in any of the three dialects: one call per meaning, bytes appended to a buffer.
//
// The writer owns nothing and keeps no state but the buffer it appends to; it allocates only when that buffer grows, so
// a buffer that is cleared and filled again costs nothing. It does not check keys: a caller that may hold a bad key
// asks is_valid_key first (a key with a space or a line end in it would become another request).
//
// Every call says in its comment how many replies of reply_parser.h answer it. Binary requests carry `opaque`, which
// the server echoes; text and meta have no room for one and ignore it.
//
// Threads: a writer belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocol/request.h"

namespace lmc::protocol {

// What may stand as a key on the wire of text and meta: 1..kMaxKeyBytes bytes, none of them a space or a control byte.
[[nodiscard]] bool is_valid_key(std::string_view key);

enum class StoreMode : std::uint8_t { kSet, kAdd, kReplace, kAppend, kPrepend };

struct StoreArguments {
  std::string_view key;
  std::string_view value;
  std::uint32_t client_flags = 0;
  std::int64_t exptime = 0;
  // Store only if the item's CAS unique is this one. Text knows that with kSet only; in binary, 0 compares nothing.
  std::optional<std::uint64_t> compare_cas = {};
};

struct ArithmeticArguments {
  std::string_view key;
  std::uint64_t delta = 1;
  bool decrement = false;
};

class RequestWriter {
 public:
  RequestWriter(Dialect dialect, std::string& out) : dialect_(dialect), out_(&out) {}

  [[nodiscard]] Dialect dialect() const { return dialect_; }
  void set_opaque(std::uint32_t opaque) { opaque_ = opaque; }

  // Text: a kValue if the key is there, then kEnd. Meta and binary: one kValue or kMiss.
  // `with_cas`: the value's CAS unique is wanted (binary sends it always).
  void get(std::string_view key, bool with_cas = false);

  // A multiget: begin, each key once, end. Answered by one kValue for each key that is there, then kEnd (text) or
  // kNoop (meta: quiet `mg` and `mn`; binary: GetKQ and Noop). Values carry their key.
  void begin_multiget(bool with_cas = false);
  void add_key(std::string_view key);
  void end_multiget();
  void multiget(std::span<const std::string_view> keys, bool with_cas = false);

  void store(StoreMode mode, const StoreArguments& arguments);  // one reply
  void remove(std::string_view key);                            // one reply
  void arithmetic(const ArithmeticArguments& arguments);        // one reply
  void touch(std::string_view key, std::int64_t exptime);       // one reply
  void flush_all(std::uint32_t delay_s);                        // one reply
  void version();                                               // one reply
  void noop();                                                  // one kNoop
  void stats(std::string_view group);                           // kStat each, then kEnd (or one other reply)

 private:
  struct BinaryHead {
    std::uint8_t opcode;
    std::uint8_t extras_bytes = 0;
    std::uint64_t cas = 0;
    std::string_view key = {};
    std::uint64_t value_bytes = 0;
  };
  void binary_head(const BinaryHead& head);
  void store_text(StoreMode mode, const StoreArguments& arguments);
  void store_meta(StoreMode mode, const StoreArguments& arguments);
  void store_binary(StoreMode mode, const StoreArguments& arguments);

  Dialect dialect_;
  bool multiget_with_cas_ = false;
  std::uint32_t opaque_ = 0;
  std::string* out_;
};

}  // namespace lmc::protocol

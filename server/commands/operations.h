// The mutations, each once for all three dialects: look at the key under its lock, decide (decisions.h), do, count,
// tell the watchers. What differs between dialects is how a request becomes an order and how a result becomes a reply.
//
// Threads: the worker's, within a turn. An ItemView in a result is valid until the session's next mutation. kNoMemory
// in a result means that the log had no room and nothing was changed, but for the old value of a refused set (see
// StoreOrder).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "server/commands/context.h"
#include "server/commands/decisions.h"
#include "server/store/store.h"

namespace lmc::commands {

// --- set, add, replace, append, prepend, cas, ms ---

struct StoreOrder {
  store::HashedKey key;
  std::string_view value;
  StoreMode mode = StoreMode::kSet;
  CasCompare compare;
  std::uint32_t client_flags = 0;
  store::UnixSeconds expiry = store::kNeverExpires;
  std::uint64_t new_cas = 0;  // 0: the next of the counter
  bool binary_key = false;
  bool removes_if_refused = false;  // for size or memory, lest a reader take the old value for the new one
};

struct StoreResult {
  StoreOutcome outcome = StoreOutcome::kNotStored;
  std::uint64_t cas = 0;          // kStored
  std::uint64_t value_bytes = 0;  // of the item after an append; else of what was sent
  store::UnixSeconds expiry;      // of the item after an append; else as ordered
};

[[nodiscard]] StoreResult store_item(Context& context, const StoreOrder& order);

// The same for a value that the parser did not wait for, because it is larger than any item may be.
[[nodiscard]] StoreResult refuse_too_large(Context& context, const StoreOrder& order);

// --- delete, md ---

struct DeleteOrder {
  store::HashedKey key;
  bool compares = false;
  std::uint64_t expected_cas = 0;
  bool invalidates = false;                  // md I: the item stays, stale
  bool drops_value = false;                  // md x: the item stays, empty
  std::optional<store::UnixSeconds> expiry;  // md T, of an item that is invalidated
  std::uint64_t new_cas = 0;
  std::string_view command = "delete";  // for watchers
};

[[nodiscard]] DeleteOutcome delete_item(Context& context, const DeleteOrder& order);

// --- incr, decr, ma ---

struct NumberOrder {
  store::HashedKey key;
  ArithmeticOrder arithmetic;
  store::UnixSeconds created_expiry = store::kNeverExpires;
  std::optional<store::UnixSeconds> new_expiry;  // ma T; also of a created item unless created_expiry came later
  std::uint64_t new_cas = 0;
  bool binary_key = false;
};

struct NumberResult {
  ArithmeticOutcome outcome = ArithmeticOutcome::kNotFound;
  std::uint64_t number = 0;
  std::uint64_t cas = 0;
  store::UnixSeconds old_expiry = store::kNeverExpires;
};

// A number that is stored in place of a longer one keeps its length, padded with spaces.
[[nodiscard]] NumberResult change_number(Context& context, const NumberOrder& order);

// --- touch, gat ---

enum class TouchOutcome : std::uint8_t { kTouched, kNotFound, kNoMemory };

struct TouchResult {
  TouchOutcome outcome = TouchOutcome::kNotFound;
  store::ItemView item;  // kTouched
};

[[nodiscard]] TouchResult touch_item(Context& context, const store::HashedKey& key, store::UnixSeconds expiry);

// --- flush_all ---

enum class FlushOutcome : std::uint8_t { kDone, kNotAllowed, kBadExptime };  // not allowed: -F

// `exptime` as on the wire; 0 and less: now. Counted whatever comes of it.
[[nodiscard]] FlushOutcome flush_all(Context& context, std::int64_t exptime);

}  // namespace lmc::commands

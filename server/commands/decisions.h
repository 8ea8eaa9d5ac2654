// What a command does to a key, decided from what is there: the semantics of memcached's commands as plain functions.
//
// Nothing is read or changed here; operations.h does what was decided. ItemState is the little of an item that
// decisions need. The three dialects differ only in how they fill the arguments (COMPATIBILITY sections 1, 2 and 4).
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/store/types.h"

namespace lmc::commands {

struct ItemState {
  bool present = false;
  bool stale = false;
  bool win_sent = false;
  std::uint64_t cas = 0;  // as clients see it: 0 without CAS (-C)
  store::UnixSeconds expiry = store::kNeverExpires;
};

// --- storing ---

enum class StoreMode : std::uint8_t {
  kSet,
  kAdd,
  kReplace,
  kAppend,
  kPrepend,
  kCas,
  kAppendOrCreate,  // meta append and prepend with the N flag
  kPrependOrCreate,
};

enum class StoreOutcome : std::uint8_t { kStored, kNotStored, kExists, kNotFound, kTooLarge, kNoMemory };

struct CasCompare {
  std::uint64_t expected = 0;  // 0: nothing to compare with; kCas then never matches
  bool accept_older = false;   // meta I: an expected value below the item's stores all the same, as a stale item
};

struct StoreDecision {
  StoreOutcome outcome = StoreOutcome::kNotStored;
  bool joins = false;           // kStored: the value is the present one and the new one, in the mode's order
  bool keeps_as_stale = false;  // kStored: expiry and win_sent stay as they are, the item becomes stale
};

[[nodiscard]] StoreDecision decide_store(StoreMode mode, const ItemState& item, const CasCompare& compare);

[[nodiscard]] constexpr bool is_prepend(StoreMode mode) {
  return mode == StoreMode::kPrepend || mode == StoreMode::kPrependOrCreate;
}
[[nodiscard]] constexpr bool is_concatenation(StoreMode mode) {
  return is_prepend(mode) || mode == StoreMode::kAppend || mode == StoreMode::kAppendOrCreate;
}

// --- deleting ---

enum class DeleteOutcome : std::uint8_t { kDeleted, kNotFound, kExists, kNoMemory };

// `compares`: `expected` was given and must match, be it 0.
[[nodiscard]] DeleteOutcome decide_delete(const ItemState& item, bool compares, std::uint64_t expected);

// --- counting ---

enum class ArithmeticOutcome : std::uint8_t { kDone, kCreated, kNotFound, kExists, kNotNumeric, kNoMemory };

struct ArithmeticOrder {
  bool decrement = false;
  bool creates = false;  // a missing item is created with `initial`
  std::uint64_t delta = 1;
  std::uint64_t initial = 0;
  std::uint64_t expected_cas = 0;  // 0: not compared
};

struct ArithmeticDecision {
  ArithmeticOutcome outcome = ArithmeticOutcome::kNotFound;
  std::uint64_t number = 0;  // kDone, kCreated: what is stored now
};

// memcached cuts longer items into chunks, and counts none of those.
inline constexpr std::uint64_t kMaxNumberValueBytes = 512 << 10;

// `value`: of the present item, or as much of it as a number can be found in; empty if it is no number for its length
// alone.
[[nodiscard]] ArithmeticDecision decide_arithmetic(const ArithmeticOrder& order, const ItemState& item,
                                                   std::string_view value);

// --- meta get ---

struct MetaGetTimes {
  store::UnixSeconds touch;    // T
  store::UnixSeconds vivify;   // N
  store::UnixSeconds recache;  // R: an item that expires before this is won
};

struct MetaGetDecision {
  bool creates = false;  // vivify: an empty item
  bool touches = false;
  bool won = false;                                  // W: this client is to make the new value; later ones are told Z
  store::UnixSeconds expiry = store::kNeverExpires;  // afterwards

  [[nodiscard]] bool changes_item() const { return creates || touches || won; }
};

// `letters`: the request's flags in their order, which is the order they are carried out in.
[[nodiscard]] MetaGetDecision decide_meta_get(const ItemState& item, std::string_view letters,
                                              const MetaGetTimes& times);

}  // namespace lmc::commands

// Replication's strong types. Each is one number with one meaning; none converts into another by accident.
#pragma once

#include <compare>
#include <cstdint>

namespace lmc::replication {

// Names one primary and its exact in-sync set. Monotone: whoever has seen epoch e takes nothing of an older one. 0 is
// before every group.
struct Epoch {
  std::uint64_t value = 0;
  auto operator<=>(const Epoch&) const = default;
};

// The upper bits of an epoch count terms, the lower 16 the changes of the set within one.
inline constexpr std::uint64_t kEpochsOfTerm = std::uint64_t{1} << 16;

// The place of an entry in a group's ledger; the first is 1. It goes on over epochs and primaries.
struct Sequence {
  std::uint64_t value = 0;
  auto operator<=>(const Sequence&) const = default;
};

// How much of a ledger somebody has: all entries up to `sequence`; the next one is of `epoch`. Two nodes of which one
// is at a position that the other's ledger went through have the same entries up to it (Raft's log matching, with
// epochs for terms).
struct Position {
  Epoch epoch;
  Sequence sequence;
  bool operator==(const Position&) const = default;
  static void fields(auto& codec, auto& m) { codec(m.epoch.value, m.sequence.value); }
};

// The one number line of mutations (server/store/types.h has the same).
struct Version {
  std::uint64_t value = 0;
  auto operator<=>(const Version&) const = default;
};

}  // namespace lmc::replication

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

// A node of a group, given by its operator; unique within the group. 0 is nobody.
struct NodeId {
  std::uint32_t value = 0;
  auto operator<=>(const NodeId&) const = default;
};

// The place of an entry in the ledger of its epoch; the first is 1. Ledger sequences of different epochs say nothing
// about each other.
struct Sequence {
  std::uint64_t value = 0;
  auto operator<=>(const Sequence&) const = default;
};

// The one number line of mutations (server/store/types.h has the same).
struct Version {
  std::uint64_t value = 0;
  auto operator<=>(const Version&) const = default;
};

}  // namespace lmc::replication

// The ledger of a primary: appends entries to its ring, and knows which epochs they went through.
//
// Threads: the replication thread's. Room in the ring is the caller's concern: an append overwrites the entry that is
// `slots` older.
#pragma once

#include <optional>

#include "replication/engine/ledger_ring.h"

namespace lmc::replication {

class Ledger {
 public:
  // Goes on behind `at`; the ring holds what was before, as far as it does.
  Ledger(LedgerRing& ring, Position at) : ring_(ring), end_(at) {}

  [[nodiscard]] Position end() const { return end_; }
  [[nodiscard]] Sequence last() const { return end_.sequence; }
  [[nodiscard]] Epoch epoch() const { return end_.epoch; }
  [[nodiscard]] const LedgerRing& ring() const { return ring_; }

  void append(const Entry& entry);
  // Appends the entry that ends the epoch.
  void begin_epoch(Epoch next);

  // Whether who is at this position has exactly what this ledger has up to there, and can be told the rest from the
  // ring. Note "same past".
  [[nodiscard]] bool continues(const Position& position) const;

 private:
  LedgerRing& ring_;
  Position end_;
};

}  // namespace lmc::replication

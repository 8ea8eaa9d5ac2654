// The ledger of a primary: appends entries to its ring, and knows which epochs they went through.
//
// Threads: the replication thread's. Room in the ring is the caller's concern: an append overwrites the entry that is
// `slots` older.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "replication/engine/ledger_ring.h"

namespace lmc::replication {

class Ledger {
 public:
  // Goes on behind `at`, where it tells up to `version`; the ring holds what was before, as far as it does.
  Ledger(LedgerRing& ring, Position at, Version version);

  [[nodiscard]] Position end() const { return end_; }
  [[nodiscard]] Sequence last() const { return end_.sequence; }
  [[nodiscard]] Epoch epoch() const { return end_.epoch; }
  [[nodiscard]] const LedgerRing& ring() const { return ring_; }

  void append(const Entry& entry);
  // Appends the entry that ends the epoch.
  void begin_epoch(Epoch next);

  // What the entries of this ledger tell, up to this one: the version of the last head, and how many log bytes since
  // the ledger began here. Of what it does not know any more, or never knew: what it told when it began.
  struct Told {
    Version version;
    std::uint64_t log_bytes = 0;
  };
  [[nodiscard]] Told told_up_to(Sequence sequence) const;

  // Whether who is at this position has exactly what this ledger has up to there, and can be told the rest from the
  // ring. Note "same past".
  [[nodiscard]] bool continues(const Position& position) const;

 private:
  LedgerRing& ring_;
  Position end_;
  Sequence begin_;
  Told told_at_begin_;
  Told told_;                    // by all
  std::vector<Told> told_then_;  // by place of the ring
};

}  // namespace lmc::replication

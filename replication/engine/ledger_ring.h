// Where a node keeps the ledger's latest entries: a ring of places, in which the entry with sequence s lies at place
// s mod slots. A primary puts them there and posts them from there; a backup exposes its ring, and finds the same
// entries at the same places. So a backup that is promoted has in its ring what the other backups may lack.
//
// Threads: the replication thread's. A backup's workers read places (Applier), word by word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "replication/ledger.h"

namespace lmc::replication {

inline constexpr std::size_t kRingSlots = std::size_t{1} << 16;  // 4 MiB

class LedgerRing {
 public:
  using Place = std::span<std::uint64_t, kCheckedWords>;

  // `slots`: a power of two.
  explicit LedgerRing(std::size_t slots = kRingSlots);

  [[nodiscard]] std::size_t slots() const { return slots_; }
  // Of whole pages.
  [[nodiscard]] std::span<char> memory() const { return {reinterpret_cast<char*>(words_.get()), bytes_}; }
  [[nodiscard]] std::uint64_t offset_of(Sequence sequence) const {
    return (sequence.value & (slots_ - 1)) * kEntryBytes;
  }
  [[nodiscard]] Place place(Sequence sequence) const {
    return Place{words_.get() + offset_of(sequence) / sizeof(std::uint64_t), kCheckedWords};
  }
  void put(const Entry& entry, Epoch epoch, Sequence sequence);
  // Makes all places empty but those of entries up to `last`. Note "torn tail".
  void forget_after(Sequence last);
  void clear();
  // The entry, if the ring (still) has it.
  [[nodiscard]] std::optional<StoredEntry> find(Sequence sequence) const;

 private:
  struct Free {
    void operator()(std::uint64_t* words) const;
  };
  std::size_t slots_;
  std::size_t bytes_;
  std::unique_ptr<std::uint64_t[], Free> words_;
};

}  // namespace lmc::replication

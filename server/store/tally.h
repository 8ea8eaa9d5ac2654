// One session's share of the store's counters: written by the session's thread, summed by anybody.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lmc::store {

enum class Count : std::uint8_t {
  kTotalItems,
  kEvictions,
  kEvictedNonzero,
  kEvictedUnfetched,
  kReclaimed,
  kExpiredUnfetched,
  kOutOfMemory,
  kDirectReclaims,
  kRelocatedItems,
  kRelocatedBytes,
  kSegmentsCompacted,
  kSegmentsEvicted,
  kGhostHits,
  kIndexSplits,
};
inline constexpr std::size_t kCounts = 14;

class Tally {
 public:
  // Load and store, not an atomic add: there is one writer.
  void add(Count count, std::uint64_t n = 1) {
    auto& cell = cells_[static_cast<std::size_t>(count)];
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get(std::size_t i) const { return cells_[i].load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kCounts> cells_{};
};

}  // namespace lmc::store

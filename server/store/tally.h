// One session's share of the store's counters: written by the session's thread, summed by anybody.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/store/types.h"

namespace lmc::store {

enum class Count : std::uint8_t {
  kTotalItems,
  kOutOfMemory,
  kDirectReclaims,
  kRelocatedItems,
  kRelocatedBytes,
  kSegmentsCompacted,
  kSegmentsEvicted,
  kGhostHits,
  kIndexSplits,
};
inline constexpr std::size_t kCounts = 9;

// Counted by the stream of the item that it happened to.
enum class StreamCount : std::uint8_t {
  kEvictions,
  kEvictedNonzero,
  kEvictedUnfetched,
  kReclaimed,
  kExpiredUnfetched,
};
inline constexpr std::size_t kStreamCounts = 5;

// All of them, in one row.
inline constexpr std::size_t kTallyCells = kCounts + kStreams * kStreamCounts;
[[nodiscard]] constexpr std::size_t cell_of(Count count) {
  return static_cast<std::size_t>(count);
}
[[nodiscard]] constexpr std::size_t cell_of(StreamCount count, Stream stream) {
  return kCounts + static_cast<std::size_t>(stream) * kStreamCounts + static_cast<std::size_t>(count);
}

class Tally {
 public:
  void add(Count count, std::uint64_t n = 1) { raise(cells_[cell_of(count)], n); }
  void add(StreamCount count, Stream stream) { raise(cells_[cell_of(count, stream)], 1); }
  [[nodiscard]] std::uint64_t get(std::size_t i) const { return cells_[i].load(std::memory_order_relaxed); }

 private:
  // Load and store, not an atomic add: there is one writer.
  static void raise(std::atomic<std::uint64_t>& cell, std::uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::array<std::atomic<std::uint64_t>, kTallyCells> cells_{};
};

}  // namespace lmc::store

// What a worker counts. One worker writes, the runner reads at any time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lmc::bench {

enum class Count : std::uint8_t {
  kOperations,  // answered gets and sets (fills not among them)
  kGets,        // get commands; a multiget is one
  kKeys,        // keys asked for
  kHits,        // keys found
  kSets,
  kFills,       // sets that followed a miss (cache-aside)
  kErrors,      // answered by an error, or cut off by a closed connection
  kMismatches,  // verification failed
  kUnanswered,  // no answer when the run had to end
  kBytesSent,
  kBytesReceived,
  kCount,
};

inline constexpr std::size_t kCounts = static_cast<std::size_t>(Count::kCount);

inline constexpr std::array<std::string_view, kCounts> kCountNames = {
    "operations", "gets",       "keys",       "hits",       "sets",          "fills",
    "errors",     "mismatches", "unanswered", "bytes_sent", "bytes_received"};

// A snapshot, or a difference or sum of snapshots.
struct Totals {
  std::array<std::uint64_t, kCounts> counts{};

  [[nodiscard]] std::uint64_t operator[](Count what) const { return counts[static_cast<std::size_t>(what)]; }
  Totals& operator+=(const Totals& other) {
    for (std::size_t i = 0; i < kCounts; ++i) counts[i] += other.counts[i];
    return *this;
  }
  friend Totals operator-(Totals a, const Totals& b) {
    for (std::size_t i = 0; i < kCounts; ++i) a.counts[i] -= b.counts[i];
    return a;
  }
};

class Counters {
 public:
  void add(Count what, std::uint64_t by = 1) {
    // One writer, so no read-modify-write; relaxed, because each count is meaningful by itself.
    auto& count = counts_[static_cast<std::size_t>(what)];
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  [[nodiscard]] Totals snapshot() const {
    Totals totals;
    for (std::size_t i = 0; i < kCounts; ++i) totals.counts[i] = counts_[i].load(std::memory_order_relaxed);
    return totals;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kCounts> counts_{};
};

}  // namespace lmc::bench

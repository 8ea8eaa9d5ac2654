// Counters of what clients asked and how it went: one WorkerCounters per worker, summed when somebody asks for stats.
//
// A worker adds to its own counters only, with a relaxed load and store (no locked instruction): single writer, any
// reader. A reader sees each counter at some recent value; sums over counters need not agree with each other to the
// last event. reset() cannot write to another worker's counters without a lock, so it remembers a baseline that sums
// subtract.
//
// Names are memcached's stats keys; counter_name() is the one place that spells them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "server/commands/prefix_counters.h"
#include "server/store/types.h"

namespace lmc::commands {

enum class Counter : std::uint8_t {
  kGet,  // keys asked for, by get, gets, gat, mg, binary gets
  kGetMiss,
  kGetExpired,  // misses that met an expired item
  kGetFlushed,  // ... a flushed one
  kFlush,
  kTouch,  // touch and gat
  kTouchMiss,
  kMeta,  // meta commands
  kDeleteMiss,
  kIncrementMiss,
  kDecrementMiss,
  kCasMiss,
  kStoreTooLarge,
  kStoreNoMemory,
  kCount,
};

// Counted by the stream (fresh, survivor) that the item was met in: the two classes of `stats slabs`.
enum class StreamCounter : std::uint8_t {
  kGetHit,
  kSet,  // values stored or tried to, by set, add, replace, append, prepend, cas, ms. Always as kFresh
  kDeleteHit,
  kIncrementHit,
  kDecrementHit,
  kCasHit,
  kCasBadValue,
  kTouchHit,
  kCount,
};

inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::kCount);
inline constexpr std::size_t kStreamCounters = static_cast<std::size_t>(StreamCounter::kCount);
inline constexpr std::size_t kMaxWorkers = 256;  // limit of -t

[[nodiscard]] std::string_view counter_name(Counter counter);
[[nodiscard]] std::string_view counter_name(StreamCounter counter);

// A sum over workers, at one moment.
struct CounterSums {
  std::array<std::uint64_t, kCounters> plain{};
  std::array<std::array<std::uint64_t, kStreamCounters>, store::kStreams> by_stream{};

  [[nodiscard]] std::uint64_t of(Counter counter) const { return plain[static_cast<std::size_t>(counter)]; }
  [[nodiscard]] std::uint64_t of(StreamCounter counter, store::Stream stream) const {
    return by_stream[static_cast<std::size_t>(stream)][static_cast<std::size_t>(counter)];
  }
  // Over both streams.
  [[nodiscard]] std::uint64_t of(StreamCounter counter) const {
    return of(counter, store::Stream::kFresh) + of(counter, store::Stream::kSurvivor);
  }
};

class alignas(64) WorkerCounters {
 public:
  void add(Counter counter, std::uint64_t n = 1) { raise(plain_[static_cast<std::size_t>(counter)], n); }
  void add(StreamCounter counter, store::Stream stream, std::uint64_t n = 1) {
    raise(by_stream_[static_cast<std::size_t>(stream)][static_cast<std::size_t>(counter)], n);
  }
  void add_to(CounterSums& sums) const;

 private:
  using Cell = std::atomic<std::uint64_t>;
  // The owning worker is the only writer, so load and store need not be one step.
  static void raise(Cell& cell, std::uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::array<Cell, kCounters> plain_{};
  std::array<std::array<Cell, kStreamCounters>, store::kStreams> by_stream_{};
};

// The walks over the index that `lru_crawler` starts, as its commands and stats show them. Any thread, relaxed.
struct CrawlerCounters {
  std::atomic<unsigned> running{0};  // crawls and dumps
  std::atomic<std::uint64_t> starts{0};
  std::atomic<std::uint64_t> items_checked{0};
  std::atomic<std::uint64_t> reclaimed{0};
};

class CounterBoard {
 public:
  // At most kMaxWorkers.
  explicit CounterBoard(unsigned workers);

  [[nodiscard]] WorkerCounters& of_worker(unsigned worker);
  [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(counters_.size()); }

  // Since the start or the last reset(). Any thread.
  [[nodiscard]] CounterSums sums() const;
  void reset();

  // What is counted per process, not per worker.
  [[nodiscard]] PrefixCounters& prefixes() { return prefixes_; }
  [[nodiscard]] CrawlerCounters& crawler() { return crawler_; }

 private:
  [[nodiscard]] CounterSums raw_sums() const;

  std::unique_ptr<WorkerCounters[]> storage_;
  std::span<WorkerCounters> counters_;
  mutable std::mutex baseline_mutex_;
  CounterSums baseline_;  // guarded by baseline_mutex_
  PrefixCounters prefixes_;
  CrawlerCounters crawler_;
};

}  // namespace lmc::commands

#include "server/commands/counters.h"

#include <cassert>

namespace lmc::commands {
namespace {

// What `every` returns for each pair of cells, in all counters of a sum.
template <class Combine>
void combine(CounterSums& into, const CounterSums& other, Combine&& every) {
  for (std::size_t i = 0; i < kCounters; ++i) into.plain[i] = every(into.plain[i], other.plain[i]);
  for (std::size_t stream = 0; stream < store::kStreams; ++stream) {
    for (std::size_t i = 0; i < kStreamCounters; ++i) {
      into.by_stream[stream][i] = every(into.by_stream[stream][i], other.by_stream[stream][i]);
    }
  }
}

}  // namespace

std::string_view counter_name(Counter counter) {
  switch (counter) {
    case Counter::kGet:
      return "cmd_get";
    case Counter::kGetMiss:
      return "get_misses";
    case Counter::kGetExpired:
      return "get_expired";
    case Counter::kGetFlushed:
      return "get_flushed";
    case Counter::kFlush:
      return "cmd_flush";
    case Counter::kTouch:
      return "cmd_touch";
    case Counter::kTouchMiss:
      return "touch_misses";
    case Counter::kMeta:
      return "cmd_meta";
    case Counter::kDeleteMiss:
      return "delete_misses";
    case Counter::kIncrementMiss:
      return "incr_misses";
    case Counter::kDecrementMiss:
      return "decr_misses";
    case Counter::kCasMiss:
      return "cas_misses";
    case Counter::kStoreTooLarge:
      return "store_too_large";
    case Counter::kStoreNoMemory:
      return "store_no_memory";
    case Counter::kCount:
      break;
  }
  return {};
}

std::string_view counter_name(StreamCounter counter) {
  switch (counter) {
    case StreamCounter::kGetHit:
      return "get_hits";
    case StreamCounter::kSet:
      return "cmd_set";
    case StreamCounter::kDeleteHit:
      return "delete_hits";
    case StreamCounter::kIncrementHit:
      return "incr_hits";
    case StreamCounter::kDecrementHit:
      return "decr_hits";
    case StreamCounter::kCasHit:
      return "cas_hits";
    case StreamCounter::kCasBadValue:
      return "cas_badval";
    case StreamCounter::kTouchHit:
      return "touch_hits";
    case StreamCounter::kCount:
      break;
  }
  return {};
}

void WorkerCounters::add_to(CounterSums& sums) const {
  CounterSums mine;
  for (std::size_t i = 0; i < kCounters; ++i) mine.plain[i] = plain_[i].load(std::memory_order_relaxed);
  for (std::size_t stream = 0; stream < store::kStreams; ++stream) {
    for (std::size_t i = 0; i < kStreamCounters; ++i) {
      mine.by_stream[stream][i] = by_stream_[stream][i].load(std::memory_order_relaxed);
    }
  }
  combine(sums, mine, [](std::uint64_t a, std::uint64_t b) { return a + b; });
}

CounterBoard::CounterBoard(unsigned workers)
    : storage_(std::make_unique<WorkerCounters[]>(workers)), counters_(storage_.get(), workers) {
  assert(workers <= kMaxWorkers);
}

WorkerCounters& CounterBoard::of_worker(unsigned worker) {
  assert(worker < counters_.size());
  return counters_[worker];
}

CounterSums CounterBoard::raw_sums() const {
  CounterSums sums;
  for (const WorkerCounters& counters : counters_) counters.add_to(sums);
  return sums;
}

CounterSums CounterBoard::sums() const {
  CounterSums sums = raw_sums();
  const std::lock_guard lock(baseline_mutex_);
  combine(sums, baseline_, [](std::uint64_t a, std::uint64_t b) { return a - b; });
  return sums;
}

void CounterBoard::reset() {
  const CounterSums sums = raw_sums();
  const std::lock_guard lock(baseline_mutex_);
  baseline_ = sums;
}

}  // namespace lmc::commands

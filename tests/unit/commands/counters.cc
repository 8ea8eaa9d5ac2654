#include "server/commands/counters.h"

#include <catch2/catch.hpp>
#include <set>

using namespace lmc::commands;
using lmc::store::Stream;

TEST_CASE("sums are over all workers") {
  CounterBoard board(3);
  board.of_worker(0).add(Counter::kGet);
  board.of_worker(2).add(Counter::kGet, 4);
  board.of_worker(1).add(StreamCounter::kGetHit, Stream::kFresh, 2);
  board.of_worker(2).add(StreamCounter::kGetHit, Stream::kSurvivor);
  const CounterSums sums = board.sums();
  CHECK(sums.of(Counter::kGet) == 5);
  CHECK(sums.of(Counter::kFlush) == 0);
  CHECK(sums.of(StreamCounter::kGetHit) == 3);
  CHECK(sums.of(StreamCounter::kGetHit, Stream::kSurvivor) == 1);
}

TEST_CASE("after a reset only what comes later is counted") {
  CounterBoard board(1);
  board.of_worker(0).add(Counter::kGet, 10);
  board.of_worker(0).add(StreamCounter::kSet, Stream::kFresh, 3);
  board.reset();
  CHECK(board.sums().of(Counter::kGet) == 0);
  CHECK(board.sums().of(StreamCounter::kSet) == 0);
  board.of_worker(0).add(Counter::kGet);
  CHECK(board.sums().of(Counter::kGet) == 1);
}

TEST_CASE("every counter has a name of its own") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kCounters; ++i) names.insert(counter_name(static_cast<Counter>(i)));
  for (std::size_t i = 0; i < kStreamCounters; ++i) names.insert(counter_name(static_cast<StreamCounter>(i)));
  CHECK(names.size() == kCounters + kStreamCounters);
  CHECK(names.count("") == 0);
}

TEST_CASE("workers' counters do not share cache lines") {
  CHECK(alignof(WorkerCounters) >= 64);
  CHECK(sizeof(WorkerCounters) % 64 == 0);
}

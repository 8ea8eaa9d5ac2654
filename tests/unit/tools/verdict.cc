#include "tools/bench/verdict.h"

#include <catch2/catch.hpp>

namespace {

using namespace lmc::bench;

RunResult quiet_result(double operations) {
  RunResult result;
  result.window_s = 10;
  result.window.counts[static_cast<std::size_t>(Count::kOperations)] = static_cast<std::uint64_t>(operations);
  result.thread_busy = {0.4};
  for (int i = 0; i < 1'000; ++i) {
    result.get_ns.record(100'000);
    result.send_lag_ns.record(1'000);
  }
  return result;
}

Plan open_plan() {
  Plan plan;
  plan.loop = Loop::kOpen;
  plan.rate = 10'000;
  return plan;
}

}  // namespace

TEST_CASE("a run within all bounds raises no doubt") {
  CHECK(doubts(open_plan(), quiet_result(100'000)).empty());
  CHECK(doubts(Plan{}, quiet_result(100'000)).empty());
}

TEST_CASE("a generator at its limit says so") {
  RunResult result = quiet_result(100'000);
  result.thread_busy = {0.3, 0.99};
  CHECK(doubts(Plan{}, result).size() == 1);
  CHECK(doubts(open_plan(), result).size() == 1);
}

TEST_CASE("late sends are doubtful when they are a good part of the latency") {
  RunResult result = quiet_result(100'000);
  for (int i = 0; i < 100; ++i) result.send_lag_ns.record(90'000);
  CHECK(doubts(open_plan(), result).size() == 1);
}

TEST_CASE("a rate that was not reached is told, the chance of a Poisson process is not") {
  CHECK(doubts(open_plan(), quiet_result(80'000)).size() == 1);
  CHECK(doubts(open_plan(), quiet_result(99'300)).empty());
}

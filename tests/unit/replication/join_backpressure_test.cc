#include "replication/engine/join_backpressure.h"

#include <catch2/catch.hpp>

namespace lmc::replication {
namespace {

constexpr std::uint64_t kSegment = 1000;
constexpr std::uint64_t kNoLimit = JoinBackpressure::kNoLimit;

TEST_CASE("a copy that gains on the writes holds up nothing") {
  JoinBackpressure backpressure(kSegment);
  std::uint64_t landed = 0;
  for (std::uint64_t bytes = 64'000; bytes > 1000; bytes = bytes * 7 / 10) {
    CHECK_FALSE(backpressure.on_round(bytes, landed));
    CHECK(backpressure.may_reuse(landed) == kNoLimit);
    backpressure.on_reused(50);
    landed += bytes;
  }
  CHECK_FALSE(backpressure.on_round(0, landed));
}

TEST_CASE("of a copy that does not gain on the writes two bytes must land for each that they may use again") {
  JoinBackpressure backpressure(kSegment);
  CHECK_FALSE(backpressure.on_round(64'000, 0));
  CHECK(backpressure.on_round(60'000, 64'000));
  CHECK(backpressure.on());
  CHECK(backpressure.may_reuse(64'000) == 0);
  CHECK(backpressure.may_reuse(65'999) == 0);
  CHECK(backpressure.may_reuse(66'000) == 1);
  backpressure.on_reused(1);
  CHECK(backpressure.may_reuse(66'000) == 0);
  CHECK(backpressure.may_reuse(70'000) == 2);
}

TEST_CASE("it stays on until the copy ends, and says only once that it is") {
  JoinBackpressure backpressure(kSegment);
  CHECK_FALSE(backpressure.on_round(10'000, 0));
  CHECK(backpressure.on_round(10'000, 10'000));
  CHECK_FALSE(backpressure.on_round(1'000, 20'000));
  CHECK_FALSE(backpressure.on_round(10'000, 21'000));
  CHECK(backpressure.may_reuse(21'000) == 5);
}

}  // namespace
}  // namespace lmc::replication

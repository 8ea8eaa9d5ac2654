#include "tools/bench/ring.h"

#include <catch2/catch.hpp>
#include <deque>

#include "tools/bench/random.h"

TEST_CASE("a ring is a queue, also when it grows while wrapped around") {
  lmc::bench::Ring<int> ring;
  std::deque<int> expected;
  lmc::bench::Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    if (expected.empty() || random.below(100) < 55) {
      ring.push(i);
      expected.push_back(i);
    } else {
      REQUIRE(ring.front() == expected.front());
      REQUIRE(ring.pop() == expected.front());
      expected.pop_front();
    }
    REQUIRE(ring.size() == expected.size());
  }
}

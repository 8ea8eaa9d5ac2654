#include "tools/bench/zipf.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

namespace {

using namespace lmc::bench;

}  // namespace

TEST_CASE("Zipf draws have the probabilities of the definition, for theta below, at and above 1") {
  constexpr std::uint64_t kRanks = 1'000;
  constexpr int kDraws = 400'000;
  for (const double theta : {0.0, 0.5, 0.99, 1.0, 1.1, 2.0}) {
    double normaliser = 0;
    for (std::uint64_t rank = 1; rank <= kRanks; ++rank) normaliser += std::pow(static_cast<double>(rank), -theta);
    const Zipf zipf(kRanks, theta);
    Random random(42);
    std::vector<int> seen(kRanks + 1);
    for (int i = 0; i < kDraws; ++i) {
      const std::uint64_t rank = zipf.sample(random);
      REQUIRE(rank >= 1);
      REQUIRE(rank <= kRanks);
      ++seen[rank];
    }
    for (const std::uint64_t rank : {1U, 2U, 3U, 10U, 100U, 1'000U}) {
      const double expected = kDraws * std::pow(static_cast<double>(rank), -theta) / normaliser;
      INFO("theta " << theta << ", rank " << rank);
      CHECK(std::abs(seen[rank] - expected) <= 5 * std::sqrt(expected) + 1);  // five standard deviations
    }
  }
}

TEST_CASE("one rank is always that rank, and huge sets need no table") {
  Random random(1);
  CHECK(Zipf(1, 0.99).sample(random) == 1);
  const Zipf huge(1'000'000'000'000, 0.9);
  for (int i = 0; i < 1'000; ++i) CHECK(huge.sample(random) <= 1'000'000'000'000);
}

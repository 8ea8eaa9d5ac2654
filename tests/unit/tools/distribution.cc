#include "tools/bench/distribution.h"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "tools/bench/random.h"

namespace {

using namespace lmc::bench;

double share_of(const Distribution& distribution, std::uint64_t value) {
  Random random(3);
  int seen = 0;
  for (int i = 0; i < 100'000; ++i) seen += distribution.at(random.next()) == value ? 1 : 0;
  return seen / 100'000.0;
}

}  // namespace

TEST_CASE("a number is always that number") {
  const Distribution fixed("100");
  CHECK(fixed.at(0) == 100);
  CHECK(fixed.at(~std::uint64_t{0}) == 100);
  CHECK(fixed.mean() == 100);
}

TEST_CASE("uniform covers both bounds evenly") {
  const Distribution uniform("uniform:1-4");
  CHECK(uniform.min() == 1);
  CHECK(uniform.max() == 4);
  for (std::uint64_t value = 1; value <= 4; ++value) CHECK(share_of(uniform, value) == Approx(0.25).margin(0.01));
}

TEST_CASE("a weighted list keeps its weights, whatever they add up to") {
  const Distribution list("list:50@1,500@2,5000@1");
  CHECK(share_of(list, 50) == Approx(0.25).margin(0.01));
  CHECK(share_of(list, 500) == Approx(0.5).margin(0.01));
  CHECK(share_of(list, 5'000) == Approx(0.25).margin(0.01));
}

TEST_CASE("the continuous families have the medians and means of their formulas") {
  const Distribution lognormal("lognormal:200,1,100000");
  CHECK(lognormal.at(std::uint64_t{1} << 63) == Approx(200).margin(2));
  CHECK(lognormal.mean() == Approx(200 * 1.6487).epsilon(0.02));
  const Distribution gev("gev:30.7984,8.20449,0.078688");
  CHECK(gev.mean() == Approx(30.7984 + 8.20449 * 0.6727).epsilon(0.01));
  const Distribution pareto("pareto:0,214.476,0.348238");
  CHECK(pareto.mean() == Approx(214.476 / (1 - 0.348238)).epsilon(0.03));
}

TEST_CASE("a maximum cuts the tail") {
  CHECK(Distribution("lognormal:200,2,1000").max() == 1'000);
}

TEST_CASE("what is no distribution is refused, with the reason") {
  for (const char* wrong : {"", "abc", "-1", "uniform:5", "uniform:9-3", "lognormal:1", "gauss:1,2", "list:5@-1",
                            "list:5@0", "uniform:a-b", "12x"}) {
    INFO(wrong);
    CHECK_THROWS_AS(Distribution(wrong), std::invalid_argument);
  }
}

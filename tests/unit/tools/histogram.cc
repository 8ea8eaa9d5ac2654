#include "tools/bench/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tools/bench/random.h"

namespace {

using namespace lmc::bench;
using namespace lmc::bench::histogram_layout;

}  // namespace

TEST_CASE("buckets are contiguous and no wider than 1/128 of their value") {
  for (std::size_t bucket = 0; bucket + 1 < kBuckets; ++bucket) {
    const std::uint64_t end = upper_end(bucket);
    REQUIRE(bucket_of(end) == bucket);
    REQUIRE(bucket_of(end + 1) == bucket + 1);
    const std::uint64_t width = upper_end(bucket + 1) - end;
    REQUIRE(static_cast<double>(width - 1) <= static_cast<double>(end + 1) / 128);
  }
  CHECK(bucket_of(~std::uint64_t{0}) == kBuckets - 1);
}

TEST_CASE("every quantile is within 0.8 % of the sorted samples', and never below it") {
  Random random(7);
  Histogram histogram;
  std::vector<std::uint64_t> samples;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t sample = random.next() >> (24 + random.below(40));  // over twelve decades
    samples.push_back(std::min(sample, kMaxValue));
    histogram.record(samples.back());
  }
  std::sort(samples.begin(), samples.end());
  for (const double quantile : {0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(quantile * 20'000)));
    const std::uint64_t exact = samples[rank - 1];
    CHECK(histogram.at(quantile) >= exact);
    CHECK(static_cast<double>(histogram.at(quantile)) <= static_cast<double>(exact) * 1.008);
  }
  CHECK(histogram.min() == samples.front());
  CHECK(histogram.max() == samples.back());
  CHECK(histogram.count() == samples.size());
}

TEST_CASE("an empty histogram reports zeros") {
  const Histogram empty;
  CHECK(empty.at(0.99) == 0);
  CHECK(empty.min() == 0);
  CHECK(empty.mean() == 0);
}

TEST_CASE("merged histograms are the histogram of all samples, and a difference is what came in between") {
  LiveHistogram live;
  live.record(100);
  live.record(1'000'000);
  const Histogram before = live.snapshot();
  live.record(5'000);
  live.record(5'000);
  const Histogram after = live.snapshot();
  const Histogram between = after.since(before);
  CHECK(between.count() == 2);
  CHECK(between.at(0.5) == Approx(5'000).epsilon(0.008));
  CHECK(between.mean() == 5'000);
  Histogram sum = before;
  sum.merge(between);
  CHECK(sum.count() == after.count());
  CHECK(sum.mean() == after.mean());
  CHECK(sum.at(0.75) == after.at(0.75));
  CHECK(sum.max() == after.max());
}

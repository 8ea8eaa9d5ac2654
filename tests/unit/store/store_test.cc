#include "server/store/store.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;
using Catch::Matchers::Contains;

TEST_CASE("limits that do not go together are refused with what to do") {
  StoreOptions options = options_of(kMiB);
  options.max_item_bytes = 1023;
  CHECK_THROWS_WITH(Store(options), Contains("-I 1k"));
  options.max_item_bytes = kMiB / 2 + 1;
  CHECK_THROWS_WITH(Store(options), Contains("half") && Contains("-m"));
  options.max_item_bytes = kMiB / 2;
  CHECK_NOTHROW(Store(options));
}

TEST_CASE("the summary says what is stored") {
  Cache cache(options_of(4 * kMiB));
  for (unsigned i = 0; i < 100; ++i)
    REQUIRE(cache.set(numbered("k", 100 + i), std::string(100, 'v')) == MutateResult::kDone);
  const StoreSummary sum = cache.store.summary();
  CHECK(sum.memory_limit_bytes == 4 * kMiB);
  CHECK(sum.segments == 64);
  CHECK(sum.free_segments == 63);
  CHECK(sum.items == 100);
  CHECK(sum.fresh.items == 100);
  CHECK(sum.live_bytes == 100 * 128);
  CHECK(sum.fresh.used_bytes == 100 * 128 + 64);
  CHECK(sum.fresh.oldest == kNow);
  CHECK(sum.survivor.segments == 0);
  CHECK(sum.version == Version{100});
  CHECK(sum.index_bytes == 65536 * 64);
}

TEST_CASE("counters count from the last reset, over sessions that ended too") {
  Cache cache(options_of(kMiB));
  {
    Session other(cache.store);
    other.begin_turn(kNow);
    const std::string_view value = "v";
    REQUIRE(other.mutate(other.hash("a"), 1, [&](Mutation& m) {
      (void)m.put({}, {&value, 1});
    }) == MutateResult::kDone);
    other.end_turn();
  }
  REQUIRE(cache.set("b", "v") == MutateResult::kDone);
  CHECK(cache.store.counters().total_items == 2);
  cache.store.reset_counters();
  CHECK(cache.store.counters().total_items == 0);
  REQUIRE(cache.set("b", "v") == MutateResult::kDone);
  CHECK(cache.store.counters().total_items == 1);
}

TEST_CASE("a smaller memory limit is reached by reclaiming, a larger one gives the room back, too large is refused") {
  Cache cache(options_of(4 * kMiB));
  const std::string value(1000, 'v');
  for (unsigned i = 0; i < 5000; ++i) REQUIRE(cache.set(numbered("k", i), value) == MutateResult::kDone);
  REQUIRE(cache.store.set_memory_limit(2 * kMiB) == Store::LimitChange::kDone);
  for (unsigned i = 0; i < 4000; ++i) REQUIRE(cache.set(numbered("s", i), value) == MutateResult::kDone);
  StoreSummary sum = cache.store.summary();
  CHECK(sum.memory_limit_bytes == 2 * kMiB);
  CHECK(sum.fresh.segments + sum.survivor.segments <= 32);
  CHECK(cache.store.set_memory_limit(64 * kMiB) == Store::LimitChange::kTooLarge);
  REQUIRE(cache.store.set_memory_limit(4 * kMiB) == Store::LimitChange::kDone);
  for (unsigned i = 0; i < 5000; ++i) REQUIRE(cache.set(numbered("l", i), value) == MutateResult::kDone);
  sum = cache.store.summary();
  CHECK(sum.fresh.segments + sum.survivor.segments > 48);
}

TEST_CASE("no mutation waits until a much smaller memory limit is reached") {
  Cache cache(options_of(16 * kMiB));
  const std::string value(1000, 'v');
  for (unsigned i = 0; i < 18000; ++i) REQUIRE(cache.set(numbered("k", i), value) == MutateResult::kDone);
  REQUIRE(cache.store.set_memory_limit(4 * kMiB) == Store::LimitChange::kDone);
  std::uint64_t most = 0;
  for (unsigned i = 0; i < 18000; ++i) {
    const std::uint64_t before = cache.store.counters().segments_evicted;
    REQUIRE(cache.set(numbered("s", i), value) == MutateResult::kDone);
    most = std::max(most, cache.store.counters().segments_evicted - before);
  }
  CHECK(most <= 8);
  const StoreSummary sum = cache.store.summary();
  CHECK(sum.fresh.segments + sum.survivor.segments <= 64);
}

TEST_CASE("without eviction a store above its new memory limit can be emptied, and stores again once it is below") {
  StoreOptions options = options_of(4 * kMiB);
  options.evict = false;
  Cache cache(options);
  const std::string value(500, 'v');
  unsigned stored = 0;
  while (cache.set(numbered("k", stored), value) == MutateResult::kDone) ++stored;
  REQUIRE(cache.store.set_memory_limit(2 * kMiB) == Store::LimitChange::kDone);
  REQUIRE(cache.set("new", value) == MutateResult::kNoMemory);
  for (unsigned i = 0; i < stored; ++i) REQUIRE(cache.erase(numbered("k", i)) == MutateResult::kDone);
  unsigned again = 0;
  while (cache.set(numbered("n", again), value) == MutateResult::kDone) ++again;
  CHECK(again > stored * 4 / 10);
  CHECK(again < stored * 6 / 10);
}

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "books.h"
#include "server/store/store.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

void flush_now(Cache& cache) {
  cache.session.begin_turn(cache.now);
  cache.session.flush_all();
  cache.session.end_turn();
}

void flush_at(Cache& cache, UnixSeconds at) {
  cache.session.begin_turn(cache.now);
  cache.session.flush_all_at(at);
  cache.session.end_turn();
}

// Writes other keys until everything that was there before has been through the reclaimer.
void churn(Cache& cache, std::uint64_t bytes) {
  static unsigned number = 0;
  const std::string value(1000, 'c');
  for (std::uint64_t done = 0; done < bytes; done += 1000)
    REQUIRE(cache.set(numbered("churn", number++), value) == MutateResult::kDone);
}

}  // namespace

TEST_CASE("a miss says why: absent, expired, flushed") {
  Cache cache(options_of(kMiB));
  const auto why = [&cache](std::string_view key) {
    cache.session.begin_turn(cache.now);
    REQUIRE_FALSE(cache.session.find(cache.session.hash(key)));
    const Session::Miss miss = cache.session.last_miss();
    cache.session.end_turn();
    return miss;
  };
  NewItem short_lived;
  short_lived.expiry = later(1);
  REQUIRE(cache.set("short", "v", short_lived) == MutateResult::kDone);
  CHECK(why("never") == Session::Miss::kAbsent);
  cache.now = later(1);
  CHECK(why("short") == Session::Miss::kExpired);
  CHECK(why("short") == Session::Miss::kAbsent);  // its room was taken back
  REQUIRE(cache.set("flushed", "v") == MutateResult::kDone);
  flush_now(cache);
  CHECK(why("flushed") == Session::Miss::kFlushed);
  CHECK(cache.store.counters().reclaimed == 2);
  CHECK(cache.store.counters().expired_unfetched == 2);
}

TEST_CASE("an item lives until the second before it expires") {
  Cache cache(options_of(kMiB));
  NewItem item;
  item.expiry = later(10);
  REQUIRE(cache.set("k", "v", item) == MutateResult::kDone);
  cache.now = later(9);
  CHECK(cache.has("k"));
  cache.now = later(10);
  CHECK_FALSE(cache.has("k"));
  item.expiry = kAlreadyExpired;
  REQUIRE(cache.set("k", "v", item) == MutateResult::kDone);
  CHECK_FALSE(cache.has("k"));
}

TEST_CASE("an access is counted: fetched and its time") {
  Cache cache(options_of(kMiB));
  REQUIRE(cache.set("k", "v") == MutateResult::kDone);
  cache.now = later(5);
  REQUIRE(cache.read("k"));
  cache.session.begin_turn(cache.now);
  const ItemView item = cache.session.find(cache.session.hash("k"));
  CHECK(item.fetched());
  CHECK(item.last_access() == later(5));
  cache.session.end_turn();
}

TEST_CASE("a pinned value keeps its bytes while its segment is reclaimed, and the segment comes back afterwards") {
  Cache cache(options_of(kMiB));
  for (const std::uint64_t size : {std::uint64_t{500}, std::uint64_t{100000}}) {
    const std::string value = patterned(size, size);
    REQUIRE(cache.set("pinned", value) == MutateResult::kDone);
    std::vector<std::string_view> pieces;
    {
      std::vector<SegmentPin> pins;
      cache.session.begin_turn(cache.now);
      const ItemView item = cache.session.find(cache.session.hash("pinned"));
      REQUIRE(item);
      item.for_each_piece([&](std::string_view piece) {
        pieces.push_back(piece);
        pins.push_back(cache.session.pin(piece));
      });
      cache.session.end_turn();
      REQUIRE(cache.erase("pinned") == MutateResult::kDone);
      churn(cache, 8 * kMiB);
      std::string still;
      for (const std::string_view piece : pieces) still.append(piece);
      CHECK((still == value));
    }
    churn(cache, 4 * kMiB);
  }
}

TEST_CASE("an empty value can be pinned wherever it lies, a segment's and the arena's end included") {
  Cache cache(options_of(kMiB));
  // 32-byte records with empty values: some end exactly where their segment, and the last segment, ends.
  for (unsigned i = 0; i < 60000; ++i) {
    const std::string key = std::to_string(10000000 + i);
    REQUIRE(cache.set(key, "") == MutateResult::kDone);
    cache.session.begin_turn(cache.now);
    const ItemView item = cache.session.find(cache.session.hash(key));
    REQUIRE(item);
    cache.session.record_access(item);  // so that it moves, through the last segment too
    const SegmentPin pin = cache.session.pin(item.value());
    cache.session.end_turn();
  }
}

TEST_CASE("flush_all kills everything stored before it and nothing after") {
  Cache cache(options_of(kMiB));
  REQUIRE(cache.set("old", "v") == MutateResult::kDone);
  REQUIRE(cache.set("large", patterned(100000, 1)) == MutateResult::kDone);
  flush_now(cache);
  REQUIRE(cache.set("new", "v") == MutateResult::kDone);
  CHECK_FALSE(cache.has("old"));
  CHECK_FALSE(cache.has("large"));
  CHECK(cache.has("new"));
}

TEST_CASE("a delayed flush kills at its second what was stored until then, also what was stored after the call") {
  Cache cache(options_of(kMiB));
  REQUIRE(cache.set("before", "v") == MutateResult::kDone);
  flush_at(cache, later(10));
  REQUIRE(cache.set("after", "v") == MutateResult::kDone);
  cache.now = later(9);
  CHECK(cache.has("before"));
  CHECK(cache.has("after"));
  cache.now = later(10);
  CHECK_FALSE(cache.has("before"));
  CHECK_FALSE(cache.has("after"));
  REQUIRE(cache.set("new", "v") == MutateResult::kDone);
  cache.now = later(20);
  CHECK(cache.has("new"));
}

TEST_CASE("of several flushes the last call wins") {
  Cache cache(options_of(kMiB));
  flush_at(cache, later(5));
  flush_at(cache, later(50));
  REQUIRE(cache.set("k", "v") == MutateResult::kDone);
  cache.now = later(10);
  CHECK(cache.has("k"));
  flush_now(cache);  // and the one to come is forgotten
  REQUIRE(cache.set("k", "v") == MutateResult::kDone);
  cache.now = later(60);
  CHECK(cache.has("k"));
}

TEST_CASE("a delayed flush happens once, whoever's turn begins first") {
  Cache cache(options_of(kMiB));
  Session other(cache.store);
  flush_at(cache, later(5));
  cache.now = later(5);
  other.begin_turn(later(4));
  REQUIRE(cache.set("k", "v") == MutateResult::kDone);
  other.end_turn();
  other.begin_turn(later(5));
  other.end_turn();
  CHECK(cache.has("k"));
}

TEST_CASE("flushed items are never moved, and a moved item stays flushed or alive as it was") {
  Cache cache(options_of(kMiB));
  REQUIRE(cache.set("old", "v") == MutateResult::kDone);
  for (int i = 0; i < 3; ++i) (void)cache.read("old");
  flush_now(cache);
  REQUIRE(cache.set("kept", "v") == MutateResult::kDone);
  for (std::uint64_t i = 0; i < 20; ++i) {
    churn(cache, 200000);
    REQUIRE(cache.read("kept"));
  }
  CHECK_FALSE(cache.has("old"));
  CHECK(cache.store.counters().relocated_items > 0);
}

TEST_CASE("a scan sees every item that is there throughout, also while the table grows") {
  Cache cache(options_of(64 * kMiB));
  constexpr unsigned kThere = 376000;  // just below the first split
  for (unsigned i = 0; i < kThere; ++i) REQUIRE(cache.set(numbered("k", i), "") == MutateResult::kDone);
  const std::uint64_t buckets = cache.store.summary().index_buckets;
  std::vector<bool> seen(kThere, false);
  Session::Scan scan(cache.session);
  unsigned added = 0;
  unsigned calls = 0;
  while (!scan.done()) {
    REQUIRE(++calls < 10000);
    cache.session.begin_turn(cache.now);
    scan.step(100, [&](const ItemView& item) {
      if (item.key()[0] == 'k') seen[std::stoul(std::string(item.key().substr(1)))] = true;
    });
    cache.session.end_turn();
    for (unsigned n = 0; n < 100; ++n) REQUIRE(cache.set(numbered("n", added++), "") == MutateResult::kDone);
  }
  CHECK(cache.store.summary().index_buckets > buckets + 1000);
  CHECK(std::count(seen.begin(), seen.end(), false) == 0);
}

TEST_CASE("a crawl takes the room of expired and flushed items back and leaves the others") {
  Cache cache(options_of(kMiB));
  NewItem short_lived;
  short_lived.expiry = later(1);
  for (unsigned i = 0; i < 100; ++i) {
    REQUIRE(cache.set(numbered("short", i), "v", short_lived) == MutateResult::kDone);
    REQUIRE(cache.set(numbered("long", i), "v") == MutateResult::kDone);
  }
  cache.now = later(2);
  std::uint64_t cursor = 0;
  while (cursor != Session::kCrawlEnd) {
    cache.session.begin_turn(cache.now);
    cache.session.crawl(cursor, 1000);
    cache.session.end_turn();
  }
  CHECK(cache.store.summary().items == 100);
  CHECK(cache.store.counters().reclaimed == 100);
  for (unsigned i = 0; i < 100; ++i) CHECK(cache.has(numbered("long", i)));
}

TEST_CASE("without eviction nothing is dropped: a full store refuses, and room made by deleting is used again") {
  StoreOptions options = options_of(kMiB);
  options.evict = false;
  Cache cache(options);
  unsigned stored = 0;
  const std::string value(500, 'v');
  while (cache.set(numbered("k", stored), value) == MutateResult::kDone) ++stored;
  CHECK(stored > 1000);  // a good part of the memory
  CHECK(cache.store.counters().out_of_memory == 1);
  CHECK(cache.store.counters().evictions == 0);
  for (unsigned i = 0; i < stored; ++i) REQUIRE(cache.has(numbered("k", i)));
  for (unsigned i = 0; i < stored; i += 2) REQUIRE(cache.erase(numbered("k", i)) == MutateResult::kDone);
  unsigned again = 0;
  while (cache.set(numbered("n", again), value) == MutateResult::kDone) ++again;
  CHECK(again > stored * 4 / 10);
  for (unsigned i = 1; i < stored; i += 2) REQUIRE(cache.has(numbered("k", i)));
  CHECK(cache.store.counters().evictions == 0);
}

TEST_CASE("an item larger than the room that can be made is refused and leaves what was there") {
  StoreOptions options = options_of(kMiB);
  options.evict = false;
  Cache cache(options);
  const std::string first = patterned(400000, 1);
  REQUIRE(cache.set("k", first) == MutateResult::kDone);
  REQUIRE(cache.set("other", patterned(400000, 2)) == MutateResult::kNoMemory);
  CHECK(cache.get("k") == first);
  CHECK_FALSE(cache.has("other"));
}

TEST_CASE("a session too many is refused, and one that ended makes room") {
  StoreOptions options = options_of(kMiB);
  options.max_sessions = 2;
  Store store(options);
  Session first(store);
  {
    Session second(store);
    CHECK_THROWS_WITH(Session(store), Catch::Matchers::Contains("more than 2"));
  }
  CHECK_NOTHROW(Session(store));
}

TEST_CASE("without eviction deletes, touches and flushes work however full the store is") {
  for (const std::size_t value_bytes : {std::size_t{0}, std::size_t{20}, std::size_t{500}, std::size_t{7000}}) {
    StoreOptions options = options_of(4 * kMiB);
    options.evict = false;
    Cache cache(options);
    const std::string value(value_bytes, 'v');
    unsigned stored = 0;
    while (cache.set(numbered("k", stored), value) == MutateResult::kDone) ++stored;
    for (unsigned i = 0; i < 20000; ++i)
      REQUIRE(cache.touch(numbered("k", i % stored), later(1000)) == MutateResult::kDone);
    for (unsigned i = 0; i < stored; ++i) {
      const std::string key = numbered("k", static_cast<unsigned>(std::uint64_t{i} * 7919 % stored));
      if (cache.has(key)) REQUIRE(cache.erase(key) == MutateResult::kDone);
      // Whoever wants to store goes on trying.
      if (i % 16 == 0) (void)cache.set(numbered("again", i), value);
    }
    CHECK(cache.store.counters().evictions == 0);
    flush_now(cache);
    REQUIRE(cache.set("new", "v") == MutateResult::kDone);
  }
}

TEST_CASE("a small set of keys that is overwritten for ever goes round in a few segments") {
  Cache cache(options_of(16 * kMiB));
  const StoreSummary empty = cache.store.summary();
  const std::string value(1000, 'v');
  for (unsigned round = 0; round < 1000; ++round) {
    for (unsigned key = 0; key < 50; ++key) REQUIRE(cache.set(numbered("k", key), value) == MutateResult::kDone);
    REQUIRE(empty.free_segments - cache.store.summary().free_segments < 6);
  }
  CHECK(cache.store.counters().evictions == 0);
  CHECK(cache.store.counters().relocated_items == 0);
  for (unsigned key = 0; key < 50; ++key) CHECK(cache.get(numbered("k", key)) == value);
}

TEST_CASE("without eviction a full store of large records is refused quickly") {
  StoreOptions options = options_of(4 * kMiB);
  options.evict = false;
  Cache cache(options);
  // Seven of these fill a segment to seven eighths; moving them gains nothing.
  const std::string value(8192 - kRecordHeaderBytes - 8, 'v');
  unsigned stored = 0;
  while (cache.set(numbered("k", 1000000 + stored), value) == MutateResult::kDone) ++stored;
  const std::uint64_t moved = cache.store.counters().relocated_bytes;
  for (unsigned i = 0; i < 100; ++i) REQUIRE(cache.set(numbered("n", i), value) == MutateResult::kNoMemory);
  cache.idle(100);
  CHECK(cache.store.counters().relocated_bytes - moved < 4 * kMiB);
}

// Large items under pressure: their chunks are reclaimed one by one, the item lives or goes as a whole.

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

namespace lmc::store::test {
namespace {

constexpr std::uint64_t kValueBytes = 100 * 1024;

std::string key_of(unsigned i) {
  return "large-" + std::to_string(i);
}

}  // namespace

TEST_CASE("large items that were all read do not circle through the log for ever") {
  StoreOptions options = options_of(16 * kMiB);
  options.max_item_bytes = kMiB;
  Cache cache(options);
  const std::string value = patterned(kValueBytes, 1);
  constexpr unsigned kItems = 1000;
  for (unsigned i = 0; i < kItems; ++i) {
    REQUIRE(cache.set(key_of(i), value) == MutateResult::kDone);
    for (unsigned reads = 0; reads < 3; ++reads) (void)cache.read(key_of(i));
  }
  const StoreCounters counters = cache.store.counters();
  CHECK(counters.evictions > kItems / 2);
  // Three reads are worth three rounds; some slack for what is moved while room is made.
  CHECK(counters.relocated_bytes < 8 * kItems * kValueBytes);
  CHECK(cache.get(key_of(kItems - 1)) == value);
}

TEST_CASE("a large item that is read again and again stays whole while others pass by") {
  StoreOptions options = options_of(16 * kMiB);
  options.max_item_bytes = kMiB;
  Cache cache(options);
  const std::string kept = patterned(kValueBytes, 7);
  REQUIRE(cache.set("kept", kept) == MutateResult::kDone);
  for (unsigned i = 0; i < 500; ++i) {
    REQUIRE(cache.read("kept"));
    REQUIRE(cache.set(key_of(i), patterned(kValueBytes, i)) == MutateResult::kDone);
  }
  CHECK(cache.get("kept") == kept);
}

TEST_CASE("large items set by many threads at once are all stored, though not all fit at the same time") {
  StoreOptions options = options_of(8 * kMiB);
  Store store(options);
  constexpr unsigned kThreads = 6;
  constexpr unsigned kSets = 300;
  // The largest are a third of the memory: two at the same time can never both find their room.
  const auto bytes_of = [](unsigned i) { return i % 50 == 0 ? 8 * kMiB / 3 : 20'000 + i * 7919 % 100'000; };
  std::atomic<unsigned> refused{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&store, &refused, &bytes_of, t] {
      Session session(store);
      for (unsigned i = 0; i < kSets; ++i) {
        const std::string value = patterned(bytes_of(i + t * 8), i);
        const std::string_view part = value;
        const std::string key = key_of(i * kThreads + t);
        session.begin_turn(kNow);
        const MutateResult result = session.mutate(session.hash(key), value.size(), [&part](Mutation& mutation) {
          (void)mutation.put({}, {&part, 1});
        });
        session.end_turn();
        if (result != MutateResult::kDone) ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(refused.load() == 0);
  const StoreCounters counters = store.counters();
  CHECK(counters.total_items == kThreads * kSets);
}

}  // namespace lmc::store::test

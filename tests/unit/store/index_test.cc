#include "server/store/index.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "books.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

// The table can double twice in an arena of this size.
constexpr std::uint64_t kRoomToGrow = 64 * kMiB;

std::string key_of(unsigned i) {
  return numbered("key", i);
}

// Makes the index believe in this many items more, so that it splits without them.
void force_splits(Bench& bench, unsigned splits) {
  const std::uint64_t items = bench.index.item_count();
  bench.index.set_item_count(~std::uint64_t{0} / 8);
  REQUIRE(bench.index.grow(splits) == splits);
  bench.index.set_item_count(items);
}

// Slots without records behind them: a key is its hash, and its number the address.
class Fillers {
 public:
  explicit Fillers(Bench& bench) : bench_(bench) {}

  bool insert(unsigned number) {
    const HashedKey key = key_of_filler(number);
    const Index::BucketLock lock(bench_.index, key);
    return bench_.index.insert(key, lock.pair(), address_of(number));
  }
  // How many slots it is in; the last of them.
  unsigned find(unsigned number, Index::Found& found) const {
    unsigned places = 0;
    for (unsigned choice = 0; choice < 2; ++choice)
      bench_.index.visit_places(key_of_filler(number), choice, [&](const Index::Found& place) {
        if (place.slot.address() != address_of(number)) return;
        found = place;
        ++places;
      });
    return places;
  }
  void erase(unsigned number) {
    const Index::BucketLock lock(bench_.index, key_of_filler(number));
    Index::Found found;
    if (find(number, found) == 1) bench_.index.erase(found);
  }

 private:
  static HashedKey key_of_filler(unsigned number) {
    std::uint64_t hash = (number + 1) * 0x9e3779b97f4a7c15ULL;  // SplitMix64 (Steele, Lea, Flood 2014)
    hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ hash >> 27) * 0x94d049bb133111ebULL;
    return Index::key_of(hash ^ hash >> 31);
  }
  // Behind what the tests write. Zeros are there: a record without a key.
  static LogAddress address_of(unsigned number) { return {16 * kMiB + std::uint64_t{number} * kRecordAlignment}; }

  Bench& bench_;
};

// A thread that looks the keys up, in turn, until it is stopped.
class Reader {
 public:
  Reader(Bench& bench, unsigned keys)
      : thread_([this, &bench, keys] {
          for (unsigned i = 0; !stop_.load(std::memory_order_relaxed); i = (i + 1) % keys) {
            if (!bench.index.find(bench.index.hash(key_of(i)))) missed_.fetch_add(1);
            looked_.fetch_add(1, std::memory_order_relaxed);
          }
        }) {}
  ~Reader() {
    if (thread_.joinable()) (void)stop();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  // Until it has looked so many times more.
  void await_looks(std::uint64_t more) const {
    const std::uint64_t until = looked_.load() + more;
    while (looked_.load() < until) std::this_thread::yield();
  }
  // How often it missed a key.
  std::uint64_t stop() {
    stop_ = true;
    thread_.join();
    return missed_.load();
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> missed_{0};
  std::atomic<std::uint64_t> looked_{0};
  std::thread thread_;  // last: it uses the others
};

std::uint64_t moved_in(Bench& bench) {
  std::uint64_t moved = 0;
  for (std::uint64_t i = 0; i < bench.index.bucket_count(); ++i) moved += bench.arena.buckets()[i].moved_in();
  return moved;
}

}  // namespace

TEST_CASE("a slot keeps marker, frequency and address apart") {
  const LogAddress far{kMaxArenaBytes - 8};
  const Slot slot = Slot::make((1u << 24) - 1, 3, far);
  CHECK(slot.marker() == (1u << 24) - 1);
  CHECK(slot.frequency() == 3);
  CHECK(slot.address() == far);
  CHECK(slot.with_frequency(1).frequency() == 1);
  CHECK(slot.with_frequency(1).address() == far);
  CHECK(slot.with_frequency(1).marker() == slot.marker());
  CHECK_FALSE(Slot::make(0, 0, {8}).empty());
}

TEST_CASE("the hash depends on key and seed only, and the second is not the first") {
  Bench bench(kMiB);
  const HashedKey once = bench.index.hash("apple");
  const HashedKey again = bench.index.hash("apple");
  CHECK(once.first == again.first);
  CHECK(once.second == again.second);
  CHECK(once.first != once.second);
  CHECK(bench.index.hash("apples").first != once.first);
  bench.arena.head().hash_seed ^= 1;
  CHECK(bench.index.hash("apple").first != once.first);
}

TEST_CASE("either hash can be told from the other") {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << kHashBits) - 1;
  static_assert(Index::first_of(Index::second_of(12345)) == 12345);
  std::set<std::uint64_t> seconds;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const std::uint64_t first = i * 0x9e3779b97f4a7c15ULL;
    REQUIRE(Index::first_of(Index::second_of(first)) == (first & kMask));
    REQUIRE(Index::second_of(first) <= kMask);
    seconds.insert(Index::second_of(first) % kInitialBuckets);
  }
  CHECK(seconds.size() > 9000);  // spread over the buckets: 9290 expected of random ones
}

TEST_CASE("a table that grows moves slots instead of overflowing, and loses none") {
  Bench bench(kRoomToGrow);
  Fillers fillers(bench);
  constexpr unsigned kItems = 550000;  // the table is between two doublings, when its buckets are least even
  for (unsigned i = 0; i < kItems; ++i) {
    REQUIRE(fillers.insert(i));
    (void)bench.index.grow(4);
  }
  CHECK(bench.index.bucket_count() * kTargetItemsPerFourBuckets / 4 + 10 > kItems);
  CHECK(moved_in(bench) > kItems / 20);
  CHECK(bench.index.overflow_count() < bench.index.bucket_count() / 50);
  for (unsigned i = 0; i < kItems; ++i) {
    Index::Found found;
    REQUIRE(fillers.find(i, found) == 1);
  }
}

TEST_CASE("what is inserted is found, what is replaced is found anew, what is erased is gone") {
  Bench bench(kMiB);
  REQUIRE(bench.put("a", "1"));
  REQUIRE(bench.put("b", "2"));
  CHECK(bench.get("a") == "1");
  CHECK(bench.index.item_count() == 2);
  REQUIRE(bench.put("a", "3"));
  CHECK(bench.get("a") == "3");
  CHECK(bench.get("b") == "2");
  CHECK(bench.index.item_count() == 2);
  REQUIRE(bench.erase("a"));
  CHECK_FALSE(bench.get("a"));
  CHECK(bench.get("b") == "2");
  CHECK(bench.index.item_count() == 1);
  CHECK(audit(bench.arena) == "");
}

TEST_CASE("the frequency rises to three and stays there; a slot that changed is left alone") {
  Bench bench(kMiB);
  REQUIRE(bench.put("a", "1"));
  const HashedKey key = bench.index.hash("a");
  for (unsigned i = 0; i < 5; ++i) {
    CHECK(bench.index.find(key).slot.frequency() == std::min(i, 3u));
    bench.raise("a", 1);
  }
  REQUIRE(bench.put("b", "1"));
  const Index::Found stale = bench.index.find(bench.index.hash("b"));
  REQUIRE(bench.put("b", "2"));
  Index::raise_frequency(stale);
  CHECK(bench.index.find(bench.index.hash("b")).slot.frequency() == 0);
  CHECK(bench.get("b") == "2");
}

TEST_CASE("keys that share both buckets overflow into chains and all stay findable") {
  Bench bench(kRoomToGrow);
  // Keys are inserted under one forged hash, so all of them fall into the same two buckets.
  const HashedKey base = bench.index.hash("base");
  std::vector<std::string> names;
  for (unsigned i = 0; i < 100; ++i) names.push_back(key_of(i));
  const auto forged = [&](const std::string& name) { return HashedKey{name, base.first, base.second}; };
  for (const std::string& name : names) {
    RecordShape shape;
    shape.key_bytes = static_cast<std::uint8_t>(name.size());
    const auto reservation = bench.log.reserve(Stream::kFresh, shape, {});
    REQUIRE(reservation);
    std::memcpy(reservation->record->body(), name.data(), name.size());
    const HashedKey key = forged(name);
    const Index::BucketLock lock(bench.index, key);
    REQUIRE(bench.index.insert(key, lock.pair(), reservation->address));
  }
  CHECK(bench.index.overflow_count() >= (100 - 14) / 7);
  for (const std::string& name : names) CHECK(bench.index.find(forged(name)));
  const std::uint64_t overflow_before = bench.index.overflow_count();
  for (const std::string& name : names) {
    const HashedKey key = forged(name);
    const Index::BucketLock lock(bench.index, key);
    bench.index.erase(bench.index.find_locked(key, lock.pair()));
  }
  for (const std::string& name : names) CHECK_FALSE(bench.index.find(forged(name)));
  CHECK(bench.index.item_count() == 0);
  CHECK(bench.index.overflow_count() == overflow_before);
}

TEST_CASE("a full overflow area refuses the insert and changes nothing") {
  Bench bench(kRoomToGrow);
  bench.arena.head().overflow_used.store(static_cast<std::uint32_t>(bench.arena.head().overflow_capacity));
  const HashedKey base = bench.index.hash("base");
  const auto insert = [&](unsigned i) {
    const std::string name = key_of(i);
    const HashedKey key{name, base.first, base.second};
    const Index::BucketLock lock(bench.index, key);
    return bench.index.insert(key, lock.pair(), {64 + 8 * i});
  };
  unsigned inserted = 0;
  while (inserted < 100 && insert(inserted)) ++inserted;
  CHECK(inserted == 2 * kSlotsPerBucket);
  CHECK(bench.index.item_count() == inserted);
}

TEST_CASE("the table grows one bucket a split, over several doublings, and every key stays findable") {
  Bench bench(kRoomToGrow);
  constexpr unsigned kKeys = 20000;
  for (unsigned i = 0; i < kKeys; ++i) REQUIRE(bench.put(key_of(i), std::to_string(i)));
  const std::uint64_t before = bench.index.bucket_count();
  const unsigned capacity = static_cast<unsigned>(bench.arena.head().bucket_capacity - before);
  REQUIRE(capacity > 3 * kInitialBuckets);
  for (unsigned done = 0; done < capacity;) {
    const unsigned now = std::min(10000u, capacity - done);
    force_splits(bench, now);
    done += now;
    for (unsigned i = done % 7; i < kKeys; i += 97) REQUIRE(bench.get(key_of(i)) == std::to_string(i));
  }
  CHECK(bench.index.bucket_count() == before + capacity);
  for (unsigned i = 0; i < kKeys; ++i) REQUIRE(bench.get(key_of(i)) == std::to_string(i));
  CHECK(audit(bench.arena) == "");
  bench.index.set_item_count(~std::uint64_t{0} / 8);
  CHECK(bench.index.grow(5) == 0);  // at capacity
}

TEST_CASE("the table grows to its target fill and no further") {
  Bench bench(kRoomToGrow);
  bench.index.set_item_count(kInitialBuckets * kTargetItemsPerFourBuckets / 4);
  CHECK(bench.index.grow(10) == 0);
  bench.index.set_item_count(kInitialBuckets * kTargetItemsPerFourBuckets / 4 + 10);
  CHECK(bench.index.grow(10) == 2);
}

TEST_CASE("a reader never misses a present key while buckets split") {
  Bench bench(kRoomToGrow);
  constexpr unsigned kKeys = 5000;
  for (unsigned i = 0; i < kKeys; ++i) REQUIRE(bench.put(key_of(i), "v"));
  Reader reader(bench, kKeys);
  reader.await_looks(100);
  const auto capacity = static_cast<unsigned>(bench.arena.head().bucket_capacity - bench.index.bucket_count());
  force_splits(bench, capacity);
  reader.await_looks(100);
  CHECK(reader.stop() == 0);
}

TEST_CASE("a reader never misses a present key while others move it") {
  Bench bench(kRoomToGrow);
  Fillers fillers(bench);
  constexpr unsigned kKeys = 5000;
  for (unsigned i = 0; i < kKeys; ++i) REQUIRE(bench.put(key_of(i), "v"));
  constexpr unsigned kWriters = 2;
  constexpr unsigned kFillers = kInitialBuckets * 6;
  for (unsigned i = 0; i < kFillers; ++i) REQUIRE(fillers.insert(i));
  const std::uint64_t moved_before = moved_in(bench);
  Reader reader(bench, kKeys);
  reader.await_looks(100);
  std::atomic<unsigned> refused{0};
  std::vector<std::thread> writers;
  for (unsigned w = 0; w < kWriters; ++w)
    writers.emplace_back([&, w] {
      for (unsigned i = w; i < kFillers; i += kWriters) {
        fillers.erase(i);
        if (!fillers.insert(kFillers + i)) refused.fetch_add(1);
      }
    });
  for (std::thread& writer : writers) writer.join();
  CHECK(reader.stop() == 0);
  CHECK(refused.load() == 0);
  CHECK(moved_in(bench) > moved_before + kFillers / 20);
  CHECK(bench.index.item_count() == kKeys + kFillers);
  for (unsigned i = 0; i < kFillers; ++i) {
    Index::Found found;
    REQUIRE(fillers.find(i, found) == 0);
    REQUIRE(fillers.find(kFillers + i, found) == 1);
  }
  for (unsigned i = 0; i < kKeys; ++i) REQUIRE(bench.get(key_of(i)) == "v");
}

TEST_CASE("visiting all buckets sees every item once when nothing changes") {
  Bench bench(kRoomToGrow);
  for (unsigned i = 0; i < 1000; ++i) REQUIRE(bench.put(key_of(i), "v"));
  std::multiset<std::string> seen;
  for (std::uint64_t b = 0; b < bench.index.bucket_count(); ++b)
    bench.index.visit_bucket(
        b, [&](const Index::Found& found) { seen.emplace(bench.arena.record(found.slot.address()).key()); });
  CHECK(seen.size() == 1000);
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 1000);
}

TEST_CASE("repair frees locks, drops what is refused and rebuilds the overflow list") {
  Bench bench(kRoomToGrow);
  for (unsigned i = 0; i < 1000; ++i) REQUIRE(bench.put(key_of(i), "v"));
  Bucket* buckets = bench.arena.buckets();
  const Index::Pair pair = bench.index.locate(bench.index.hash(key_of(3)));
  buckets[pair.first].lock();
  buckets[(pair.first + 1) % kInitialBuckets].set_overflow(999999);
  bench.arena.head().overflow_used.store(7);
  bench.arena.head().overflow_free.store(3);
  bench.index.repair_links();
  std::uint64_t kept = 0;
  bench.index.repair_buckets(0, bench.index.bucket_count(), [&](const Index::Found& found) {
    const bool keep = bench.arena.record(found.slot.address()).key() != key_of(5);
    kept += keep ? 1u : 0u;
    return keep;
  });
  CHECK(kept == 999);
  CHECK_FALSE(bench.get(key_of(5)));
  REQUIRE(bench.put(key_of(3), "new"));
  CHECK(bench.get(key_of(3)) == "new");
}

TEST_CASE("a split starts from a clean bucket, whatever lay there") {
  Bench bench(kRoomToGrow);
  REQUIRE(bench.put("a", "1"));
  Bucket& next = bench.arena.buckets()[bench.index.bucket_count()];
  for (auto& place : next.slots) place.store(~std::uint64_t{0});
  next.control.store(17);
  force_splits(bench, 1);
  CHECK(bench.get("a") == "1");
  CHECK(audit(bench.arena) == "");
}

TEST_CASE("an overflow bucket starts clean, whatever lay there") {
  Bench bench(kRoomToGrow);
  for (auto& place : bench.arena.overflow()[0].slots) place.store(~std::uint64_t{0});
  bench.arena.overflow()[0].control.store(5);
  const HashedKey base = bench.index.hash("base");
  for (unsigned i = 0; i < 2 * kSlotsPerBucket + 1; ++i) {
    const std::string name = key_of(i);
    const HashedKey key{name, base.first, base.second};
    const Index::BucketLock lock(bench.index, key);
    REQUIRE(bench.index.insert(key, lock.pair(), {64 + 8 * i}));
  }
  unsigned seen = 0;
  const Index::Pair pair = bench.index.locate(base);
  bench.index.visit_bucket(pair.first, [&](const Index::Found&) { ++seen; });
  bench.index.visit_bucket(pair.second, [&](const Index::Found&) { ++seen; });
  CHECK(seen == 2 * kSlotsPerBucket + 1);
}

#include "server/store/recovery.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "books.h"
#include "server/store/store.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

#if defined(__SANITIZE_THREAD__)
constexpr bool kMayFork = false;  // a forked process with threads is beyond TSan
#else
constexpr bool kMayFork = true;
#endif

namespace {

std::string key_of(unsigned i) {
  return numbered("key", i);
}

// --- what a killed process had promised -----------------------------------------------------------------------------

constexpr unsigned kWriters = 2;
constexpr unsigned kKeysPerWriter = 400;

// A key's operations are numbered; what number n does and leaves behind follows from key and number alone.
struct Step {
  bool erases = false;
  std::string value;
};
Step step_of(unsigned key, std::uint64_t n, bool large) {
  if (n == 0) return {true, {}};
  const std::uint64_t mix = (key * 31 + n) * 0x9e3779b97f4a7c15ULL >> 40;
  if (mix % 8 == 0) return {true, {}};
  std::uint64_t bytes = mix % 300;
  if (large && mix % 64 == 1) bytes = 20000 + mix % 90000;
  return {false, numbered("", n).append(":").append(patterned(bytes, key * 1000003 + n))};
}

// In memory that outlives the killed process: how far each key came.
struct Progress {
  std::atomic<std::uint64_t> begun;
  std::atomic<std::uint64_t> acknowledged;
};
class Ledger {
 public:
  Ledger() {
    void* place = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(place != MAP_FAILED);
    progress_ = static_cast<Progress*>(place);
  }
  ~Ledger() { ::munmap(progress_, kBytes); }
  Progress& operator[](unsigned key) { return progress_[key]; }
  std::atomic<std::uint64_t>& version() { return progress_[kWriters * kKeysPerWriter].begun; }

 private:
  static constexpr std::size_t kBytes = (kWriters * kKeysPerWriter + 1) * sizeof(Progress);
  Progress* progress_;
};

void write_forever(Store& store, Ledger& ledger, unsigned writer, unsigned seed, bool large) {
  Session session(store);
  std::minstd_rand engine(seed + writer + 1);
  const auto random = [&engine] { return static_cast<unsigned>(engine()); };
  for (;;) {
    const unsigned key = writer * kKeysPerWriter + random() % kKeysPerWriter;
    const std::string name = key_of(key);
    const std::uint64_t n = ledger[key].begun.load() + 1;
    const Step step = step_of(key, n, large);
    ledger[key].begun.store(n);
    const std::string_view value = step.value;
    session.begin_turn(kNow);
    const HashedKey hashed = session.hash(name);
    std::uint64_t version = 0;
    const MutateResult result = session.mutate(hashed, value.size(), [&](Mutation& mutation) {
      if (step.erases) {
        (void)mutation.erase();
      } else if (mutation.put({}, {&value, 1})) {
        version = mutation.stored_cas();
      }
    });
    if (random() % 4 == 0) {
      if (const ItemView item = session.find(session.hash(key_of(random() % (kWriters * kKeysPerWriter)))))
        session.record_access(item);
    }
    session.end_turn();
    if (result != MutateResult::kDone) ::_exit(3);
    ledger[key].acknowledged.store(n);
    for (std::uint64_t last = ledger.version().load();
         last < version && !ledger.version().compare_exchange_weak(last, version);) {
    }
  }
}

pid_t start_child(const StoreOptions& options, Ledger& ledger, unsigned seed, bool large) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  Store store(options);
  std::vector<std::thread> writers;
  for (unsigned w = 0; w < kWriters; ++w)
    writers.emplace_back([&, w] { write_forever(store, ledger, w, seed, large); });
  for (std::thread& writer : writers) writer.join();
  ::_exit(4);
}

// What is wrong with the key now, if anything.
std::string verdict(Cache& cache, Ledger& ledger, unsigned key, bool large, bool may_evict) {
  const std::uint64_t begun = ledger[key].begun.load();
  const std::uint64_t acknowledged = ledger[key].acknowledged.load();
  const std::optional<std::string> found = cache.get(key_of(key));
  bool absence_is_right = may_evict;
  for (std::uint64_t n = acknowledged; n <= begun; ++n) {
    const Step step = step_of(key, n, large);
    if (step.erases) absence_is_right = true;
    if (found && !step.erases && *found == step.value) {
      ledger[key].begun.store(n);
      ledger[key].acknowledged.store(n);
      return {};
    }
  }
  if (!found && absence_is_right) {
    // The next process goes on from a number that leaves nothing behind.
    std::uint64_t n = begun;
    while (!step_of(key, n, large).erases) ++n;
    ledger[key].begun.store(n);
    ledger[key].acknowledged.store(n);
    return {};
  }
  std::ostringstream wrong;
  wrong << key_of(key) << " after " << acknowledged << " acknowledged of " << begun << ": "
        << (found ? found->substr(0, 12) : "absent");
  return wrong.str();
}

void kill_and_check(std::uint64_t memory_bytes, bool large, bool may_evict, unsigned rounds) {
  if (!kMayFork) return;
  const ScratchFile file;
  Ledger ledger;
  std::minstd_rand engine(4711);
  const auto random = [&engine] { return static_cast<unsigned>(engine()); };
  for (unsigned round = 0; round < rounds; ++round) {
    const pid_t child = start_child(options_of(memory_bytes, file.path()), ledger, round, large);
    REQUIRE(child > 0);
    ::usleep(2000 + random() % 40000);  // the moment of the kill is what is random here; nothing is waited for
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    if (!std::filesystem::exists(file.path()) || ledger.version().load() == 0) continue;
    {
      Cache cache(options_of(memory_bytes, file.path()));
      CHECK(cache.store.opened() == Opened::kRecovered);
      INFO(cache.store.opening_report());
      CHECK(cache.store.summary().version.value >= ledger.version().load());
      for (unsigned key = 0; key < kWriters * kKeysPerWriter; ++key) {
        const std::string wrong = verdict(cache, ledger, key, large, may_evict);
        if (!wrong.empty()) FAIL_CHECK("round " << round << ": " << wrong);
      }
    }
    REQUIRE(audit_file(file.path(), memory_bytes) == "");
  }
}

}  // namespace

TEST_CASE("a clean restart keeps every item, its version, state and the flush to come") {
  const ScratchFile file;
  std::map<std::string, std::uint64_t> cas;
  const std::string large = patterned(300000, 1);
  {
    Cache cache(options_of(4 * kMiB, file.path()));
    CHECK(cache.store.opened() == Opened::kEmpty);
    CHECK_THAT(cache.store.opening_report(), Catch::Matchers::Contains("new"));
    for (unsigned i = 0; i < 1000; ++i) REQUIRE(cache.set(key_of(i), std::to_string(i)) == MutateResult::kDone);
    REQUIRE(cache.set("large", large) == MutateResult::kDone);
    REQUIRE(cache.touch(key_of(7), later(100)) == MutateResult::kDone);
    REQUIRE(cache.erase(key_of(8)) == MutateResult::kDone);
    for (unsigned i = 0; i < 1000; ++i) cas[key_of(i)] = cache.cas(key_of(i));
    cache.session.begin_turn(kNow);
    cache.session.flush_all_at(later(1000));
    cache.session.end_turn();
  }
  Cache cache(options_of(4 * kMiB, file.path()));
  CHECK(cache.store.opened() == Opened::kRestarted);
  CHECK(cache.store.summary().items == 1000);
  for (unsigned i = 0; i < 1000; ++i) {
    if (i == 8) continue;
    REQUIRE(cache.get(key_of(i)) == std::to_string(i));
    REQUIRE(cache.cas(key_of(i)) == cas[key_of(i)]);
  }
  CHECK_FALSE(cache.has(key_of(8)));
  CHECK(cache.get("large") == large);
  REQUIRE(cache.set("new", "v") == MutateResult::kDone);
  CHECK(cache.cas("new") > cas[key_of(999)]);
  cache.now = later(100);
  CHECK_FALSE(cache.has(key_of(7)));
  CHECK(cache.has(key_of(9)));
  cache.now = later(1000);
  CHECK_FALSE(cache.has(key_of(9)));
}

TEST_CASE("a restart keeps hundreds of thousands of items, in a table that has grown, overflowed and moved slots") {
  const ScratchFile file;
  constexpr std::uint64_t kBytes = 64 * kMiB;
  constexpr unsigned kItems = 600000;
  const auto value_of = [](unsigned i, unsigned round) { return std::to_string(i * 7 + round); };
  {
    Cache cache(options_of(kBytes, file.path()));
    for (unsigned round = 0; round < 2; ++round)
      for (unsigned i = round * kItems / 2; i < kItems; ++i)
        REQUIRE(cache.set(key_of(i), value_of(i, round)) == MutateResult::kDone);
    CHECK(cache.store.summary().index_buckets > kInitialBuckets);
  }
  {
    Arena arena({kBytes, file.path(), false, false});
    REQUIRE(arena.head().overflow_used.load() > 0);
  }
  {
    Cache cache(options_of(kBytes, file.path()));
    CHECK(cache.store.summary().items == kItems);
    for (unsigned i = 0; i < kItems; ++i) REQUIRE(cache.get(key_of(i)) == value_of(i, i >= kItems / 2 ? 1 : 0));
  }
  CHECK(audit_file(file.path(), kBytes) == "");
}

TEST_CASE("a full store that restarts goes on evicting") {
  const ScratchFile file;
  const std::string value(500, 'v');
  for (unsigned round = 0; round < 4; ++round) {
    Cache cache(options_of(kMiB, file.path()));
    for (unsigned i = 0; i < 4000; ++i) REQUIRE(cache.set(key_of(i), value) == MutateResult::kDone);
    CHECK(cache.has(key_of(3999)));
    CHECK(cache.store.counters().evictions > 1000);
  }
  CHECK(audit_file(file.path(), kMiB) == "");
}

TEST_CASE("after a kill at any moment every acknowledged item is there, none torn, none back from the dead") {
  kill_and_check(64 * kMiB, false, false, 25);
}

TEST_CASE("after a kill among evictions, compaction and large values nothing stale or torn is there") {
  kill_and_check(4 * kMiB, true, true, 25);
}

TEST_CASE("a memory file that was damaged anywhere never gives a wrong value and never crashes") {
  const ScratchFile file;
  const ScratchFile damaged;
  constexpr std::uint64_t kBytes = kMiB;
  constexpr unsigned kKeys = 600;
  const auto versions_of = [](unsigned key) { return key % 3 + 1; };
  const auto value_of = [](unsigned key, unsigned n) {
    return numbered(key_of(key).append("/"), n).append(patterned(key % 50 == 0 ? 20000 : 100, key * 10 + n));
  };
  {
    Cache cache(options_of(kBytes, file.path()));
    for (unsigned n = 0; n < 3; ++n)
      for (unsigned i = 0; i < kKeys; ++i)
        if (n < versions_of(i)) REQUIRE(cache.set(key_of(i), value_of(i, n)) == MutateResult::kDone);
  }
  std::mt19937_64 random(99);
  unsigned long found = 0;
  const std::uint64_t rounds = effort(150);
  for (unsigned round = 0; round < rounds; ++round) {
    std::filesystem::copy_file(file.path(), damaged.path(), std::filesystem::copy_options::overwrite_existing);
    {
      Arena arena({kBytes, damaged.path(), false, false});
      REQUIRE(arena.found());
      char* log_end = arena.at({arena.segment_count() * arena.segment_bytes()});
      char* const areas[][2] = {
          {reinterpret_cast<char*>(&arena.head()), reinterpret_cast<char*>(&arena.head()) + sizeof(Superblock)},
          {reinterpret_cast<char*>(&arena.segment({0})),
           reinterpret_cast<char*>(&arena.segment({arena.segment_count()}))},
          {reinterpret_cast<char*>(arena.buckets()), reinterpret_cast<char*>(arena.buckets() + kInitialBuckets)},
          {reinterpret_cast<char*>(arena.overflow()), reinterpret_cast<char*>(arena.overflow() + 20)},
          {arena.at({0}), log_end}};
      const auto& area = areas[round % 5];
      const auto size = static_cast<std::uint64_t>(area[1] - area[0]);
      const unsigned flips = round % 5 == 2 ? 20000 : round % 5 == 4 ? 300 : 1 + round % 4;
      for (unsigned i = 0; i < flips; ++i) {
        char& byte = area[0][random() % size];
        byte = static_cast<char>(byte ^ (1 << random() % 8));
      }
    }
    {
      Cache cache(options_of(kBytes, damaged.path()));
      for (unsigned i = 0; i < kKeys; ++i) {
        const std::optional<std::string> value = cache.get(key_of(i));
        if (!value) continue;
        ++found;
        bool known = false;
        for (unsigned n = 0; n < versions_of(i); ++n) known = known || *value == value_of(i, n);
        CHECK(known);
      }
      // And it works on: growing, overflowing and reclaiming what was taken over.
      for (unsigned i = 0; i < 3000; ++i) (void)cache.set(numbered("more", i), std::string(400, 'm'));
      REQUIRE(cache.set("last", "v") == MutateResult::kDone);
      CHECK(cache.has("last"));
    }
    INFO("round " << round);
    REQUIRE(audit_file(damaged.path(), kBytes) == "");
  }
  CHECK(found > kKeys * (rounds / 3));
}

TEST_CASE("a memory file with several slots for one key gives the key one item") {
  const ScratchFile file;
  constexpr unsigned kKeys = 200;
  {
    Cache cache(options_of(kMiB, file.path()));
    for (unsigned n = 0; n < 2; ++n)
      for (unsigned i = 0; i < kKeys; ++i) REQUIRE(cache.set(key_of(i), numbered("v", n)) == MutateResult::kDone);
  }
  {
    Arena arena({kMiB, file.path(), false, false});
    REQUIRE(arena.found());
    Index index(arena);
    // The records of the first round, overwritten by the second, are still there; so is the place to point to them
    // from.
    LogAddress old{kSegmentHeaderBytes};
    for (unsigned i = 0; i < kKeys; ++i) {
      const std::string name = key_of(i);
      const HashedKey key = index.hash(name);
      const Index::BucketLock lock(index, key);
      REQUIRE(arena.record(old).key() == name);
      for (int times = 0; times < 3; ++times) REQUIRE(index.insert(key, lock.pair(), old));
      old.offset += arena.record(old).record_bytes();
    }
  }
  Cache cache(options_of(kMiB, file.path()));
  CHECK(cache.store.summary().items == kKeys);
  for (unsigned i = 0; i < kKeys; ++i) {
    CHECK(cache.has(key_of(i)));
    REQUIRE(cache.erase(key_of(i)) == MutateResult::kDone);
    CHECK_FALSE(cache.has(key_of(i)));
  }
  CHECK(cache.store.summary().fresh.live_bytes == 0);
}

TEST_CASE("a kill between a slot's arrival in its other bucket and its departure leaves the item once") {
  const ScratchFile file;
  constexpr unsigned kKeys = 200;
  const std::string large = patterned(300000, 1);
  {
    Cache cache(options_of(4 * kMiB, file.path()));
    for (unsigned i = 0; i < kKeys; ++i) REQUIRE(cache.set(key_of(i), i == 0 ? large : "v") == MutateResult::kDone);
  }
  {
    Arena arena({4 * kMiB, file.path(), false, false});
    REQUIRE(arena.found());
    Index index(arena);
    for (unsigned i = 0; i < kKeys; ++i) {
      const std::string name = key_of(i);
      const HashedKey key = index.hash(name);
      const Index::Pair pair = index.locate(key);
      const Slot here = index.find(key).slot;
      const std::uint64_t there = 1 - (here.marker() & 1);
      const std::uint64_t hash = there == 0 ? key.first : key.second;
      const std::uint64_t tag = hash >> kTagShiftInHash & ((std::uint64_t{1} << kTagBits) - 1);
      for (auto& place : arena.buckets()[there == 0 ? pair.first : pair.second].slots) {
        if (place.load() != 0) continue;
        place.store(Slot::make(tag << 1 | there, 0, here.address()).word);
        break;
      }
    }
  }
  {
    Cache cache(options_of(4 * kMiB, file.path()));
    CHECK(cache.store.summary().items == kKeys);
    CHECK(cache.get(key_of(0)) == large);
  }
  REQUIRE(audit_file(file.path(), 4 * kMiB) == "");
  Cache cache(options_of(4 * kMiB, file.path()));
  for (unsigned i = 0; i < kKeys; ++i) {
    REQUIRE(cache.erase(key_of(i)) == MutateResult::kDone);
    CHECK_FALSE(cache.has(key_of(i)));
  }
}

// Threads against a checker. Every key is a register with one writer, who counts up; every reader checks that what it
// sees was current at some moment of its look. Small memory, so that eviction, compaction, large values, splits and
// pins all happen. LMC_STRESS_SECONDS: how long each case runs (default 2).
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "books.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point end_of_case() {
  const char* seconds = std::getenv("LMC_STRESS_SECONDS");
  return Clock::now() + std::chrono::seconds(seconds == nullptr ? 2 : std::max(1, std::atoi(seconds)));
}

// What a writer has done to one key. Even numbers: the value of that number is there; odd: the key was erased.
struct Register {
  std::atomic<std::uint64_t> begun{1};
  std::atomic<std::uint64_t> done{1};
};

struct Plan {
  std::uint64_t memory_bytes = 2 * kMiB;
  unsigned keys = 3000;
  unsigned writers = 2;
  unsigned readers = 1;
  unsigned large_one_in = 0;  // puts that are large; 0: none
  bool evict = true;
  bool flushes = false;
  unsigned tiny_keys = 0;       // put beforehand, so that buckets split while the case runs
  bool check_presence = false;  // the memory is large enough for all
};

class Stress {
 public:
  explicit Stress(const Plan& plan) : plan_(plan), registers_(plan.keys) {
    options_ = options_of(plan.memory_bytes, file_.path());
    options_.evict = plan.evict;
    store_ = std::make_unique<Store>(options_);
    Session session(*store_);
    for (unsigned i = 0; i < plan.tiny_keys; ++i) {
      const std::string key = numbered("t", i);
      session.begin_turn(kNow);
      const MutateResult result =
          session.mutate(session.hash(key), 0, [](Mutation& mutation) { (void)mutation.put({}, {}); });
      session.end_turn();
      REQUIRE(result == MutateResult::kDone);
    }
  }

  void run() {
    const Clock::time_point end = end_of_case();
    std::vector<std::thread> threads;
    for (unsigned w = 0; w < plan_.writers; ++w) threads.emplace_back([this, w, end] { write(w, end); });
    for (unsigned r = 0; r < plan_.readers; ++r) threads.emplace_back([this, r, end] { read(r, end); });
    threads.emplace_back([this, end] { watch(end); });
    for (std::thread& thread : threads) thread.join();
    INFO(first_problem_);
    CHECK(problems_.load() == 0);
    counters = store_->counters();
    splits = counters.index_splits;
    store_.reset();
    CHECK(audit_file(file_.path(), plan_.memory_bytes) == "");
  }

  StoreCounters counters;
  std::uint64_t splits = 0;
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> pinned{0};

 private:
  void problem(const std::string& what) {
    if (problems_.fetch_add(1) == 0) first_problem_ = what;
  }

  std::string value_of(unsigned key, std::uint64_t n) const {
    std::uint64_t bytes = (key * 7 + n * 13) % 700;
    if (plan_.large_one_in != 0 && (key + n / 2) % plan_.large_one_in == 0)
      bytes = 9000 + (key * 7919 + n * 104729) % 120000;
    return numbered(numbered("", key).append("/"), n).append("/").append(patterned(bytes, key * 1000003ull + n));
  }

  // The number of the value a reader saw, checked to be whole; 0: it is not.
  std::uint64_t number_of(unsigned key, const std::string& text) {
    const std::size_t slash = text.find('/');
    const std::uint64_t n = slash == std::string::npos ? 0 : std::strtoull(text.c_str() + slash + 1, nullptr, 10);
    if (n == 0 || text != value_of(key, n)) {
      problem("torn or foreign value under key " + numbered("", key) + ": " + text.substr(0, 30));
      return 0;
    }
    return n;
  }

  void write(unsigned writer, Clock::time_point end) {
    Session session(*store_);
    std::minstd_rand random(writer + 1);
    std::vector<std::uint64_t> last_cas(plan_.keys, 0);
    unsigned flushes = 0;
    while (Clock::now() < end) {
      session.begin_turn(kNow);
      for (unsigned burst = 0; burst < 8; ++burst) {
        const unsigned key = static_cast<unsigned>(random() % (plan_.keys / plan_.writers)) * plan_.writers + writer;
        if (key >= plan_.keys) continue;
        write_one(session, key, random() % 8 == 0, random() % 16 == 0, last_cas[key]);
      }
      if (plan_.flushes && writer == 0 && ++flushes % 2000 == 0) session.flush_all();
      session.end_turn();
    }
  }

  void write_one(Session& session, unsigned key, bool erase, bool only_touch, std::uint64_t& last_cas) {
    const std::string name = numbered("key", key);
    const HashedKey hashed = session.hash(name);
    Register& reg = registers_[key];
    const std::uint64_t now = reg.done.load();
    if (only_touch) {
      (void)session.mutate(hashed, 0, [](Mutation& mutation) {
        if (mutation.current()) (void)mutation.touch(later(100000));
      });
      return;
    }
    const std::uint64_t next = erase ? now | 1 : (now + 2) & ~std::uint64_t{1};
    if (next == now) return;
    const std::string value = erase ? std::string() : value_of(key, next);
    const std::string_view part = value;
    std::uint64_t seen = 0;
    bool absent = false;
    std::uint64_t cas = 0;
    reg.begun.store(next);
    const MutateResult result = session.mutate(hashed, value.size(), [&](Mutation& mutation) {
      absent = !mutation.current();
      seen = absent ? 0 : number_of(key, text_of(mutation.current()));
      if (erase ? mutation.erase() : mutation.put({}, {&part, 1})) cas = mutation.stored_cas();
    });
    if (!absent && seen != now) problem("a lost update: key " + numbered("", key) + " had " + numbered("", seen));
    if (absent && (now & 1) == 0 && plan_.check_presence) problem("a lost item: key " + numbered("", key));
    if (result != MutateResult::kDone) {
      if (plan_.evict) problem("no memory");
      reg.begun.store(now);
      return;
    }
    if (!erase && cas <= last_cas) problem("the CAS unique went back");
    if (!erase) last_cas = cas;
    reg.done.store(next);
    writes.fetch_add(1, std::memory_order_relaxed);
  }

  // A look at one key: what is found lies between what was done before and what was begun after.
  void read(unsigned reader, Clock::time_point end) {
    Session session(*store_);
    std::minstd_rand random(reader + 1000);
    std::vector<SegmentPin> pins;
    std::vector<std::string_view> pieces;
    while (Clock::now() < end) {
      const unsigned key = static_cast<unsigned>(random() % (random() % 2 == 0 ? plan_.keys : plan_.keys / 10));
      const std::string name = numbered("key", key);
      Register& reg = registers_[key];
      session.begin_turn(kNow);
      const HashedKey hashed = session.hash(name);
      const std::uint64_t before = reg.done.load();
      const ItemView item = session.find(hashed);
      const std::uint64_t after = reg.begun.load();
      const bool pin = random() % 8 == 0;
      if (item) {
        session.record_access(item);
        item.for_each_piece([&](std::string_view piece) {
          pieces.push_back(piece);
          if (pin) pins.push_back(session.pin(piece));
        });
        if (!pin) check_seen(key, pieces, before, after);
      } else if (before == after && (before & 1) == 0 && plan_.check_presence) {
        problem("a missed item: key " + numbered("", key));
      }
      session.end_turn();
      if (item && pin) {  // as a reply that waits for its socket
        std::this_thread::yield();
        check_seen(key, pieces, before, after);
        pinned.fetch_add(1, std::memory_order_relaxed);
      }
      pins.clear();
      pieces.clear();
      reads.fetch_add(1, std::memory_order_relaxed);
    }
  }

  void check_seen(unsigned key, const std::vector<std::string_view>& pieces, std::uint64_t before,
                  std::uint64_t after) {
    std::string text;
    for (const std::string_view piece : pieces) text.append(piece);
    const std::uint64_t n = number_of(key, text);
    if (n != 0 && (n < before || n > after))
      problem("a stale value or one back from the dead: key " + numbered("", key) + " had " + numbered("", n) +
              ", expected " + numbered("", before) + " to " + numbered("", after));
  }

  // What other threads of a server do: statistics, scans, crawls.
  void watch(Clock::time_point end) {
    Session session(*store_);
    std::optional<Session::Scan> scan;
    while (Clock::now() < end) {
      const StoreSummary sum = store_->summary();
      if (sum.free_segments > sum.segments) problem("more free segments than there are");
      (void)store_->counters();
      session.begin_turn(kNow);
      if (!scan || scan->done()) scan.emplace(session);
      scan->step(256, [this](const ItemView& item) {
        if (item.key().empty()) problem("a scan saw an item without key");
      });
      session.end_turn();
      std::this_thread::yield();
    }
  }

  Plan plan_;
  ScratchFile file_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  std::vector<Register> registers_;
  std::atomic<std::uint64_t> problems_{0};
  std::string first_problem_;
};

}  // namespace

TEST_CASE("with room for all no update is lost, no item missed, while keys come and go") {
  Plan plan;
  plan.memory_bytes = 32 * kMiB;
  plan.keys = 400;
  plan.check_presence = true;
  Stress stress(plan);
  stress.run();
  CHECK(stress.counters.evictions == 0);
  CHECK(stress.reads.load() > 100);
}

TEST_CASE("among evictions and compaction no value is torn, stale or back from the dead") {
  Plan plan;
  plan.memory_bytes = kMiB;
  Stress stress(plan);
  stress.run();
  CHECK(stress.counters.evictions > 0);
  CHECK(stress.counters.relocated_items > 0);
}

TEST_CASE("among large values, pins and evictions no value is torn, stale or back from the dead") {
  Plan plan;
  plan.memory_bytes = 2 * kMiB;
  plan.keys = 600;
  plan.large_one_in = 20;
  plan.readers = 2;
  Stress stress(plan);
  stress.run();
  CHECK(stress.counters.evictions > 0);
  CHECK(stress.pinned.load() > 0);
}

TEST_CASE("while the table grows no update is lost and no item missed") {
  Plan plan;
  plan.memory_bytes = 64 * kMiB;
  plan.tiny_keys = 409000;
  plan.keys = 20000;
  plan.check_presence = true;
  Stress stress(plan);
  stress.run();
  CHECK(stress.splits > 0);
}

TEST_CASE("without eviction no item is lost, however full the memory") {
  Plan plan;
  plan.memory_bytes = kMiB;
  plan.keys = 4000;
  plan.evict = false;
  plan.check_presence = true;
  Stress stress(plan);
  stress.run();
  CHECK(stress.counters.evictions == 0);
  CHECK(stress.counters.out_of_memory > 0);
}

TEST_CASE("flushes among everything leave nothing stale") {
  Plan plan;
  plan.flushes = true;
  plan.large_one_in = 50;
  Stress stress(plan);
  stress.run();
}

TEST_CASE("without eviction a full store that many touch can still be emptied") {
  const Clock::time_point end = end_of_case();
  while (Clock::now() < end) {
    StoreOptions options = options_of(kMiB);
    options.evict = false;
    Cache cache(options);
    const std::string value(200, 'v');
    unsigned stored = 0;
    while (cache.set(numbered("k", stored), value) == MutateResult::kDone) ++stored;
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 3; ++t) {
      threads.emplace_back([&cache, stored, t] {
        Session session(cache.store);
        std::minstd_rand random(t + 1);
        for (unsigned turn = 0; turn < 300; ++turn) {
          session.begin_turn(kNow);
          for (unsigned i = 0; i < 50; ++i) {
            const std::string name = numbered("k", random() % stored);
            const bool erase = random() % 32 == 0;
            (void)session.mutate(session.hash(name), 0, [erase](Mutation& mutation) {
              if (mutation.current()) (void)(erase ? mutation.erase() : mutation.touch(later(1000)));
            });
          }
          session.end_turn();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    unsigned refused = 0;
    for (unsigned i = 0; i < stored; ++i) refused += cache.erase(numbered("k", i)) == MutateResult::kDone ? 0u : 1u;
    REQUIRE(refused == 0);
    REQUIRE(cache.store.summary().items == 0);
  }
}

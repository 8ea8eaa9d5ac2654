// Threads write to a store while another one announces its log to a copy, and others read from that copy. Every key is
// a register that counts up: a reader of the copy never sees it go back, nor a value torn. When all is quiet both hold
// the same.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "copy.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned kKeys = 6000;
constexpr unsigned kWriters = 2;

std::string value_of(std::uint64_t count, bool large) {
  return std::to_string(count) + ":" + patterned(large ? 30'000 + count % 9000 : count % 1400, count);
}

void write(Store& store, unsigned writer, Clock::time_point end) {
  Session session(store);
  std::minstd_rand random(writer + 1);
  for (std::uint64_t count = 1; Clock::now() < end; ++count) {
    session.begin_turn(kNow);
    for (unsigned i = 0; i < 8; ++i) {
      // Each key has one writer, so its counts go up.
      const std::string name = numbered("k", random() % (kKeys / kWriters) * kWriters + writer);
      const HashedKey key = session.hash(name);
      const auto what = random() % 40;
      const std::string value = value_of(count, what == 0);
      (void)session.mutate(key, value.size(), [&](Mutation& mutation) {
        const std::string_view part = value;
        if (what < 3)
          (void)mutation.erase();
        else if (what < 5 && mutation.current())
          (void)mutation.touch(later(1000));
        else
          (void)mutation.put({}, {&part, 1});
      });
    }
    session.end_turn();
  }
}

// Returns what is wrong, or nothing.
std::string read(Store& copy, unsigned reader, const std::atomic<bool>& over) {
  Session session(copy);
  std::minstd_rand random(reader + 100);
  std::map<std::string, std::uint64_t> seen;
  while (!over.load()) {
    session.begin_turn(kNow);
    for (unsigned i = 0; i < 16; ++i) {
      const std::string name = numbered("k", random() % kKeys);
      const ItemView item = session.find(session.hash(name));
      if (!item) continue;
      const std::string value = text_of(item);
      const std::uint64_t count = std::stoull(value);
      if (count == 0) continue;  // from before the writers
      if (value != value_of(count, value.size() >= 30'000)) return "torn: " + name;
      if (count < seen[name]) return "went back: " + name;
      seen[name] = count;
      session.record_access(item);
    }
    session.end_turn();
  }
  return "";
}

std::map<std::string, std::string> all_of(Cache& cache) {
  std::map<std::string, std::string> all;
  cache.session.begin_turn(kNow);
  Session::Scan scan(cache.session);
  while (!scan.done()) scan.step(64, [&all](const ItemView& item) { all[std::string(item.key())] = text_of(item); });
  cache.session.end_turn();
  return all;
}

}  // namespace

TEST_CASE("a copy that is read while its original is written never goes back, and ends the same") {
  Cache original(options_of(2 * kMiB));
  Copy copy(original.store, options_of(2 * kMiB));
  original.store.begin_announcing([] {});
  REQUIRE(copy.join().empty());

  std::string refused;
  const auto announce = [&] {
    std::vector<Change> changes;
    const LogHead head = original.store.announce(200, changes);
    if (refused.empty()) refused = copy.take(changes, head);
    original.store.set_followers_past(refused.empty() ? copy.readers_past() : ~std::uint64_t{0});
    return changes.size();
  };
  // Full before they begin, so that what they write must push something out.
  for (unsigned i = 0; i < kKeys; ++i) {
    REQUIRE(original.set(numbered("k", i), value_of(0, false) + std::string(1000, '.')) == MutateResult::kDone);
    announce();
  }
  REQUIRE(original.store.counters().evictions > 0);

  const char* seconds = std::getenv("LMC_STRESS_SECONDS");
  const auto end = Clock::now() + std::chrono::seconds(seconds == nullptr ? 2 : std::max(1, std::atoi(seconds)));
  std::atomic<unsigned> writing{kWriters};  // who still writes may wait for room
  std::vector<std::thread> writers;
  for (unsigned w = 0; w < kWriters; ++w)
    writers.emplace_back([&, w] {
      write(original.store, w, end);
      writing.fetch_sub(1);
    });
  std::atomic<bool> over{false};
  std::vector<std::string> wrong(2);
  std::vector<std::thread> readers;
  for (unsigned r = 0; r < 2; ++r) readers.emplace_back([&, r] { wrong[r] = read(copy.cache.store, r, over); });

  while (writing.load() != 0) announce();
  for (std::thread& writer : writers) writer.join();
  while (announce() != 0) {
  }
  over.store(true);
  for (std::thread& reader : readers) reader.join();
  CHECK(refused.empty());
  CHECK(wrong[0].empty());
  CHECK(wrong[1].empty());
  CHECK(all_of(copy.cache) == all_of(original));
}

// A copy that has applied what was announced up to a version answers as the original did at that version.
#include "server/store/follower.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "copy.h"
#include "support.h"

namespace lmc::store {
namespace {

using test::Cache;
using test::Copy;
using test::kNow;

constexpr std::uint64_t kMemory = std::uint64_t{2} << 20;

struct Answer {
  std::string value;
  std::uint64_t cas = 0;
  std::uint32_t flags = 0;
  std::uint32_t expiry = 0;
  bool stale = false;
  bool win_sent = false;
  bool operator==(const Answer&) const = default;
};

std::map<std::string, Answer> all_of(Cache& cache) {
  std::map<std::string, Answer> answers;
  cache.session.begin_turn(cache.now);
  Session::Scan scan(cache.session);
  while (!scan.done()) {
    scan.step(64, [&](const ItemView& item) {
      answers[std::string(item.key())] = {test::text_of(item), item.cas(),   item.client_flags(),
                                          item.expiry().value, item.stale(), item.win_sent()};
    });
  }
  cache.session.end_turn();
  return answers;
}

void mark(Cache& cache, const std::string& key, bool stale, bool win_sent) {
  cache.session.begin_turn(cache.now);
  (void)cache.session.mutate(cache.session.hash(key), 0, [=](Mutation& mutation) {
    if (mutation.current()) (void)mutation.set_state(stale, win_sent);
  });
  cache.session.end_turn();
}

// Seeded work on a store so small that it evicts, compacts and reuses its segments all the time.
class Work {
 public:
  Work(Cache& cache, std::uint64_t seed) : cache_(cache), random_(seed) {}

  void step() {
    const std::string key = "key" + std::to_string(pick(pick(2) == 0 ? 100 : 3000));
    switch (pick(20)) {
      case 0:
        (void)cache_.erase(key);
        break;
      case 1:
        (void)cache_.touch(key, {kNow.value + 1000 + static_cast<std::uint32_t>(pick(1000))});
        break;
      case 2:
        mark(cache_, key, pick(2) == 0, pick(2) == 0);
        break;
      case 3:
        if (pick(60) == 0) flush();
        break;
      case 4:
        if (pick(4) == 0) set(key, 20'000 + pick(100'000));  // in chunks
        break;
      case 5:
      case 6:
        for (unsigned i = 0; i < 3; ++i) (void)cache_.read("key" + std::to_string(pick(60)));
        break;
      default:
        set(key, pick(8) == 0 ? 4000 : pick(600));
    }
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  void set(const std::string& key, std::uint64_t bytes) {
    NewItem item;
    item.client_flags = static_cast<std::uint32_t>(pick(3));
    if (pick(3) == 0) item.expiry = {kNow.value + 100 + static_cast<std::uint32_t>(pick(5000))};
    (void)cache_.set(key, test::patterned(bytes, random_()), item);
  }
  void flush() {
    cache_.session.begin_turn(cache_.now);
    cache_.session.flush_all();
    cache_.session.end_turn();
  }

  Cache& cache_;
  std::mt19937_64 random_;
};

// The latest version that an answer about any of the keys, found or not, depends on.
Version dependency_of_all(Cache& cache) {
  Version latest;
  cache.session.begin_turn(cache.now);
  for (unsigned i = 0; i < 3000; ++i) {
    cache.session.forget_dependency();
    (void)cache.session.find(cache.session.hash("key" + std::to_string(i)));
    latest = std::max(latest, cache.session.dependency());
  }
  cache.session.end_turn();
  return latest;
}

void announce_to(Cache& original, std::vector<Copy*> copies, std::size_t most) {
  std::vector<Change> changes;
  const LogHead head = original.store.announce(most, changes);
  std::uint64_t past = ~std::uint64_t{0};
  for (Copy* copy : copies) {
    CHECK(copy->take(changes, head) == "");
    past = std::min(past, copy->readers_past());
  }
  if (past != ~std::uint64_t{0}) original.store.set_followers_past(past);
  original.store.set_landed(original.store.told());
}

// A mutation that waits for room is in the way of nobody but this one thread: so the copy hears of news from within.
void start(Cache& original, Copy& copy) {
  original.store.begin_announcing([&original, &copy] { announce_to(original, {&copy}, 1000); });
  REQUIRE(copy.join().empty());
  copy.end_living();
}

// With bytes from before; living items and changes are still to come.
void join_late(Cache& original, Copy& copy) {
  std::vector<Change> nobody;
  copy.set_head(original.store.announce(1000, nobody));
  REQUIRE(copy.join().empty());
}

TEST_CASE("a copy that follows from the beginning answers as the original, whatever happens to it") {
  for (std::uint64_t seed = 1; seed <= test::effort(12); ++seed) {
    INFO("seed " << seed);
    Cache original(test::options_of(kMemory));
    Copy copy(original.store, test::options_of(kMemory));
    start(original, copy);
    Work work(original, seed);
    std::mt19937_64 random(seed + 1000);
    for (unsigned round = 0; round < 4000; ++round) {
      for (std::uint64_t n = random() % (round % 50 == 0 ? 1000 : 60); n > 0; --n) work.step();
      announce_to(original, {&copy}, 1 + random() % 16);
      if (round % 200 != 199) continue;
      announce_to(original, {&copy}, 1000);
      CHECK(all_of(copy.cache) == all_of(original));
    }
    CHECK(original.store.counters().evictions > 10);
    CHECK(original.store.counters().segments_compacted > 10);
    CHECK(original.store.counters().relocated_items > 10);
    CHECK(copy.parts() > 10);
  }
}

TEST_CASE("what is told at once is put into the index in parts, and counts with its head") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  const Version before = copy.cache.store.summary().version;
  for (unsigned i = 0; i < 1000; ++i) original.set("key" + std::to_string(i), "value");
  std::vector<Change> changes;
  const LogHead head = original.store.announce(100, changes);

  LogHead same = head;  // with the news still to come
  same.version = before;
  CHECK(copy.take(changes, same) == "");
  CHECK(copy.parts() == 0);
  CHECK_FALSE(copy.cache.get("key0"));

  CHECK(copy.take({}, head) == "");
  CHECK(copy.parts() >= 5);
  CHECK(copy.cache.store.summary().version == head.version);
  CHECK(all_of(copy.cache) == all_of(original));
}

TEST_CASE("the answer to a flush, now or later, depends on it where the log is followed") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  (void)original.set("key", "value");
  for (const bool later : {false, true}) {
    original.session.begin_turn(original.now);
    original.session.forget_dependency();
    if (later)
      original.session.flush_all_at(test::later(100));
    else
      original.session.flush_all();
    CHECK(original.session.dependency() == original.store.summary().version);
    original.session.end_turn();
  }
}

TEST_CASE("no answer of a copy waits for a version that nobody draws: expired items go without a mutation") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  const std::string value = test::patterned(1000, 1);
  NewItem expiring;
  expiring.expiry = test::later(10);
  for (unsigned i = 0; i < 200; ++i) (void)original.set("key" + std::to_string(i), value, expiring);
  announce_to(original, {&copy}, 1000);
  original.now = copy.cache.now = test::later(100);
  for (unsigned i = 0; i < 200; ++i) CHECK_FALSE(original.get("key" + std::to_string(i)));
  // The last mutation of all is told before the end of its turn, which is when segments without living items go.
  original.session.begin_turn(original.now);
  for (unsigned i = 0; i < 200; ++i)
    (void)original.session.mutate(original.session.hash("another"), value.size(),
                                  [&](Mutation& mutation) { (void)mutation.put({}, {{value}}); });
  announce_to(original, {&copy}, 1000);
  const std::uint64_t compacted = original.store.counters().segments_compacted;
  original.session.end_turn();
  announce_to(original, {&copy}, 1000);
  CHECK(original.store.counters().segments_compacted > compacted);
  CHECK(dependency_of_all(copy.cache) <= copy.cache.store.summary().version);
}

TEST_CASE("a copy that joins in the middle, while everything goes on, ends with the original's answers") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    Cache original(test::options_of(kMemory));
    Work work(original, seed);
    for (unsigned n = 0; n < 20'000; ++n) work.step();
    Copy copy(original.store, test::options_of(kMemory));
    bool joined = false;
    original.store.begin_announcing([&] {
      if (joined) announce_to(original, {&copy}, 1000);
    });
    join_late(original, copy);
    joined = true;

    std::mt19937_64 random(seed);
    Session scanning(original.store);
    Session::Scan scan(scanning);
    while (!scan.done()) {
      scanning.begin_turn(kNow);
      scan.step(512, [&](const ItemView& item) { copy.add_living(item); });
      scanning.end_turn();
      for (std::uint64_t n = random() % 20; n > 0; --n) work.step();
      announce_to(original, {&copy}, 1 + random() % 16);
    }
    copy.end_living();
    for (unsigned n = 0; n < 2000; ++n) work.step();
    announce_to(original, {&copy}, 1000);
    CHECK(all_of(copy.cache) == all_of(original));
  }
}

TEST_CASE("what is changed in place while a copy joins is not lost") {
  Cache original(test::options_of(kMemory));
  for (unsigned i = 0; i < 1000; ++i) (void)original.set("key" + std::to_string(i), "value");
  Copy copy(original.store, test::options_of(kMemory));
  original.store.begin_announcing([] {});
  join_late(original, copy);
  original.store.set_landed(original.store.told());

  const Version before = original.store.summary().version;
  // Applied in vain: the copy knows no item yet.
  for (unsigned i = 0; i < 1000; ++i) {
    const std::string key = "key" + std::to_string(i);
    if (i % 2 == 0)
      REQUIRE(original.touch(key, test::later(1000 + i)) == MutateResult::kDone);
    else
      mark(original, key, true, i % 3 == 0);
  }
  announce_to(original, {&copy}, 10'000);

  Session scanning(original.store);
  Session::Scan scan(scanning);
  while (!scan.done()) {
    scanning.begin_turn(kNow);
    scan.step(16, [&](const ItemView& item) { copy.add_living(item); });
    scanning.end_turn();
    announce_to(original, {&copy}, 1000);
  }
  CHECK(all_of(copy.cache) == all_of(original));

  // What is shown of a change waits for it, though its record came before the item.
  Version last = before;
  copy.cache.session.begin_turn(kNow);
  for (unsigned i = 0; i < 1000; ++i) {
    copy.cache.session.forget_dependency();
    REQUIRE(copy.cache.session.find(copy.cache.session.hash("key" + std::to_string(i))));
    CHECK(copy.cache.session.dependency() > last);
    ++last.value;
  }
  copy.cache.session.end_turn();
}

// Known by bytes that are no record any more.
TEST_CASE(
    "where nothing lives an eviction looks at nothing, if the copy was told all of that segment since it had all") {
  const bool has_all = GENERATE(true, false);
  const bool from_before = GENERATE(true, false);
  Cache original(test::options_of(kMemory));
  (void)original.set("key", "value");
  Copy copy(original.store, test::options_of(kMemory));
  original.store.begin_announcing([] {});
  join_late(original, copy);
  if (has_all) copy.end_living();
  const std::size_t segment_bytes = copy.cache.store.summary().segment_bytes;
  std::set<std::uint32_t> opened;
  bool evicted = false;
  for (unsigned n = 0; n < 10'000 && !evicted; ++n) {
    (void)original.set("key", test::patterned(1000, n));
    std::vector<Change> changes;
    const LogHead head = original.store.announce(1000, changes);
    for (const Change& change : changes) {
      const std::uint32_t id = change.segment.value;
      if (change.kind == ChangeKind::kOpened) opened.insert(id);
      if (change.kind != ChangeKind::kEvicted || opened.contains(id) == from_before) continue;
      evicted = true;
      copy.cache.store.log_memory()[id * segment_bytes + kSegmentHeaderBytes + 200] ^= 1;
    }
    CHECK(copy.take(changes, head).empty() == (!evicted || (has_all && !from_before)));
    original.store.set_followers_past(copy.readers_past());
  }
  CHECK(evicted);
}

TEST_CASE("a living item that is told again has the words that it was told with last") {
  Cache original(test::options_of(kMemory));
  (void)original.set("key", "value");
  Copy copy(original.store, test::options_of(kMemory));
  original.store.begin_announcing([] {});
  join_late(original, copy);
  original.store.set_landed(original.store.told());
  Session scanning(original.store);
  for (const std::uint32_t seconds : {100U, 200U}) {
    REQUIRE(original.touch("key", test::later(seconds)) == MutateResult::kDone);
    announce_to(original, {&copy}, 1000);
    scanning.begin_turn(kNow);
    copy.add_living(scanning.find(scanning.hash("key")));
    scanning.end_turn();
    announce_to(original, {&copy}, 1000);
    CHECK(all_of(copy.cache) == all_of(original));
  }
}

// The words of the record that lies there; what has replaced it may be elsewhere.
struct Words {
  UnixSeconds expiry;
  bool stale;
  explicit Words(const RecordHeader& record) : expiry(record.expiry()), stale(record.access().stale) {}
  bool operator==(const Words&) const = default;
};

TEST_CASE("what has not landed is not changed in place, but replaced by itself, as clients know it") {
  Cache original(test::options_of(kMemory));
  const std::string large(kMemory / 1024 * 4, 'x');  // in several records
  original.store.begin_announcing([] {});
  for (const std::string& value : {std::string("value"), large}) {
    REQUIRE(original.set("key", value) == MutateResult::kDone);
    original.session.begin_turn(kNow);
    const ItemView before = original.session.find(original.session.hash("key"));
    const auto& record =
        *reinterpret_cast<const RecordHeader*>(original.store.log_memory().data() + before.address().offset);
    const std::uint64_t cas = before.cas();
    original.session.end_turn();
    const Words words(record);

    REQUIRE(original.touch("key", test::later(100)) == MutateResult::kDone);
    mark(original, "key", true, false);
    CHECK(Words(record) == words);
    original.session.begin_turn(kNow);
    const ItemView after = original.session.find(original.session.hash("key"));
    CHECK(after.address() != before.address());
    CHECK(after.version() > before.version());
    CHECK(after.cas() == cas);
    CHECK(after.expiry() == test::later(100));
    CHECK(after.stale());
    CHECK(after.value_bytes() == value.size());
    std::string all;
    after.for_each_piece([&all](std::string_view piece) { all += piece; });
    CHECK(all == value);
    original.session.end_turn();
  }
}

TEST_CASE("what has landed is changed in place") {
  Cache original(test::options_of(kMemory));
  original.store.begin_announcing([] {});
  const auto address = [&] {
    original.session.begin_turn(kNow);
    const LogAddress at = original.session.find(original.session.hash("key")).address();
    original.session.end_turn();
    return at;
  };
  REQUIRE(original.set("key", "value") == MutateResult::kDone);
  const LogAddress at = address();
  std::vector<Change> changes;
  (void)original.store.announce(1000, changes);
  const LogExtent told = original.store.told();
  REQUIRE(original.set("other", "value") == MutateResult::kDone);
  CHECK(original.store.told() == told);
  original.store.set_landed(told);
  REQUIRE(original.touch("key", test::later(100)) == MutateResult::kDone);
  CHECK(address() == at);
  original.store.set_landed({});
  REQUIRE(original.touch("key", test::later(200)) == MutateResult::kDone);
  CHECK(address() != at);
}

TEST_CASE("every answer of a copy waits for what was removed, or touched, before it began") {
  Cache original(test::options_of(kMemory));
  for (const char* key : {"deleted", "touched", "evicted", "living"}) (void)original.set(key, "value");
  original.store.begin_announcing([] {});
  original.store.set_landed(original.store.told());
  REQUIRE(original.erase("deleted") == MutateResult::kDone);
  REQUIRE(original.touch("touched", test::later(100)) == MutateResult::kDone);
  Copy copy(original.store, test::options_of(kMemory));
  std::vector<Change> nobody;
  const LogHead head = original.store.announce(1000, nobody);
  REQUIRE(head.version == original.store.summary().version);
  copy.set_head(head);
  REQUIRE(copy.join().empty());
  copy.cache.session.begin_turn(kNow);
  for (const char* key : {"deleted", "touched", "evicted", "living"}) {
    copy.cache.session.forget_dependency();
    (void)copy.cache.session.find(copy.cache.session.hash(key));
    CHECK(copy.cache.session.dependency() == head.version);
  }
  copy.cache.session.end_turn();
}

TEST_CASE("what an operator asks of a backup does not change the copy") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  NewItem expiring;
  expiring.expiry = test::later(10);
  Work work(original, 3);
  for (unsigned n = 0; n < 20'000; ++n) {
    work.step();
    if (n % 100 == 0) (void)original.set(test::numbered("expiring", n), "value", expiring);
    if (n % 37 != 0) continue;
    announce_to(original, {&copy}, 1000);
    // cache_memlimit and lru_crawler crawl, as they reach the store
    CHECK(copy.cache.store.set_memory_limit(n % 2 == 0 ? kMemory / 4 : kMemory) == Store::LimitChange::kDone);
    copy.cache.session.begin_turn(test::later(100));
    for (std::uint64_t cursor = 0; cursor != Session::kCrawlEnd;) copy.cache.session.crawl(cursor, 1000);
    copy.cache.session.end_turn();
  }
  announce_to(original, {&copy}, 1000);
  CHECK(all_of(copy.cache) == all_of(original));
  std::vector<AnnouncedSegment> there;
  std::vector<AnnouncedSegment> here;
  original.store.inventory(there);
  copy.cache.store.inventory(here);
  CHECK(there.size() == here.size());
  CHECK(original.store.counters().evictions > 10);
}

TEST_CASE("a copy that takes over goes on as a store of its own, with everything that it had applied") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  Work work(original, 7);
  for (unsigned n = 0; n < 20'000; ++n) {
    work.step();
    if (n % 37 == 0) announce_to(original, {&copy}, 1000);
  }
  announce_to(original, {&copy}, 1000);
  const auto before = all_of(copy.cache);
  CHECK(before == all_of(original));
  copy.cache.store.stop_following();
  CHECK(all_of(copy.cache) == before);
  Work more(copy.cache, 8);
  const std::uint64_t last = copy.cache.store.summary().version.value;
  for (unsigned n = 0; n < 20'000; ++n) more.step();
  CHECK(copy.cache.set("after", "takeover") == MutateResult::kDone);
  CHECK(copy.cache.get("after") == "takeover");
  CHECK(copy.cache.cas("after") > last);
  CHECK(copy.cache.store.counters().evictions > 10);
}

TEST_CASE("a segment is used again only when those who follow have no reader in it") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  Session reader(copy.cache.store);
  std::uint64_t told = 1;  // retirements; what was free at the begin is the first
  const auto go_on_until = [&](auto&& done) {
    for (unsigned n = 0; n < 5000 && !done(); ++n) {
      original.set("key" + std::to_string(n % 100), test::patterned(1000, n));
      std::vector<Change> changes;
      const LogHead head = original.store.announce(1000, changes);
      for (const Change& change : changes) told += change.kind == ChangeKind::kRetired ? 1 : 0;
      REQUIRE(copy.take(changes, head) == "");
    }
  };
  go_on_until([&] { return copy.readers_past() > 0; });
  original.store.set_followers_past(copy.readers_past());
  // A reader of the copy is in the middle of a turn: what is retired now does not come back.
  reader.begin_turn(kNow);
  const std::uint64_t past = copy.readers_past();
  go_on_until([&] { return told > past + 2; });
  REQUIRE(told > past + 2);
  CHECK(copy.readers_past() == past);
  reader.end_turn();
  CHECK(copy.readers_past() == told);
  const std::uint64_t free_before = original.store.summary().free_segments;
  original.store.set_followers_past(told);
  CHECK(original.store.summary().free_segments > free_before);
}

TEST_CASE("a mutation that waits for room gives up when it is interrupted, and goes on when there is room") {
  StoreOptions patient = test::options_of(kMemory);
  patient.room_waits = 1'000'000'000;
  Cache original(patient);
  Copy copy(original.store, test::options_of(kMemory));
  std::atomic<unsigned> waits{0};
  original.store.begin_announcing([&] { ++waits; });  // and nobody takes what is new
  REQUIRE(copy.join().empty());
  MutateResult last = MutateResult::kDone;
  std::thread writer([&] {
    for (unsigned n = 0; last == MutateResult::kDone; ++n) last = original.set(test::numbered("key", n), "value");
  });
  while (waits < 1000) std::this_thread::yield();
  original.store.interrupt_waits(true);
  writer.join();
  CHECK(last == MutateResult::kNoMemory);
  original.store.interrupt_waits(false);
  announce_to(original, {&copy}, 100'000);
  CHECK(original.set("key", "value") == MutateResult::kDone);
}

TEST_CASE("what cannot be true of a copy is refused") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  original.set("key", "value");
  std::vector<Change> changes;
  const LogHead head = original.store.announce(100, changes);
  REQUIRE(changes.size() == 2);

  SECTION("an append to a segment that is not open") {
    CHECK_FALSE(copy.take({changes[1]}, head).empty());
  }
  SECTION("a segment that is opened twice") {
    CHECK(copy.take({changes[0]}, head).empty());
    CHECK_FALSE(copy.take({changes[0]}, head).empty());
  }
  SECTION("a segment that there is not") {
    changes[0].segment.value = 1 << 20;
    CHECK_FALSE(copy.cache.store.follow().apply(changes[0])->empty());
  }
  SECTION("bytes whose checksum does not match") {
    const std::uint64_t at = changes[1].segment.value * original.store.summary().segment_bytes + changes[1].from;
    original.store.log_memory()[at + kRecordHeaderBytes] ^= 1;
    CHECK_FALSE(copy.take(changes, head).empty());
  }
  SECTION("an append that leaves out bytes") {
    REQUIRE(copy.take({changes[0]}, head).empty());
    changes[1].from += 8;
    CHECK_FALSE(copy.take({changes[1]}, head).empty());
  }
  SECTION("an append beyond the segment") {
    REQUIRE(copy.take({changes[0]}, head).empty());
    changes[1].to = ~std::uint32_t{7};
    CHECK_FALSE(copy.cache.store.follow().apply(changes[1])->empty());
  }
  SECTION("a segment that is retired with what was told of it") {
    changes.push_back({ChangeKind::kSealed, Stream::kFresh, changes[0].segment});
    changes.push_back({ChangeKind::kRetired, Stream::kFresh, changes[0].segment});
    CHECK(copy.take(changes, head).starts_with("a segment is retired in which something lives"));
  }
  SECTION("an eviction that does not begin with a record") {
    changes.push_back({ChangeKind::kSealed, Stream::kFresh, changes[0].segment});
    changes.push_back({ChangeKind::kEvicted, Stream::kFresh, changes[0].segment, changes[1].from + 4, changes[1].to});
    CHECK(copy.take(changes, head).starts_with("an eviction beyond the segment's records"));
  }
  SECTION("a version that no record can have") {
    CHECK_FALSE(copy.take(changes, {{kMaxVersion + 1}, {}, {}}).empty());
    CHECK_FALSE(copy.take({}, {{}, {kMaxVersion + 1}, {}}).empty());
    CHECK(copy.take({}, {{kMaxVersion}, {}, {}}).empty());
  }
  SECTION("a segment that ends within a record's word") {
    const AnnouncedSegment segment{{3}, Stream::kFresh, false, 68, 0, 7, kNow};
    CHECK_FALSE(copy.cache.store.follow().begin({&segment, 1}, head)->empty());
  }
}

TEST_CASE("no segment is retired that has a part of what lives") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  const std::uint64_t segment_bytes = original.store.summary().segment_bytes;
  original.set("large", test::patterned(5 * segment_bytes / 2, 1));  // a segment in between has only chunks
  announce_to(original, {&copy}, 100);
  std::vector<AnnouncedSegment> segments;
  original.store.describe(segments);
  std::erase_if(segments, [](const AnnouncedSegment& segment) { return !segment.sealed; });
  CHECK(segments.size() >= 2);
  for (const AnnouncedSegment& segment : segments)
    CHECK(copy.take({{ChangeKind::kRetired, segment.stream, segment.segment}}, {}).starts_with("a segment is retired"));
}

// Of the original, that lies in a sealed segment.
ItemView sealed_item(Cache& original, std::vector<AnnouncedSegment>& segments) {
  original.store.describe(segments);
  ItemView found;
  Session::Scan scan(original.session);
  while (!scan.done())
    scan.step(64, [&](const ItemView& item) {
      for (const AnnouncedSegment& segment : segments)
        if (segment.sealed && item.address().offset / original.store.summary().segment_bytes == segment.segment.value)
          found = item;
    });
  return found;
}

TEST_CASE("nothing lives in a segment that was retired") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  original.store.begin_announcing([] {});
  for (unsigned n = 0; n < 100; ++n) original.set(test::numbered("key", n), std::string(1000, 'v'));
  std::vector<Change> nobody;
  const LogHead head = original.store.announce(1000, nobody);
  copy.set_head(head);
  REQUIRE(copy.join().empty());
  original.session.begin_turn(kNow);
  std::vector<AnnouncedSegment> segments;
  const ItemView item = sealed_item(original, segments);
  REQUIRE(item);
  const SegmentId id{static_cast<std::uint32_t>(item.address().offset / original.store.summary().segment_bytes)};
  REQUIRE(copy.take({{ChangeKind::kRetired, Stream::kFresh, id}}, head).empty());
  copy.add_living(item);
  CHECK(copy.take({}, head).starts_with("a living record that is no item"));
  original.session.end_turn();
}

TEST_CASE("what a copy draws is later than the flush that it was told of") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  start(original, copy);
  REQUIRE(copy.take({}, {{7}, {50}, {}}).empty());  // of what is between them something is not complete
  copy.cache.store.begin_announcing([] {});
  copy.cache.store.set_followers_past(~std::uint64_t{0});  // nobody follows: all its room is free
  REQUIRE(copy.cache.set("key", "value") == MutateResult::kDone);
  CHECK(copy.cache.get("key") == "value");
  CHECK(copy.cache.cas("key") > 50);
}

TEST_CASE("what a copy draws is later than all that it was told lives") {
  Cache original(test::options_of(kMemory));
  Copy copy(original.store, test::options_of(kMemory));
  original.store.begin_announcing([] {});
  original.set("key", "value");
  std::vector<Change> nobody;
  (void)original.store.announce(1000, nobody);
  copy.set_head({{0}, {}, {}});  // somebody else's mutation, begun before, is not complete
  REQUIRE(copy.join().empty());
  original.session.begin_turn(kNow);
  copy.add_living(original.session.find(original.session.hash("key")));
  original.session.end_turn();
  copy.end_living();
  REQUIRE(copy.take({}, {{0}, {}, {}}).empty());
  copy.cache.store.begin_announcing([] {});
  CHECK(copy.cache.cas("key") == original.cas("key"));
  REQUIRE(copy.cache.set("key", "later") == MutateResult::kDone);
  CHECK(copy.cache.cas("key") > original.cas("key"));
}

}  // namespace
}  // namespace lmc::store

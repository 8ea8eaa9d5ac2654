#include "server/store/reclaimer.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "books.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

constexpr std::size_t kValueBytes = 1000;

std::string key_of(unsigned i) {
  return numbered("key", i);
}

// Puts numbered keys until this stream has sealed so many segments; returns how many keys there are.
unsigned fill(Bench& bench, unsigned segments, Stream stream = Stream::kFresh, UnixSeconds expiry = kNeverExpires) {
  unsigned n = 0;
  while (bench.log.sealed_segments(stream) < segments)
    REQUIRE(bench.put(key_of(n++), std::string(kValueBytes, 'v'), stream, expiry));
  return n;
}

bool step(Bench& bench, std::uint64_t bytes, UnixSeconds now = kNow) {
  return bench.reclaimer.step(bytes, now, bench.tally);
}

std::uint64_t count(const Bench& bench, Count what) {
  return bench.tally.get(static_cast<std::size_t>(what));
}

// Over both streams.
std::uint64_t count(const Bench& bench, StreamCount what) {
  return bench.tally.get(cell_of(what, Stream::kFresh)) + bench.tally.get(cell_of(what, Stream::kSurvivor));
}

// Reclaims until so many segments were retired.
void reclaim(Bench& bench, std::uint64_t segments, UnixSeconds now = kNow) {
  const auto done = [&] { return count(bench, Count::kSegmentsCompacted) + count(bench, Count::kSegmentsEvicted); };
  const std::uint64_t end = done() + segments;
  while (done() < end) REQUIRE(step(bench, 1, now));
}

}  // namespace

TEST_CASE("a mostly dead segment is compacted: what lives moves, nothing is evicted") {
  Bench bench(kMiB);
  const unsigned n = fill(bench, 1);
  for (unsigned i = 0; i < n; ++i) {
    if (i % 10 != 0) REQUIRE(bench.erase(key_of(i)));
  }
  const SegmentId before = bench.where(key_of(0));
  const Version version = bench.arena.record(bench.index.find(bench.index.hash(key_of(0))).slot.address()).version();
  reclaim(bench, 1);
  CHECK(count(bench, Count::kSegmentsCompacted) == 1);
  CHECK(count(bench, StreamCount::kEvictions) == 0);
  for (unsigned i = 0; i < n; i += 10) CHECK(bench.get(key_of(i)) == std::string(kValueBytes, 'v'));
  CHECK(bench.where(key_of(0)) != before);
  CHECK(bench.arena.record(bench.index.find(bench.index.hash(key_of(0))).slot.address()).version() == version);
  CHECK(audit(bench.arena) == "");
}

TEST_CASE("expired records are never moved") {
  Bench bench(kMiB);
  const unsigned n = fill(bench, 1, Stream::kFresh, later(10));
  for (unsigned i = 0; i + 1 < n; ++i) bench.raise(key_of(i), 3);
  REQUIRE(step(bench, bench.arena.segment_bytes(), later(10)));
  CHECK(count(bench, Count::kRelocatedItems) == 0);
  CHECK(count(bench, StreamCount::kReclaimed) >= n - 1);
  CHECK(count(bench, StreamCount::kEvictions) == 0);
  CHECK(audit(bench.arena) == "");
}

TEST_CASE("a segment that is used again is not judged by what had expired in it before") {
  Bench bench(32 * kMiB);
  (void)fill(bench, 400, Stream::kFresh, later(10));
  reclaim(bench, 400, later(100));
  bench.log.collect();
  bench.log.set_now(later(100));
  // With so few segments sealed nothing but the estimate could make one of them worth compacting.
  const std::uint64_t compacted = count(bench, Count::kSegmentsCompacted);
  unsigned n = 0;
  while (bench.log.sealed_segments(Stream::kFresh) < 20)
    REQUIRE(bench.put(numbered("lasting", n++), std::string(kValueBytes, 'v')));
  for (unsigned i = 0; i < 20; ++i) REQUIRE(step(bench, bench.arena.segment_bytes(), later(100)));
  CHECK(count(bench, Count::kSegmentsCompacted) == compacted);
}

TEST_CASE("an evicted fresh record moves to the survivor stream if it was read, else it goes and is remembered") {
  Bench bench(kMiB);
  const unsigned n = fill(bench, 8) - 1;  // the last one is in the open segment
  for (unsigned i = 0; i < n; i += 2) bench.raise(key_of(i), 1);
  reclaim(bench, 1);
  CHECK(count(bench, Count::kSegmentsEvicted) == 1);
  CHECK(bench.get(key_of(0)));
  const SegmentEntry& now_in = bench.arena.segment(bench.where(key_of(0)));
  CHECK(now_in.stream.load() == Stream::kSurvivor);
  CHECK(bench.index.find(bench.index.hash(key_of(0))).slot.frequency() == 0);
  CHECK_FALSE(bench.get(key_of(1)));
  CHECK(bench.ghost.take(bench.index.hash(key_of(1))));
  CHECK_FALSE(bench.ghost.take(bench.index.hash(key_of(0))));
  CHECK(count(bench, StreamCount::kEvictions) == count(bench, StreamCount::kEvictedUnfetched));
  CHECK(audit(bench.arena) == "");
}

TEST_CASE("an evicted survivor that nobody read is remembered too") {
  Bench bench(kMiB);
  (void)fill(bench, 8, Stream::kSurvivor);
  reclaim(bench, 1);
  CHECK_FALSE(bench.get(key_of(0)));
  CHECK(bench.ghost.take(bench.index.hash(key_of(0))));
}

TEST_CASE("an evicted survivor stays once for every access that was counted, then it goes") {
  Bench bench(kMiB);
  (void)fill(bench, 1, Stream::kSurvivor);
  bench.raise(key_of(0), 2);
  for (unsigned expected : {1u, 0u}) {
    while (bench.index.find(bench.index.hash(key_of(0))).slot.frequency() != expected) {
      bench.log.seal_open(Stream::kSurvivor);
      reclaim(bench, 1);
      REQUIRE(bench.get(key_of(0)));
    }
    REQUIRE(bench.put("other", std::string(60000, 'o'), Stream::kSurvivor));
  }
  bench.log.seal_open(Stream::kSurvivor);
  for (unsigned i = 0; i < 4 && bench.get(key_of(0)); ++i) {
    if (!step(bench, bench.arena.segment_bytes())) break;
  }
  CHECK(audit(bench.arena) == "");
}

TEST_CASE("a step is bounded by the bytes it is given, and the next one goes on where it ended") {
  Bench bench(kMiB);
  const unsigned n = fill(bench, 8);
  REQUIRE(step(bench, 1));
  unsigned gone = 0;
  for (unsigned i = 0; i < n; ++i) gone += bench.get(key_of(i)) ? 0u : 1u;
  CHECK(gone > 0);
  CHECK(gone <= 16);
  CHECK(bench.log.retired_segments() + count(bench, Count::kSegmentsEvicted) == 0);
  CHECK(audit(bench.arena) == "");
}

TEST_CASE("an empty or wholly open store has nothing to reclaim") {
  Bench bench(kMiB);
  CHECK_FALSE(step(bench, 1000));
  REQUIRE(bench.put("k", "v"));
  CHECK_FALSE(step(bench, 1000));
  CHECK(bench.get("k"));
}

TEST_CASE("without eviction full segments are left alone") {
  ReclaimPolicy policy;
  policy.evict = false;
  Bench bench(kMiB, policy);
  (void)fill(bench, 8);
  CHECK_FALSE(step(bench, kMiB));
  CHECK(count(bench, StreamCount::kEvictions) == 0);
  CHECK(count(bench, Count::kRelocatedItems) == 0);
}

TEST_CASE("what is touched again and again before it expires is not taken for expired") {
  StoreOptions options = options_of(4 * kMiB);
  options.evict = false;
  Cache cache(options);
  NewItem item;
  item.expiry = later(30);
  REQUIRE(cache.set("large", patterned(100000, 1), item) == MutateResult::kDone);
  const std::string value(1000, 'v');
  unsigned stored = 0;
  while (cache.set(key_of(stored), value, item) == MutateResult::kDone) ++stored;
  for (std::uint32_t seconds = 10; seconds < 400; seconds += 10) {
    cache.now = later(seconds);
    REQUIRE(cache.touch("large", later(seconds + 30)) == MutateResult::kDone);
    for (unsigned i = 0; i < stored; ++i) REQUIRE(cache.touch(key_of(i), later(seconds + 30)) == MutateResult::kDone);
  }
  // Dead are only the notes, and they lie in segments of their own: what moved is no more than lay beside the first.
  CHECK(cache.store.counters().relocated_bytes < 2 * 64 * 1024);
  CHECK(cache.has("large"));
}

TEST_CASE("a key that comes back while it is remembered goes to the survivor stream") {
  Cache cache(options_of(kMiB));
  const std::string value(1000, 'v');
  for (unsigned i = 0; i < 2000; ++i) REQUIRE(cache.set(key_of(i), value) == MutateResult::kDone);
  unsigned back = 1999;
  while (cache.has(key_of(back))) --back;
  REQUIRE(cache.set(key_of(back), value) == MutateResult::kDone);
  cache.session.begin_turn(cache.now);
  const ItemView item = cache.session.find(cache.session.hash(key_of(back)));
  REQUIRE(item);
  CHECK(item.stream() == Stream::kSurvivor);
  cache.session.end_turn();
  CHECK(cache.store.counters().ghost_hits >= 1);
}

TEST_CASE("a large item that was read once does not stay for ever") {
  Cache cache(options_of(8 * kMiB));
  REQUIRE(cache.set("large", patterned(100000, 1)) == MutateResult::kDone);
  for (int i = 0; i < 3; ++i) REQUIRE(cache.read("large"));
  const std::string value(1000, 'v');
  unsigned n = 0;
  // Others are read too, so that survivors are evicted.
  while (cache.has("large") && n < 100000) {
    REQUIRE(cache.set(key_of(n), value) == MutateResult::kDone);
    if (n % 2 == 0) (void)cache.read(key_of(n));
    ++n;
  }
  CHECK_FALSE(cache.has("large"));
  CHECK(n > 8000);  // but it outlived those that nobody read
}

namespace {

// Writes down what it is told.
class Witness final : public EvictionObserver {
 public:
  struct Seen {
    std::string key;
    Stream stream;
    bool fetched;
    UnixSeconds expiry;
    std::uint64_t value_bytes;
  };
  void on_eviction(const ItemView& item, UnixSeconds now) override {
    CHECK(now == kNow);
    seen.push_back({std::string(item.key()), item.stream(), item.fetched(), item.expiry(), item.value_bytes()});
  }
  std::vector<Seen> seen;
};

}  // namespace

TEST_CASE("an observer is told of every item that is evicted, and of nothing else") {
  Witness witness;
  Bench bench(kMiB, {}, &witness);
  const unsigned n = fill(bench, 8, Stream::kFresh, later(100)) - 1;
  for (unsigned i = 0; i < n; i += 2) bench.raise(key_of(i), 1);  // these move on
  REQUIRE(bench.erase(key_of(1)));
  reclaim(bench, 1);
  REQUIRE(!witness.seen.empty());
  CHECK(witness.seen.size() == count(bench, StreamCount::kEvictions));
  CHECK(witness.seen.size() == count(bench, StreamCount::kEvictedNonzero));
  for (std::size_t i = 0; i < witness.seen.size(); ++i) {
    CHECK(witness.seen[i].key == key_of(3 + 2 * static_cast<unsigned>(i)));
    CHECK(witness.seen[i].stream == Stream::kFresh);
    CHECK_FALSE(witness.seen[i].fetched);
    CHECK(witness.seen[i].expiry == later(100));
    CHECK(witness.seen[i].value_bytes == kValueBytes);
    CHECK_FALSE(bench.get(witness.seen[i].key));
  }
}

TEST_CASE("evictions are counted with the stream that the item lay in") {
  Witness witness;
  Bench bench(kMiB, {}, &witness);
  (void)fill(bench, 8, Stream::kSurvivor);
  reclaim(bench, 2);
  CHECK(bench.tally.get(cell_of(StreamCount::kEvictions, Stream::kSurvivor)) == witness.seen.size());
  CHECK(bench.tally.get(cell_of(StreamCount::kEvictions, Stream::kFresh)) == 0);
  for (const Witness::Seen& seen : witness.seen) CHECK(seen.stream == Stream::kSurvivor);
}

namespace {

constexpr std::uint64_t kSegments = 1000;
constexpr double kLeastShare = 0.1;

// As many evictions as the whole memory has segments, times `turnovers`; `each` is what the ghost list tells of one.
void evict(FreshShare& share, const Ghost::Returns& fresh, const Ghost::Returns& survivor, double turnovers = 1) {
  for (double n = 0; n < turnovers * static_cast<double>(kSegments); ++n) share.adapt(fresh, survivor, kSegments);
}

// A share that had reason to grow.
FreshShare grown() {
  FreshShare share(kLeastShare);
  evict(share, {50, 50}, {1, 99});
  REQUIRE(share.share() > 0.8);
  return share;
}

}  // namespace

TEST_CASE("the fresh share grows while its evicted keys come back more often than survivors, and shrinks otherwise") {
  FreshShare share(kLeastShare);
  CHECK(share.share() == kLeastShare);
  evict(share, {20, 80}, {10, 90}, 0.2);
  CHECK(share.share() > kLeastShare);
  evict(share, {20, 80}, {10, 90}, 3);
  CHECK(share.share() == 0.9);
  evict(share, {10, 90}, {20, 80}, 3);
  CHECK(share.share() == kLeastShare);
}

TEST_CASE("a scan wins no room: what counts is how likely a key is to come back, not how many do") {
  FreshShare share = grown();
  evict(share, {20, 980}, {10, 90}, 3);
  CHECK(share.share() == kLeastShare);
}

TEST_CASE("while a scan is all there is, a few strangers taken for returning keys move nothing") {
  FreshShare share(kLeastShare);
  evict(share, {10, 90}, {20, 80}, 1);
  for (int i = 0; i < 2000; ++i) share.adapt({i % 16 == 0 ? 1U : 0U, 250}, {0, 0}, kSegments);
  CHECK(share.share() == kLeastShare);
}

TEST_CASE("a long scan of a large memory, whose strangers are many, moves nothing either") {
  FreshShare share(kLeastShare);
  evict(share, {1, 7999}, {0, 2}, 3);  // one stranger a segment is what chance has in store
  CHECK(share.share() == kLeastShare);
  evict(share, {20, 7980}, {0, 2}, 3);  // these are no strangers
  CHECK(share.share() > kLeastShare);
}

TEST_CASE("the fresh share stays where it is while one of the streams evicts nothing") {
  for (const bool fresh_evicts : {true, false}) {
    FreshShare share(kLeastShare);
    evict(share, {11, 89}, {10, 90}, 2);  // somewhere in between
    const Ghost::Returns some{12, 88};
    evict(share, fresh_evicts ? some : Ghost::Returns{}, fresh_evicts ? Ghost::Returns{} : some);
    const double before = share.share();
    CHECK(before > kLeastShare + 0.05);
    CHECK(before < 0.8);
    evict(share, fresh_evicts ? some : Ghost::Returns{}, fresh_evicts ? Ghost::Returns{} : some);
    CHECK(share.share() == before);
  }
}

TEST_CASE("the fresh share stays where it is while nothing comes back, whatever was before") {
  FreshShare share(kLeastShare);
  evict(share, {11, 89}, {10, 90}, 0.5);
  evict(share, {0, 100}, {0, 100}, 2);
  const double before = share.share();
  CHECK(before > kLeastShare);
  CHECK(before < 0.8);
  evict(share, {0, 100}, {0, 100});
  CHECK(share.share() == before);
}

TEST_CASE("the fresh share moves by at most two segments for one that is evicted, sooner the clearer the case is") {
  FreshShare clear(kLeastShare);
  FreshShare doubtful(kLeastShare);
  for (int i = 0; i < 100; ++i) {
    const double before = clear.share();
    clear.adapt({90, 10}, {0, 100}, kSegments);
    CHECK(clear.share() - before <= 2.0 / kSegments + 1e-12);
    doubtful.adapt({11, 89}, {10, 90}, kSegments);
  }
  CHECK(clear.share() > kLeastShare + 0.19);
  CHECK(doubtful.share() < kLeastShare + 0.02);
  CHECK(doubtful.share() > kLeastShare);
}

TEST_CASE("the reclaimer gives the fresh stream room when its evicted keys come back, and takes it when others' do") {
  Witness witness;
  Bench bench(4 * kMiB, {}, &witness);
  const auto put = [&bench](const std::string& key, Stream stream) {
    REQUIRE(bench.put(key, std::string(kValueBytes, 'v'), stream));
  };
  unsigned n = 0;
  const auto replace_evicted = [&](Stream returning) {
    while (bench.log.free_segments() + bench.log.retired_segments() > 8) {
      put(numbered("fresh", n), Stream::kFresh);
      put(numbered("survivor", n++), Stream::kSurvivor);
    }
    witness.seen.clear();
    while (witness.seen.empty() || bench.log.free_segments() < 10) {
      REQUIRE(step(bench, bench.arena.segment_bytes()));
      bench.log.collect();
    }
    for (const Witness::Seen& seen : witness.seen)
      if (seen.stream == returning) (void)bench.ghost.take(bench.index.hash(seen.key));
  };
  for (int i = 0; i < 100; ++i) replace_evicted(Stream::kFresh);
  const double grown = bench.reclaimer.fresh_share().share();
  CHECK(grown > 0.3);
  for (int i = 0; i < 300; ++i) replace_evicted(Stream::kSurvivor);
  CHECK(bench.reclaimer.fresh_share().share() < 0.2);
}

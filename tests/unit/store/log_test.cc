#include "server/store/log.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

RecordShape item_of(std::size_t record_bytes) {
  RecordShape shape;
  shape.key_bytes = 1;
  shape.payload_bytes = static_cast<std::uint32_t>(record_bytes - kRecordHeaderBytes - 1);
  return shape;
}

// Appends one record that fills what is left of a fresh segment; the segment stays open.
Log::Reservation fill_segment(Bench& bench, Stream stream = Stream::kFresh) {
  auto reservation = bench.log.reserve(stream, item_of(bench.arena.segment_bytes() - kSegmentHeaderBytes), {});
  REQUIRE(reservation);
  return *reservation;
}

SegmentId sealed_segment(Bench& bench, Stream stream = Stream::kFresh) {
  const Log::Reservation reservation = fill_segment(bench, stream);
  bench.log.complete(reservation);
  bench.log.seal_open(stream);
  return bench.arena.segment_of(reservation.address);
}

}  // namespace

TEST_CASE("records lie back to back behind the segment's header, with rising versions") {
  Bench bench(kMiB);
  const auto first = bench.log.reserve(Stream::kFresh, item_of(40), {});
  const auto second = bench.log.reserve(Stream::kFresh, item_of(48), {});
  REQUIRE((first && second));
  const SegmentId segment = bench.arena.segment_of(first->address);
  CHECK(first->address.offset == bench.arena.start_of(segment).offset + kSegmentHeaderBytes);
  CHECK(second->address.offset == first->address.offset + 40);
  CHECK(first->record->version() == Version{1});
  CHECK(second->record->version() == Version{2});
  CHECK(bench.log.last_version() == Version{2});
  CHECK(bench.arena.segment(segment).used_bytes.load() == kSegmentHeaderBytes + 88);
  CHECK(bench.arena.segment(segment).state.load() == SegmentState::kOpen);
}

TEST_CASE("a record that keeps its version draws none") {
  Bench bench(kMiB);
  const auto kept = bench.log.reserve(Stream::kSurvivor, item_of(40), {Version{77}});
  REQUIRE(kept);
  CHECK(kept->record->version() == Version{77});
  CHECK(bench.log.last_version() == Version{0});
  CHECK(bench.log.draw_version() == Version{1});
}

TEST_CASE("the two streams append to different segments") {
  Bench bench(kMiB);
  const auto fresh = bench.log.reserve(Stream::kFresh, item_of(40), {});
  const auto survivor = bench.log.reserve(Stream::kSurvivor, item_of(40), {});
  REQUIRE((fresh && survivor));
  CHECK(bench.arena.segment_of(fresh->address) != bench.arena.segment_of(survivor->address));
  CHECK(bench.arena.segment(bench.arena.segment_of(survivor->address)).stream == Stream::kSurvivor);
}

TEST_CASE("a record fills a segment to its last byte, and the next one opens another") {
  Bench bench(kMiB);
  const Log::Reservation full = fill_segment(bench);
  CHECK(bench.log.open_room(Stream::kFresh) == 0);
  const auto next = bench.log.reserve(Stream::kFresh, item_of(32), {});
  REQUIRE(next);
  CHECK(bench.arena.segment_of(next->address) != bench.arena.segment_of(full.address));
  CHECK(bench.arena.segment(bench.arena.segment_of(full.address)).state.load() == SegmentState::kSealed);
  CHECK(bench.log.sealed_segments(Stream::kFresh) == 1);
}

TEST_CASE("the last free segments are the reclaimer's, and a refused reservation changes nothing") {
  Bench bench(kMiB);
  std::uint32_t opened = 0;
  while (auto reservation =
             bench.log.reserve(Stream::kFresh, item_of(bench.arena.segment_bytes() - kSegmentHeaderBytes), {})) {
    bench.log.complete(*reservation);
    ++opened;
  }
  CHECK(opened == bench.arena.segment_count() - kSurvivorReserve);
  CHECK(bench.log.free_segments() == kSurvivorReserve);
  const Version before = bench.log.last_version();
  CHECK_FALSE(bench.log.reserve(Stream::kFresh, item_of(64), {}));
  CHECK(bench.log.last_version() == before);
  CHECK_FALSE(bench.log.reserve(Stream::kSurvivor, item_of(64), {}));
  for (std::uint32_t i = 0; i < kSurvivorReserve; ++i)
    CHECK(bench.log.reserve(Stream::kSurvivor, item_of(bench.arena.segment_bytes() - kSegmentHeaderBytes), {},
                            Purpose::kMove));
  CHECK_FALSE(bench.log.reserve(Stream::kSurvivor, item_of(64), {}, Purpose::kMove));
}

TEST_CASE("without eviction no item is put where notes opened a segment, and no note where the reclaimer did") {
  Bench bench(kMiB);
  Log log(bench.arena, bench.grace, kNoteReserve);
  log.adopt();
  const RecordShape whole = item_of(bench.arena.segment_bytes() - kSegmentHeaderBytes);
  while (log.reserve(Stream::kFresh, whole, {})) {
  }
  CHECK(log.free_segments() == kSurvivorReserve + kNoteReserve);
  CHECK(log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kNote));
  CHECK(log.free_segments() == kSurvivorReserve);
  CHECK_FALSE(log.reserve(Stream::kFresh, item_of(64), {}));
  CHECK(log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kNote));
  CHECK_FALSE(log.reserve(Stream::kFresh, whole, {}, Purpose::kNote));
  const RecordShape half = item_of(bench.arena.segment_bytes() / 2);
  CHECK(log.reserve(Stream::kFresh, half, {}, Purpose::kNote));
  CHECK(log.reserve(Stream::kFresh, half, {}, Purpose::kMove));
  CHECK(log.free_segments() == 0);
  CHECK_FALSE(log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kNote));
  CHECK(log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kMove));
}

TEST_CASE("claimed segments are left to their claimant by everybody but the reclaimer") {
  Bench bench(kMiB);
  const RecordShape whole = item_of(bench.arena.segment_bytes() - kSegmentHeaderBytes);
  while (bench.log.free_segments() > kSurvivorReserve + 2) REQUIRE(bench.log.reserve(Stream::kFresh, whole, {}));
  Appender claim;
  REQUIRE(bench.log.take_claim(claim, 2, Purpose::kItem) == Log::Claimed::kTaken);
  CHECK(bench.log.claimed_segments() == 2);
  CHECK_FALSE(bench.log.reserve(Stream::kFresh, whole, {}));
  CHECK_FALSE(bench.log.reserve(Stream::kFresh, whole, {}, Purpose::kNote));
  CHECK(bench.log.reserve(Stream::kFresh, whole, {}, Purpose::kItem, &claim));
  CHECK(claim.claimed_segments == 1);
  CHECK(bench.log.claimed_segments() == 1);
  CHECK(bench.log.reserve(Stream::kSurvivor, whole, {}, Purpose::kMove));
  bench.log.drop_claim(claim);
  CHECK(bench.log.claimed_segments() == 0);
}

TEST_CASE("claims are served in the order in which they were made, and a dropped one lets the next go first") {
  Bench bench(kMiB);
  const std::uint32_t all = bench.log.free_segments();
  Appender greedy;
  Appender patient;
  CHECK(bench.log.take_claim(greedy, all, Purpose::kItem) == Log::Claimed::kNotYet);
  CHECK(bench.log.take_claim(patient, 1, Purpose::kItem) == Log::Claimed::kBehind);
  CHECK(bench.log.take_claim(greedy, all, Purpose::kItem) == Log::Claimed::kNotYet);
  bench.log.drop_claim(greedy);
  CHECK(bench.log.take_claim(patient, 1, Purpose::kItem) == Log::Claimed::kTaken);
  CHECK(bench.log.take_claim(greedy, all - kSurvivorReserve - 1, Purpose::kItem) == Log::Claimed::kTaken);
}

TEST_CASE("an open segment is sealed early only when reclaiming it gives room") {
  Bench bench(kMiB);
  CHECK_FALSE(bench.log.seal_sparse_open(Stream::kFresh));
  const std::string value(bench.arena.segment_bytes() / 16 - kRecordHeaderBytes - 8, 'v');
  for (unsigned i = 0; i < 9; ++i) REQUIRE(bench.put(numbered("k", i), value));
  for (unsigned i = 0; i < 5; ++i) REQUIRE(bench.erase(numbered("k", i)));
  CHECK_FALSE(bench.log.seal_sparse_open(Stream::kFresh));
  for (unsigned i = 5; i < 9; ++i) REQUIRE(bench.erase(numbered("k", i)));
  CHECK(bench.log.seal_sparse_open(Stream::kFresh));
  CHECK(bench.log.sealed_segments(Stream::kFresh) == 1);
}

TEST_CASE("a segment with an append under way is not taken") {
  Bench bench(kMiB);
  const Log::Reservation first = fill_segment(bench);
  bench.log.seal_open(Stream::kFresh);
  const SegmentId segment = bench.arena.segment_of(first.address);
  CHECK_FALSE(bench.log.take(segment));
  CHECK_FALSE(bench.log.take_oldest(Stream::kFresh));
  bench.log.complete(first);
  CHECK(bench.log.take(segment));
  CHECK_FALSE(bench.log.take(segment));
}

TEST_CASE("segments are taken oldest first, a pinned one is passed over, one that is put back is the oldest again") {
  Bench bench(kMiB);
  std::vector<SegmentId> segments;
  for (int i = 0; i < 3; ++i) segments.push_back(sealed_segment(bench));
  {
    const SegmentPin pin(bench.log.pins(segments[0]));
    CHECK(bench.log.take_oldest(Stream::kFresh) == segments[1]);
    CHECK_FALSE(bench.log.take(segments[0]));
  }
  bench.log.put_back(segments[1]);
  CHECK(bench.log.take_oldest(Stream::kFresh) == segments[1]);
  CHECK(bench.log.take_oldest(Stream::kFresh) == segments[0]);
  CHECK(bench.log.take_oldest(Stream::kFresh) == segments[2]);
  CHECK_FALSE(bench.log.take_oldest(Stream::kFresh));
}

TEST_CASE("a retired segment is free when its readers are gone and its pins released, not before") {
  Bench bench(kMiB);
  const SegmentId segment = sealed_segment(bench);
  const std::uint32_t free_before = bench.log.free_segments();
  bench.grace.enter(0);
  REQUIRE(bench.log.take(segment));
  bench.log.retire(segment);
  CHECK(bench.log.retired_segments() == 1);
  bench.log.collect();
  CHECK(bench.log.free_segments() == free_before);
  {
    const SegmentPin pin(bench.log.pins(segment));
    bench.grace.leave(0);
    bench.log.collect();
    CHECK(bench.log.free_segments() == free_before);
  }
  bench.log.collect();
  CHECK(bench.log.free_segments() == free_before + 1);
  CHECK(bench.log.retired_segments() == 0);
  CHECK(bench.arena.segment(segment).state.load() == SegmentState::kFree);
  CHECK(bench.arena.segment(segment).used_bytes.load() == 0);
}

TEST_CASE("a moved pin pins once") {
  Bench bench(kMiB);
  std::atomic<std::uint32_t>& pins = bench.log.pins({3});
  {
    SegmentPin first(pins);
    SegmentPin second(std::move(first));
    SegmentPin third;
    third = std::move(second);
    CHECK(pins.load() == 1);
  }
  CHECK(pins.load() == 0);
}

TEST_CASE("fewer usable segments are withheld as they become free, more are given back") {
  Bench bench(2 * kMiB);
  const SegmentId segment = sealed_segment(bench);
  bench.log.set_usable(16);
  CHECK(bench.log.usable_segments() == 16);
  CHECK(bench.log.free_segments() == 15);
  bench.log.set_usable(32);
  CHECK(bench.log.free_segments() == 31);
  std::vector<SegmentId> more;
  for (int i = 0; i < 24; ++i) more.push_back(sealed_segment(bench));
  bench.log.set_usable(16);
  CHECK(bench.log.free_segments() == kFreeWhileShrinking);
  for (const SegmentId id : more) {
    REQUIRE(bench.log.take(id));
    bench.log.retire(id);
  }
  bench.log.collect();
  CHECK(bench.log.free_segments() == 15);
  (void)segment;
}

TEST_CASE("adopting takes over what holds something living, by age, and frees the rest") {
  Bench bench(kMiB);
  std::vector<SegmentId> segments;
  for (int i = 0; i < 3; ++i) segments.push_back(sealed_segment(bench, i == 1 ? Stream::kSurvivor : Stream::kFresh));
  for (const SegmentId id : {segments[2], segments[0], segments[1]})
    bench.arena.live(id).store(std::uint64_t{1} << 32 | 64);
  bench.arena.live(segments[1]).store(0);
  bench.arena.head().sequence.store(1);  // damaged
  Log log(bench.arena, bench.grace);
  log.adopt();
  CHECK(log.free_segments() == bench.arena.segment_count() - 2);
  CHECK(log.take_oldest(Stream::kFresh) == segments[0]);
  CHECK(log.take_oldest(Stream::kFresh) == segments[2]);
  CHECK_FALSE(log.take_oldest(Stream::kSurvivor));
  CHECK(bench.arena.head().sequence.load() == 3);
}

TEST_CASE("adopting goes on where each stream ended") {
  Bench bench(kMiB);
  // Nothing is free, as when the process was killed while the reclaimer moved what lives to the last segment.
  const RecordShape half = item_of(bench.arena.segment_bytes() / 2);
  LogAddress last;
  while (const auto reservation = bench.log.reserve(Stream::kFresh, half, {}, Purpose::kMove)) {
    last = reservation->address;
    bench.log.count_live(reservation->address, half);
  }
  const SegmentId open = bench.arena.segment_of(last);
  REQUIRE(bench.log.free_segments() == 0);
  Log log(bench.arena, bench.grace, kNoteReserve);
  log.adopt();
  CHECK(log.free_segments() == 0);
  CHECK(log.sealed_segments(Stream::kFresh) == bench.arena.segment_count() - 1);
  CHECK_FALSE(log.take(open));
  const auto next = log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kMove);
  REQUIRE(next);
  CHECK(bench.arena.segment_of(next->address) == open);
  CHECK_FALSE(log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kNote));
}

TEST_CASE("bytes are noted by the power of two of seconds they have to live when their segment is opened") {
  Bench bench(kMiB);
  const auto reservation = bench.log.reserve(Stream::kFresh, item_of(64), {});
  REQUIRE(reservation);
  const SegmentEntry& segment = bench.arena.segment(bench.arena.segment_of(reservation->address));
  bench.log.note_expiry(reservation->address, 1, later(1));
  bench.log.note_expiry(reservation->address, 2, later(7));
  bench.log.note_expiry(reservation->address, 4, UnixSeconds{5});  // long past
  bench.log.note_expiry(reservation->address, 8, kNeverExpires);
  bench.log.note_expiry(reservation->address, 16, UnixSeconds{0xffffffff});
  CHECK(segment.expiring_bytes[0].load() == 5);
  CHECK(segment.expiring_bytes[2].load() == 2);
  CHECK(segment.expiring_bytes[kExpirySlots - 1].load() == 24);
  bench.log.forget_expiry(reservation->address, 8, kNeverExpires);
  bench.log.forget_expiry(reservation->address, 2, later(7));
  CHECK(segment.expiring_bytes[2].load() == 0);
  CHECK(segment.expiring_bytes[kExpirySlots - 1].load() == 16);
}

TEST_CASE("a pin taken within a turn keeps its segment, whenever it is collected") {
  Bench bench(kMiB);
  constexpr std::uint32_t kNothing = ~std::uint32_t{0};
  std::atomic<std::uint32_t> current{kNothing};  // the segment that readers can reach
  std::atomic<bool> stop{false};
  std::atomic<unsigned> lost{0};
  std::thread reader([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      bench.grace.enter(0);
      const std::uint32_t id = current.load(std::memory_order_seq_cst);
      if (id == kNothing) {
        bench.grace.leave(0);
        continue;
      }
      const SegmentPin pin(bench.log.pins({id}));
      const std::uint64_t sequence = bench.arena.segment({id}).sequence.load();
      bench.grace.leave(0);
      for (int i = 0; i < 20; ++i) {
        const SegmentEntry& segment = bench.arena.segment({id});
        if (segment.state.load() == SegmentState::kFree || segment.sequence.load() != sequence) ++lost;
      }
    }
  });
  for (unsigned round = 0; round < effort(500'000); ++round) {
    const SegmentId id = sealed_segment(bench);
    current.store(id.value);
    const bool taken = bench.log.take(id);
    current.store(kNothing);
    if (!taken) {  // pinned already: once the pin is gone
      while (!bench.log.take(id)) std::this_thread::yield();
    }
    bench.log.retire(id);
    while (bench.log.retired_segments() != 0) bench.log.collect();
  }
  stop = true;
  reader.join();
  CHECK(lost.load() == 0);
}

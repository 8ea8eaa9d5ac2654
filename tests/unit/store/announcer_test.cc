#include "server/store/announcer.h"

#include <catch2/catch.hpp>
#include <vector>

#include "support.h"

namespace lmc::store {
namespace {

using test::Bench;

constexpr std::uint64_t kMemory = std::uint64_t{4} << 20;
constexpr std::size_t kAll = 1000;

RecordShape item_of(std::uint32_t record_bytes) {
  RecordShape shape;
  shape.key_bytes = 8;
  shape.payload_bytes = record_bytes - 8 - static_cast<std::uint32_t>(kRecordHeaderBytes);
  return shape;
}

std::uint32_t told_bytes(const std::vector<Change>& changes) {
  std::uint32_t bytes = 0;
  for (const Change& change : changes)
    if (change.kind == ChangeKind::kAppended) bytes += change.to - change.from;
  return bytes;
}

unsigned count_of(const std::vector<Change>& changes, ChangeKind kind) {
  unsigned count = 0;
  for (const Change& change : changes) count += change.kind == kind ? 1u : 0u;
  return count;
}

TEST_CASE("nothing is told from an append on that is under way, nor its version, until it is complete") {
  Bench bench(kMemory);
  bench.log.begin_announcing();
  const auto first = *bench.log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kItem, &bench.log.appender(0));
  bench.log.complete(*bench.log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kItem, &bench.log.appender(1)));
  std::vector<Change> changes;
  CHECK(bench.log.announce(kAll, changes).version == Version{0});
  CHECK(told_bytes(changes) == 0);
  bench.log.complete(first);
  CHECK(bench.log.announce(kAll, changes).version == Version{2});
  CHECK(told_bytes(changes) == 128);
}

TEST_CASE("a version that is held is not told, nor what another appends behind it, until it is released") {
  Bench bench(kMemory);
  bench.log.begin_announcing();
  Appender& holder = bench.log.appender(0);
  CHECK(bench.log.hold_version(holder) == Version{1});
  // The append of somebody else, under way while the holder appends its own behind it.
  const auto other = *bench.log.reserve(Stream::kFresh, item_of(64), {}, Purpose::kItem, &bench.log.appender(1));
  bench.log.complete(*bench.log.reserve(Stream::kFresh, item_of(64), {Version{1}}, Purpose::kItem, &holder));
  bench.log.release_version(holder);
  std::vector<Change> changes;
  // Version 1 lies behind what is under way: it must not count as told.
  CHECK(bench.log.announce(kAll, changes).version == Version{0});
  CHECK(told_bytes(changes) == 0);
  bench.log.complete(other);
  CHECK(bench.log.announce(kAll, changes).version == Version{2});
  CHECK(told_bytes(changes) == 128);
}

TEST_CASE("what is gone is told only when everything reserved before is complete") {
  Bench bench(kMemory);
  bench.log.begin_announcing();
  REQUIRE(bench.put("key00000", "value"));
  const SegmentId id = bench.where("key00000");
  bench.log.seal_open(Stream::kFresh);
  REQUIRE(bench.erase("key00000"));
  const auto under_way = *bench.log.reserve(Stream::kSurvivor, item_of(64), {}, Purpose::kItem, &bench.log.appender(1));
  REQUIRE(bench.log.take(id));
  bench.log.retire(id);
  std::vector<Change> changes;
  (void)bench.log.announce(kAll, changes);
  CHECK(count_of(changes, ChangeKind::kSealed) == 1);
  CHECK(count_of(changes, ChangeKind::kRetired) == 0);
  bench.log.complete(under_way);
  (void)bench.log.announce(kAll, changes);
  CHECK(count_of(changes, ChangeKind::kEvicted) == 1);
  CHECK(count_of(changes, ChangeKind::kRetired) == 1);
}

TEST_CASE("told a little at a time it is the same, and the version comes with the last of it") {
  Bench bench(kMemory);
  bench.log.begin_announcing();
  for (unsigned i = 0; i < 5; ++i) {
    REQUIRE(bench.put("key0000" + std::to_string(i), "value"));
    bench.log.seal_open(Stream::kFresh);
  }
  std::vector<Change> all;
  unsigned calls = 0;
  for (; calls < 100 && bench.log.announce(1, all).version < Version{5}; ++calls) {
  }
  CHECK(calls > 3);
  CHECK(count_of(all, ChangeKind::kOpened) == 5);
  CHECK(count_of(all, ChangeKind::kAppended) == 5);
  CHECK(count_of(all, ChangeKind::kSealed) == 5);
  const std::size_t before = all.size();
  (void)bench.log.announce(kAll, all);
  CHECK(all.size() == before);
}

TEST_CASE("while somebody follows, a retired segment is free only when they are past it") {
  Bench bench(kMemory);
  bench.log.begin_announcing();
  REQUIRE(bench.put("key00000", "value"));
  const SegmentId id = bench.where("key00000");
  bench.log.seal_open(Stream::kFresh);
  REQUIRE(bench.erase("key00000"));
  REQUIRE(bench.log.take(id));
  bench.log.retire(id);
  const std::uint32_t free = bench.log.free_segments();
  std::vector<Change> changes;
  (void)bench.log.announce(kAll, changes);
  bench.log.collect();
  CHECK(bench.log.free_segments() == free);
  bench.log.set_followers_past(changes.back().sequence);
  CHECK(bench.log.free_segments() == free + 1);
}

TEST_CASE("when nobody follows any more, nothing is held back for them") {
  Bench bench(kMemory);
  bench.log.begin_announcing();
  REQUIRE(bench.put("key00000", "value"));
  const SegmentId id = bench.where("key00000");
  bench.log.seal_open(Stream::kFresh);
  REQUIRE(bench.erase("key00000"));
  REQUIRE(bench.log.take(id));
  bench.log.retire(id);
  const std::uint32_t free = bench.log.free_segments();
  bench.log.end_announcing();
  bench.log.collect();
  CHECK(bench.log.free_segments() == free + 1);
}

}  // namespace
}  // namespace lmc::store

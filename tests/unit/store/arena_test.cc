#include "server/store/arena.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <iterator>
#include <string>

#include "server/store/index.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;
using Catch::Matchers::Contains;

namespace {
Arena::Options anonymous(std::uint64_t bytes) {
  return {bytes, {}, false, false};
}
Arena::Options in_file(std::uint64_t bytes, const ScratchFile& file) {
  return {bytes, file.path(), false, false};
}
}  // namespace

TEST_CASE("an arena is cut into about a thousand segments within the bounds of a segment") {
  struct Case {
    std::uint64_t memory, segment;
  };
  for (const Case c : {Case{kMiB, 64 << 10}, Case{64 * kMiB, 64 << 10}, Case{100 * kMiB, 64 << 10},
                       Case{128 * kMiB, 128 << 10}, Case{1024 * kMiB, kMiB}, Case{16384 * kMiB, 8 * kMiB}}) {
    const Arena arena(anonymous(c.memory));
    CHECK(arena.segment_bytes() == c.segment);
    CHECK(arena.segment_count() == c.memory / c.segment);
    CHECK(arena.head().segment_bytes == c.segment);
    CHECK(arena.head().buckets.load() == kInitialBuckets);
    CHECK(arena.head().bucket_capacity >= kInitialBuckets);
  }
  CHECK(Arena(anonymous(1024 * kMiB)).head().bucket_capacity ==
        5835554);  // FORMAT.md's formula: a change needs a new version
}

TEST_CASE("addresses, segments and places translate into each other") {
  const Arena arena(anonymous(4 * kMiB));
  const SegmentId third{3};
  const LogAddress start = arena.start_of(third);
  CHECK(start.offset == 3 * arena.segment_bytes());
  CHECK(arena.segment_of(start) == third);
  CHECK(arena.segment_of({start.offset + arena.segment_bytes() - 1}) == third);
  CHECK(arena.segment_of({start.offset + arena.segment_bytes()}) == SegmentId{4});
  CHECK(arena.address_of(arena.at({start.offset + 64})) == LogAddress{start.offset + 64});
}

TEST_CASE("a memory limit that is too small or too large is refused with what to do") {
  CHECK_THROWS_WITH(Arena(anonymous(kMiB - 1)), Contains("too small") && Contains("-m 1"));
  CHECK_THROWS_WITH(Arena(anonymous(kMaxArenaBytes + 1)), Contains("too large") && Contains("2 TiB"));
}

TEST_CASE("a memory file that cannot be opened is named with option, reason and remedy") {
  CHECK_THROWS_WITH(Arena({kMiB, "/no/such/folder/cache", false, false}),
                    Contains("'/no/such/folder/cache' (-e)") && Contains("No such file") && Contains("directory"));
}

TEST_CASE("a memory file belongs to one process at a time, and again to the next") {
  const ScratchFile file;
  {
    const Arena first(in_file(kMiB, file));
    CHECK_THROWS_WITH(Arena(in_file(kMiB, file)), Contains("cannot lock") && Contains("another process"));
  }
  CHECK_NOTHROW(Arena(in_file(kMiB, file)));
}

TEST_CASE("a memory file tells a new one, a clean end and a kill apart") {
  const ScratchFile file;
  std::uint64_t seed = 0;
  {
    Arena arena(in_file(kMiB, file));
    CHECK_FALSE(arena.found());
    CHECK_THAT(arena.why_not(), Contains("new"));
    seed = arena.head().hash_seed;
    arena.close_cleanly();
  }
  {
    const Arena arena(in_file(kMiB, file));
    CHECK(arena.found());
    CHECK_FALSE(arena.found_in_use());
    CHECK(arena.head().hash_seed == seed);
  }  // not closed cleanly
  {
    const Arena arena(in_file(kMiB, file));
    CHECK(arena.found());
    CHECK(arena.found_in_use());
  }
}

TEST_CASE("a memory file of another kind or geometry is started empty, and says why") {
  const ScratchFile file;
  const auto reopened = [&file](auto&& change) {
    {
      Arena arena(in_file(kMiB, file));
      arena.head().items.store(5);
      change(arena.head());
    }
    const Arena arena(in_file(kMiB, file));
    CHECK_FALSE(arena.found());
    CHECK(arena.head().items.load() == 0);
    return arena.why_not();
  };
  CHECK_THAT(reopened([](Superblock& head) { head.magic = 7; }), Contains("something else"));
  CHECK_THAT(reopened([](Superblock& head) { head.format_version = 9; }), Contains("format version 9"));
  CHECK_THAT(reopened([](Superblock& head) { head.segment_count = 15; }), Contains("another memory limit"));
  CHECK_THAT(reopened([](Superblock& head) { head.buckets.store(1); }), Contains("index size"));
  CHECK_THAT(reopened([](Superblock& head) { head.buckets.store(head.bucket_capacity + 1); }), Contains("index size"));
  CHECK_THAT(reopened([](Superblock& head) { head.version.store(kMaxVersion + 1); }), Contains("version"));
  { const Arena other(in_file(2 * kMiB, file)); }
  const Arena arena(in_file(kMiB, file));
  CHECK_FALSE(arena.found());
  CHECK_THAT(arena.why_not(), Contains("another memory limit"));
}

TEST_CASE("a discarded segment reads as zeros") {
  const ScratchFile file;
  for (const Arena::Options& options : {anonymous(kMiB), in_file(kMiB, file)}) {
    const Arena arena(options);
    char* begin = arena.at(arena.start_of({2}));
    begin[0] = begin[arena.segment_bytes() - 1] = 'x';
    begin[arena.segment_bytes()] = 'y';
    arena.discard({2});
    CHECK(begin[0] == 0);
    CHECK(begin[arena.segment_bytes() - 1] == 0);
    CHECK(begin[arena.segment_bytes()] == 'y');
  }
}

TEST_CASE("an arena that cannot be opened leaves no file open") {
  const ScratchFile file;
  const Arena holder(in_file(kMiB, file));
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_files();
  CHECK_THROWS(Arena(in_file(kMiB, file)));
  CHECK(open_files() == before);
}

TEST_CASE("superblock and segment entries have their fields where FORMAT.md shows them") {
  const Arena arena(anonymous(kMiB));
  const char* base = reinterpret_cast<const char*>(&arena.head());
  const auto at = [base](const auto& field) { return reinterpret_cast<const char*>(&field) - base; };
  const Superblock& head = arena.head();
  CHECK(sizeof(Superblock) == 120);
  CHECK(at(head.magic) == 0);
  CHECK(at(head.format_version) == 8);
  CHECK(at(head.segment_bytes) == 16);
  CHECK(at(head.bucket_capacity) == 32);
  CHECK(at(head.hash_seed) == 48);
  CHECK(at(head.in_use) == 56);
  CHECK(at(head.version) == 64);
  CHECK(at(head.sequence) == 72);
  CHECK(at(head.flush_version) == 80);
  CHECK(at(head.flush_at) == 88);
  CHECK(at(head.buckets) == 96);
  CHECK(at(head.items) == 104);
  CHECK(at(head.overflow_used) == 112);
  CHECK(at(head.overflow_free) == 116);
  const SegmentEntry& segment = arena.segment({0});
  CHECK(at(segment.sequence) == 4096);
  CHECK(at(segment.used_bytes) == 4096 + 8);
  CHECK(at(segment.state) == 4096 + 12);
  CHECK(at(segment.stream) == 4096 + 13);
  CHECK(at(segment.opened) == 4096 + 16);
  CHECK(at(segment.expiring_bytes) == 4096 + 24);
  CHECK(at(arena.live({0})) == 8192);
  CHECK(at(*arena.buckets()) == 2 * kMiB);
  CHECK(at(*arena.overflow()) == 6 * kMiB);
  CHECK(at(*arena.at({0})) == 8 * kMiB);
}

// Bytes from outside as a segment's records, and slots that point among them: what a recovery takes over must add up,
// and the reclaimer must be able to walk it.
//
// Input: u8 how many slots; for each a u16 (where in the segment, in 8-byte units); the rest is the segment behind its
// header. A record that a slot points to gets a right checksum and a slot that belongs to its key, or the fuzzer would
// never come past those checks; the lengths, kinds and flags are its own.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "books.h"
#include "server/store/recovery.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

void index_record(Bench& bench, LogAddress address) {
  RecordHeader& record = bench.arena.record(address);
  const std::uint64_t room = bench.arena.start_of({1}).offset - address.offset;
  if (record.record_bytes() > room) return;
  record.seal_checksum();
  const HashedKey key = bench.index.hash(record.key());
  const Index::BucketLock lock(bench.index, key);
  // No kill and no damage can forge a second sound slot for a key; nor does this.
  if (!bench.index.find_locked(key, lock.pair())) (void)bench.index.insert(key, lock.pair(), address);
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t slots = std::min<std::size_t>(data[0], (size - 1) / 2);
  const std::uint8_t* const bytes = data + 1 + 2 * slots;
  Bench bench(kMiB);
  Arena& arena = bench.arena;
  const std::size_t length = std::min<std::size_t>(size - 1 - 2 * slots, arena.segment_bytes() - kSegmentHeaderBytes);
  new (arena.at({0})) SegmentHeader{kSegmentMagic, 0, 1, {}};
  std::memcpy(arena.at({kSegmentHeaderBytes}), bytes, length);
  SegmentEntry& segment = arena.segment({0});
  segment.sequence.store(1);
  segment.used_bytes.store(kSegmentHeaderBytes + static_cast<std::uint32_t>(length));
  segment.state.store(SegmentState::kSealed);
  arena.head().version.store(kMaxVersion);
  for (std::size_t i = 0; i < slots; ++i) {
    std::uint16_t where = 0;
    std::memcpy(&where, data + 1 + 2 * i, sizeof where);
    const std::uint64_t offset = kSegmentHeaderBytes + std::uint64_t{where} * kRecordAlignment;
    if (offset + kRecordHeaderBytes <= arena.segment_bytes()) index_record(bench, {offset});
  }
  Log log(arena, bench.grace);
  (void)recover(arena, bench.index, log);
  const std::string before = audit(arena);
  check(before.empty(), before.c_str());
  Reclaimer reclaimer(arena, bench.index, log, log.appender(0), bench.ghost, {});
  while (reclaimer.step(kMiB, kNow, bench.tally) && log.sealed_segments(Stream::kFresh) != 0) {
  }
  log.collect();
  const std::string after = audit(arena);
  check(after.empty(), after.c_str());
  return 0;
}

#include "server/store/liveness.h"

namespace lmc::store {

namespace {
// visit(address, shape) for the item's record and, of a large item, all its chunks.
template <class Visit>
void for_each_record(const Arena& arena, LogAddress address, Visit&& visit) {
  const RecordHeader& record = arena.record(address);
  if (record.has(RecordFlag::kChunked)) {
    const ChunkDirectory directory(record.payload());
    for (std::uint32_t i = 0; i < directory.chunks(); ++i) {
      const LogAddress chunk{directory.chunk_address(i)};
      visit(chunk, arena.record(chunk).shape());
    }
  }
  visit(address, record.shape());
}
}  // namespace

void account_dead(Arena& arena, Log& log, LogAddress address) {
  for_each_record(arena, address, [&log](LogAddress at, const RecordShape& shape) { log.count_dead(at, shape); });
}

void account_living(Arena& arena, Log& log, LogAddress address) {
  const UnixSeconds expiry = arena.record(address).expiry();
  for_each_record(arena, address, [&](LogAddress at, const RecordShape& shape) {
    log.count_live(at, shape);
    log.note_expiry(at, static_cast<std::uint32_t>(shape.record_bytes()), expiry);
  });
}

void account_touched(Arena& arena, Log& log, LogAddress address, UnixSeconds before, UnixSeconds after) {
  for_each_record(arena, address, [&](LogAddress at, const RecordShape& shape) {
    const auto bytes = static_cast<std::uint32_t>(shape.record_bytes());
    log.note_expiry(at, bytes, after);
    log.forget_expiry(at, bytes, before);
  });
}

void bury(Arena& arena, Index& index, Log& log, const Index::Found& found, Tally& tally) {
  const LogAddress address = found.slot.address();
  const Stream stream = arena.segment(arena.segment_of(address)).stream.load(std::memory_order_relaxed);
  tally.add(StreamCount::kReclaimed, stream);
  if (!arena.record(address).access().fetched) tally.add(StreamCount::kExpiredUnfetched, stream);
  index.erase(found);
  account_dead(arena, log, address);
}

}  // namespace lmc::store

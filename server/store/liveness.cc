#include "server/store/liveness.h"

namespace lmc::store {

void account_dead(Arena& arena, Log& log, LogAddress address) {
  const RecordHeader& record = arena.record(address);
  if (record.has(RecordFlag::kChunked)) {
    const ChunkDirectory directory(record.payload());
    for (std::uint32_t i = 0; i < directory.chunks(); ++i) {
      const LogAddress chunk{directory.chunk_address(i)};
      log.count_dead(chunk, arena.record(chunk).shape());
    }
  }
  log.count_dead(address, record.shape());
}

void bury(Arena& arena, Index& index, Log& log, const Index::Found& found, Tally& tally) {
  const LogAddress address = found.slot.address();
  tally.add(Count::kReclaimed);
  if (!arena.record(address).access().fetched) tally.add(Count::kExpiredUnfetched);
  index.erase(found);
  account_dead(arena, log, address);
}

}  // namespace lmc::store

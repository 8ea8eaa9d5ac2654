// Whether an indexed record is alive, and what is done to the books when it dies. In one place, because the reader, the
// mutator, the reclaimer and the recovery must agree.
#pragma once

#include "server/store/arena.h"
#include "server/store/index.h"
#include "server/store/log.h"
#include "server/store/tally.h"

namespace lmc::store {

enum class Life : std::uint8_t { kAlive, kExpired, kFlushed };

[[nodiscard]] inline Life life_of(const RecordHeader& record, const Superblock& head, UnixSeconds now) {
  if (record.version().value < head.flush_version.load(std::memory_order_relaxed)) return Life::kFlushed;
  const UnixSeconds expiry = record.expiry();
  return expiry != kNeverExpires && expiry <= now ? Life::kExpired : Life::kAlive;
}

// Takes an item that left the index off its segments' living bytes.
void account_dead(Arena& arena, Log& log, LogAddress address);

// The same for an item that entered it, chunks and all.
void account_living(Arena& arena, Log& log, LogAddress address);

// An item gets another expiry: the books of its segments.
void account_touched(Arena& arena, Log& log, LogAddress address, UnixSeconds before, UnixSeconds after);

// Takes a dead item (expired or flushed) out of the index; needs the key's BucketLock.
void bury(Arena& arena, Index& index, Log& log, const Index::Found& found, Tally& tally);

}  // namespace lmc::store

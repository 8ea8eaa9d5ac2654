// Taking over the memory of a process that is gone, whether it closed cleanly or was killed at any instant.
//
// The index in the mapping says what was alive; scanning segments could not (an older record of a key may outlive the
// newer one's segment). But nothing is believed: a slot is kept only if it points to a complete item record of its
// segment, with the right checksum, whose key hashes to this very bucket and is in no other slot; and a large item only
// if all its chunks are as sound. Living counts, queues and free lists are then made anew from what was kept.
//
// Cost: every record in use is read once, and one or both of its key's buckets, by a thread for each CPU (16 at most).
// Meanwhile 49 bytes of memory for each bucket of the index are needed, at least some MiB for each thread.
//
// Threads: recover() starts and joins its own; nobody else may use the store meanwhile.
#pragma once

#include <cstdint>

#include "server/store/arena.h"
#include "server/store/index.h"
#include "server/store/log.h"

namespace lmc::store {

struct Recovered {
  std::uint64_t kept_items = 0;
  std::uint64_t dropped_items = 0;
};

[[nodiscard]] Recovered recover(Arena& arena, Index& index, Log& log);

}  // namespace lmc::store

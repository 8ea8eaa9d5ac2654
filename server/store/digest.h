// The digest of a segment's begin: by which two nodes find out that they have the same records in the same places, with
// the same expiry times and states. What each node keeps for itself, the time of the last access and whether it was
// read, does not count.
//
// Threads: any; words that change meanwhile make a digest of before or after. The bytes may be any.
#pragma once

#include <array>
#include <cstdint>

#include "server/store/arena.h"

namespace lmc::store {

[[nodiscard]] std::array<std::uint64_t, 2> digest_of(const Arena& arena, SegmentId segment, std::uint32_t bytes);

}  // namespace lmc::store

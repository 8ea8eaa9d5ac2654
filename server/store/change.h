// What happens to a log, in words that a copy of it can be kept by: the content of a ledger. Log::announce() says it,
// Follower::apply() does it.
#pragma once

#include <array>
#include <cstdint>

#include "server/store/types.h"

namespace lmc::store {

enum class ChangeKind : std::uint8_t {
  kOpened = 1,    // the segment begins anew, with its header
  kAppended = 2,  // bytes [from, to) of the segment are complete records
  kSealed = 3,    // nothing more is appended to it
  kEvicted = 4,   // what the index still finds in [from, to) of it is gone: dropped for room, or dead
  kRetired = 5,   // nothing of it is found any more; it may be opened again when no reader is left
};

struct Change {
  ChangeKind kind = ChangeKind::kOpened;
  Stream stream = Stream::kFresh;  // kOpened
  SegmentId segment;
  std::uint32_t from = 0;  // bytes from the segment's begin
  std::uint32_t to = 0;
  std::uint64_t sequence = 0;  // kOpened: the segment's; kRetired: which one it is, counted from 1 as they are told
  UnixSeconds opened{0};       // kOpened
};

// What a log says of itself beside its segments. All changes of lower or equal versions have been told when it is told.
struct LogHead {
  Version version;        // every mutation up to it is complete
  Version flush_version;  // what is older is dead
  UnixSeconds flush_at{0};
  auto operator<=>(const LogHead&) const = default;
};

// How far the records of a log have come, by place and not by version, since what is moved keeps its own: of each
// stream the segments in the order in which they were opened, and of the last one so many bytes.
struct LogExtent {
  std::array<std::uint64_t, kStreams> ends{};  // place_in_order(); what is below is within

  // `offset`: bytes from the begin of the segment, less than 2^24.
  static constexpr std::uint64_t place_in_order(std::uint64_t segment_sequence, std::uint64_t offset) {
    return segment_sequence << 24 | offset;
  }
  bool operator==(const LogExtent&) const = default;
};

// A segment as far as it was announced: what who joins later must have beside the changes to come.
struct AnnouncedSegment {
  SegmentId segment;
  Stream stream = Stream::kFresh;
  bool sealed = false;
  std::uint32_t used_bytes = 0;
  std::uint32_t evicted_bytes = 0;  // nothing below it is found
  std::uint64_t sequence = 0;
  UnixSeconds opened{0};
};

}  // namespace lmc::store

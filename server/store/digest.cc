#include "server/store/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>

namespace lmc::store {

namespace {

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

// What of a record's header two nodes have in common.
struct CommonHeader {
  std::uint64_t words[2];  // checksum and lengths; identity
  std::uint32_t expiry;
  std::uint32_t state;
};

CommonHeader common_of(const RecordHeader& record) {
  CommonHeader common{{}, record.expiry().value, 0};
  std::memcpy(common.words, static_cast<const void*>(&record), sizeof common.words);
  const Access access = record.access();
  common.state = (access.stale ? 1u : 0u) | (access.win_sent ? 2u : 0u);
  return common;
}

}  // namespace

std::array<std::uint64_t, 2> digest_of(const Arena& arena, SegmentId segment, std::uint32_t bytes) {
  const std::uint64_t start = arena.start_of(segment).offset;
  const std::unique_ptr<XXH3_state_t, FreeState> state(XXH3_createState());
  XXH3_128bits_reset(state.get());
  const auto add = [&](const void* from, std::size_t size) { XXH3_128bits_update(state.get(), from, size); };
  bytes = std::min<std::uint32_t>(bytes, static_cast<std::uint32_t>(arena.segment_bytes()));
  add(arena.at({start}), std::min(bytes, kSegmentHeaderBytes));
  std::uint64_t at = kSegmentHeaderBytes;
  while (at + kRecordHeaderBytes <= bytes) {
    const RecordHeader& record = arena.record({start + at});
    const std::size_t size = std::min<std::uint64_t>(record.record_bytes(), bytes - at);
    const CommonHeader common = common_of(record);
    add(&common, sizeof common);
    if (size > kRecordHeaderBytes) add(record.body(), size - kRecordHeaderBytes);
    at += size;
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return {hash.low64, hash.high64};
}

}  // namespace lmc::store

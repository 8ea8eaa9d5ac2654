// The arena and everything else of the store that outlives a process: one mapping, laid out as FORMAT.md says.
//
//   superblock | segment table | live counts | index buckets | overflow buckets | segments
//
// All references inside are offsets, so the bytes mean the same wherever they are mapped. Without a memory file the
// mapping is anonymous; with one it is shared with the file and survives this process, however it ends.
//
// Threads: opening is single-threaded; afterwards each field says who writes it. Errors: std::runtime_error at opening.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "server/store/record.h"
#include "server/store/types.h"

namespace lmc::store {

inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::uint64_t kSuperblockMagic = 0x31474f4c434d4c;  // "LMCLOG1"
inline constexpr std::uint32_t kSegmentMagic = 0x4745534c;           // "LSEG"

// Segments: about a thousand of them, so that one is 0.1 % of the memory, but not so small that their number costs
// time.
inline constexpr std::uint64_t kWantedSegments = 1024;
inline constexpr std::uint64_t kMinSegmentBytes = std::uint64_t{64} << 10;
inline constexpr std::uint64_t kMaxSegmentBytes = std::uint64_t{8} << 20;
inline constexpr std::uint64_t kMinSegments = 16;
inline constexpr std::uint64_t kMaxArenaBytes = std::uint64_t{1} << 41;  // 38 bits of 8-byte units in an index slot
static_assert(kMaxSegmentBytes <= kMaxPayloadBytes);

struct alignas(64) Bucket;

enum class SegmentState : std::uint8_t { kFree = 0, kOpen = 1, kSealed = 2, kRetired = 3 };

// At the start of every used segment, so that a segment's bytes say what they are.
struct SegmentHeader {
  std::uint32_t magic;
  std::uint32_t segment;
  std::uint64_t sequence;
  std::uint8_t reserved[48];
};
inline constexpr std::uint32_t kSegmentHeaderBytes = 64;
static_assert(sizeof(SegmentHeader) == kSegmentHeaderBytes);

// Bytes of a segment by when they expire: slot i holds those that expire less than 2^(i+1) seconds after the segment
// was opened, the last one those that expire later or never.
inline constexpr unsigned kExpirySlots = 20;

struct SegmentEntry {
  std::atomic<std::uint64_t> sequence;    // order of opening over all segments; written under the log lock
  std::atomic<std::uint32_t> used_bytes;  // appended so far, header included; written under the log lock
  std::atomic<SegmentState> state;        // written under the log lock
  std::atomic<Stream> stream;             // written under the log lock before state becomes kOpen
  std::uint8_t reserved[2];
  std::atomic<UnixSeconds> opened;  // as stream
  std::uint32_t reserved2;
  std::array<std::atomic<std::uint32_t>, kExpirySlots> expiring_bytes;  // any appender adds
  std::uint8_t pad[24];
};
static_assert(sizeof(SegmentEntry) == 128);

// Living items and bytes of a segment in one word: items in the upper 32 bits. Any mutator adds and subtracts.
using LiveCount = std::atomic<std::uint64_t>;
[[nodiscard]] constexpr std::uint64_t live_delta(const RecordShape& shape) {
  return (shape.kind == RecordKind::kItem ? std::uint64_t{1} << 32 : 0) + shape.record_bytes();
}
[[nodiscard]] constexpr std::uint32_t live_bytes(std::uint64_t count) {
  return static_cast<std::uint32_t>(count);
}
[[nodiscard]] constexpr std::uint32_t live_items(std::uint64_t count) {
  return static_cast<std::uint32_t>(count >> 32);
}

struct Superblock {
  std::uint64_t magic;
  std::uint32_t format_version;
  std::uint32_t header_bytes;  // sizeof(Superblock) of the writer
  std::uint64_t segment_bytes;
  std::uint64_t segment_count;
  std::uint64_t bucket_capacity;
  std::uint64_t overflow_capacity;
  std::uint64_t hash_seed;
  std::atomic<std::uint32_t> in_use;  // 1 from opening to a clean close
  std::uint32_t reserved;
  // The log's head. Written under the log lock.
  std::atomic<std::uint64_t> version;   // last drawn
  std::atomic<std::uint64_t> sequence;  // last segment opened
  // Flush: records older than flush_version are dead; flush_at is a flush to come (0: none).
  std::atomic<std::uint64_t> flush_version;
  std::atomic<std::uint32_t> flush_at;
  std::uint32_t reserved2;
  // The index's head.
  std::atomic<std::uint64_t> buckets;        // in use; written by the one that splits
  std::atomic<std::uint64_t> items;          // living or not yet found dead; any mutator
  std::atomic<std::uint32_t> overflow_used;  // overflow buckets ever used; under the overflow lock
  std::atomic<std::uint32_t> overflow_free;  // head of their free list, +1; under the overflow lock
};

class Arena {
 public:
  struct Options {
    std::uint64_t memory_bytes = 0;
    std::string memory_file;
    bool lock_memory = false;
    bool large_pages = false;
    std::uint64_t hash_seed = 0;  // of a new arena; 0: drawn
  };

  explicit Arena(const Options& options);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Whether the file held a store of this geometry and format. If not, everything is zero and why_not says why.
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  // What was found was marked in use: its process was killed.
  [[nodiscard]] bool found_in_use() const { return found_in_use_; }
  // Wipes what was found (the caller judged it unusable).
  void clear();
  // Marks a clean close. Nothing may be written afterwards.
  void close_cleanly();
  [[nodiscard]] bool persistent() const { return fd_ >= 0; }

  [[nodiscard]] Superblock& head() const { return *reinterpret_cast<Superblock*>(base_); }
  [[nodiscard]] SegmentEntry& segment(SegmentId id) const { return segments_[id.value]; }
  [[nodiscard]] LiveCount& live(SegmentId id) const { return live_[id.value]; }
  [[nodiscard]] Bucket* buckets() const { return buckets_; }
  [[nodiscard]] Bucket* overflow() const { return overflow_; }

  [[nodiscard]] std::uint64_t segment_bytes() const { return std::uint64_t{1} << segment_shift_; }
  [[nodiscard]] std::uint32_t segment_count() const { return segment_count_; }
  [[nodiscard]] char* at(LogAddress address) const { return log_ + address.offset; }
  [[nodiscard]] RecordHeader& record(LogAddress address) const {
    return *reinterpret_cast<RecordHeader*>(log_ + address.offset);
  }
  [[nodiscard]] LogAddress address_of(const void* place) const {
    return {static_cast<std::uint64_t>(static_cast<const char*>(place) - log_)};
  }
  [[nodiscard]] SegmentId segment_of(LogAddress address) const {
    return {static_cast<std::uint32_t>(address.offset >> segment_shift_)};
  }
  [[nodiscard]] LogAddress start_of(SegmentId id) const {
    return {static_cast<std::uint64_t>(id.value) << segment_shift_};
  }
  // Gives a free segment's pages back to the system.
  void discard(SegmentId id) const;

 private:
  Arena() = default;
  void map(const Options& options);
  void advise(const Options& options) const;
  void check_found(const Superblock& wanted);

  char* base_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  std::uint64_t hash_seed_ = 0;
  int fd_ = -1;
  bool found_ = false;
  bool found_in_use_ = false;
  std::string why_not_;
  unsigned segment_shift_ = 0;
  std::uint32_t segment_count_ = 0;
  std::uint64_t bucket_capacity_ = 0;
  std::uint64_t overflow_capacity_ = 0;
  SegmentEntry* segments_ = nullptr;
  LiveCount* live_ = nullptr;
  Bucket* buckets_ = nullptr;
  Bucket* overflow_ = nullptr;
  char* log_ = nullptr;
};

}  // namespace lmc::store

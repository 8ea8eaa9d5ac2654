#include "server/store/recovery.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace lmc::store {

namespace {

// Where the records begin that a walk over their segment meets. Only such a record may be kept: the reclaimer would
// pass any other by and give its memory away under it. (A damaged length makes a walk go astray, and maybe not end
// early.)
class Starts {
 public:
  explicit Starts(const Arena& arena)
      : words_(std::uint64_t{arena.segment_count()} * arena.segment_bytes() / kRecordAlignment / 64 + 1) {}
  // Different segments may be marked by different threads: no two share a word.
  void mark(LogAddress address) { words_[word(address)] |= bit(address); }
  [[nodiscard]] bool has(LogAddress address) const { return (words_[word(address)] & bit(address)) != 0; }

 private:
  static_assert(kMinSegmentBytes % (64 * kRecordAlignment) == 0);
  static std::uint64_t word(LogAddress address) { return address.offset / kRecordAlignment / 64; }
  static std::uint64_t bit(LogAddress address) { return std::uint64_t{1} << (address.offset / kRecordAlignment % 64); }
  std::vector<std::uint64_t> words_;
};

// Cuts a segment's used bytes down to the records that can be walked, and marks where they start.
void trim_segment(Arena& arena, SegmentId id, Starts& starts) {
  SegmentEntry& segment = arena.segment(id);
  arena.live(id).store(0, std::memory_order_relaxed);
  const std::uint64_t claimed =
      std::min<std::uint64_t>(segment.used_bytes.load(std::memory_order_relaxed), arena.segment_bytes());
  const auto* header = reinterpret_cast<const SegmentHeader*>(arena.at(arena.start_of(id)));
  const bool sound = segment.state.load(std::memory_order_relaxed) != SegmentState::kFree &&
                     claimed >= kSegmentHeaderBytes && static_cast<unsigned>(segment.stream.load()) < kStreams &&
                     header->magic == kSegmentMagic && header->segment == id.value &&
                     header->sequence == segment.sequence.load(std::memory_order_relaxed);
  std::uint64_t end = sound ? kSegmentHeaderBytes : 0;
  while (sound && end + kRecordHeaderBytes <= claimed) {
    const LogAddress address{arena.start_of(id).offset + end};
    const RecordHeader& record = arena.record(address);
    const auto kind = record.kind();
    const bool known = kind >= RecordKind::kItem && kind <= RecordKind::kChunk;
    if (!known || end + record.record_bytes() > claimed) break;
    starts.mark(address);
    end += record.record_bytes();
  }
  segment.used_bytes.store(static_cast<std::uint32_t>(end), std::memory_order_relaxed);
}

class Judge {
 public:
  Judge(const Arena& arena, const Index& index, const Starts& starts) : arena_(arena), index_(index), starts_(starts) {}

  [[nodiscard]] bool sound_item(std::uint64_t bucket, const Slot& slot) const {
    if (!complete_record(slot.address())) return false;
    const RecordHeader& record = arena_.record(slot.address());
    if (record.kind() != RecordKind::kItem || record.key().empty()) return false;
    if (record.version().value > arena_.head().version.load(std::memory_order_relaxed)) return false;
    if (!record.checksum_matches() || !index_.belongs(slot, bucket, record.key())) return false;
    return !record.has(RecordFlag::kChunked) || sound_chunks(record);
  }

  // Whether a look-up of a sound item's key meets another sound one first. Then this one would come back when that is
  // deleted, and would be passed by when its segment is reclaimed. (What is dropped meanwhile does not change the
  // answer: the first of a key's sound items never is.)
  [[nodiscard]] bool shadowed(const Index::Found& found) const {
    const std::string_view key = arena_.record(found.slot.address()).key();
    bool met = false;
    index_.visit_before(index_.hash(key), found.place, [&](std::uint64_t bucket, const Slot& slot) {
      met = met || (sound_item(bucket, slot) && arena_.record(slot.address()).key() == key);
    });
    return met;
  }

 private:
  [[nodiscard]] bool complete_record(LogAddress address) const {
    if (address.offset % kRecordAlignment != 0) return false;
    if (address.offset >= arena_.segment_count() * arena_.segment_bytes() || !starts_.has(address)) return false;
    const SegmentId id = arena_.segment_of(address);
    const std::uint64_t offset = address.offset - arena_.start_of(id).offset;
    const std::uint64_t used = arena_.segment(id).used_bytes.load(std::memory_order_relaxed);
    return offset >= kSegmentHeaderBytes && offset + kRecordHeaderBytes <= used &&
           offset + arena_.record(address).record_bytes() <= used;
  }

  [[nodiscard]] bool sound_chunks(const RecordHeader& owner) const {
    const std::string_view payload = owner.payload();
    if (payload.size() < 16 || payload.size() % 8 != 0) return false;
    const ChunkDirectory directory(payload);
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < directory.chunks(); ++i) {
      const LogAddress address{directory.chunk_address(i)};
      if (!complete_record(address)) return false;
      const RecordHeader& chunk = arena_.record(address);
      if (chunk.kind() != RecordKind::kChunk || chunk.version() != owner.version() || chunk.client_flags() != i)
        return false;
      if (chunk.key() != owner.key() || !chunk.checksum_matches()) return false;
      bytes += chunk.payload().size();
    }
    return bytes == directory.total_bytes();
  }

  const Arena& arena_;
  const Index& index_;
  const Starts& starts_;
};

void count_item(Arena& arena, Log& log, LogAddress address) {
  const RecordHeader& record = arena.record(address);
  log.count_live(address, record.shape());
  if (!record.has(RecordFlag::kChunked)) return;
  const ChunkDirectory directory(record.payload());
  for (std::uint32_t i = 0; i < directory.chunks(); ++i) {
    const LogAddress chunk{directory.chunk_address(i)};
    log.count_live(chunk, arena.record(chunk).shape());
  }
}

// Runs work(begin, end) over equal parts of [0, total), one thread each.
void in_parallel(std::uint64_t total, const std::function<void(std::uint64_t, std::uint64_t)>& work) {
  const std::uint64_t threads = std::clamp<std::uint64_t>(std::thread::hardware_concurrency(), 1, 16);
  const std::uint64_t part = total / threads + 1;
  std::vector<std::thread> running;
  for (std::uint64_t begin = part; begin < total; begin += part)
    running.emplace_back(work, begin, std::min(total, begin + part));
  work(0, std::min(total, part));
  for (std::thread& thread : running) thread.join();
}

}  // namespace

Recovered recover(Arena& arena, Index& index, Log& log) {
  Starts starts(arena);
  in_parallel(arena.segment_count(), [&arena, &starts](std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t i = begin; i < end; ++i) trim_segment(arena, {static_cast<std::uint32_t>(i)}, starts);
  });
  index.repair_links();
  const Judge judge(arena, index, starts);
  std::atomic<std::uint64_t> kept{0};
  std::atomic<std::uint64_t> dropped{0};
  in_parallel(index.bucket_count(), [&](std::uint64_t begin, std::uint64_t end) {
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    index.repair_buckets(begin, end, [&](std::uint64_t bucket, const Index::Found& found) {
      const bool sound = judge.sound_item(bucket, found.slot) && !judge.shadowed(found);
      if (sound) count_item(arena, log, found.slot.address());
      ++(sound ? good : bad);
      return sound;
    });
    kept += good;
    dropped += bad;
  });
  index.set_item_count(kept);
  // A flush that is newer than every record would kill what is still to come.
  Superblock& head = arena.head();
  head.flush_version.store(std::min(head.flush_version.load(), head.version.load()));
  log.adopt();
  return {kept, dropped};
}

}  // namespace lmc::store

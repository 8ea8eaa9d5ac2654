#include "server/store/recovery.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

namespace lmc::store {

namespace {

std::uint64_t threads() {
  return std::clamp<std::uint64_t>(std::thread::hardware_concurrency(), 1, 16);
}

// The slots that are known to point to a sound item. Threads: any may add.
class PlaceSet {
 public:
  explicit PlaceSet(const Index& index) : index_(index), words_(index.place_count() / 64 + 1) {}
  void add(const Index::Found& found) { word(found).fetch_or(bit(found), std::memory_order_relaxed); }
  void remove(const Index::Found& found) { word(found).fetch_and(~bit(found), std::memory_order_relaxed); }
  [[nodiscard]] bool has(const Index::Found& found) const {
    return (words_[index_.place_number(found) / 64].load(std::memory_order_relaxed) & bit(found)) != 0;
  }

 private:
  std::atomic<std::uint64_t>& word(const Index::Found& found) { return words_[index_.place_number(found) / 64]; }
  [[nodiscard]] std::uint64_t bit(const Index::Found& found) const {
    return std::uint64_t{1} << index_.place_number(found) % 64;
  }
  const Index& index_;
  std::vector<std::atomic<std::uint64_t>> words_;
};

// What can be judged only when every segment has been walked.
struct Undecided {
  std::vector<Index::Found> large;     // slots of items whose chunks are still to be looked at
  std::vector<Index::Found> repeated;  // slots whose key may be in a slot that a look-up meets before
  std::vector<LogAddress> chunks;      // where sound chunk records begin
};

void append(Undecided& all, const Undecided& more) {
  all.large.insert(all.large.end(), more.large.begin(), more.large.end());
  all.repeated.insert(all.repeated.end(), more.repeated.begin(), more.repeated.end());
  all.chunks.insert(all.chunks.end(), more.chunks.begin(), more.chunks.end());
}

// One thread's way through some segments: cuts each down to the records that can be walked, and asks the index about
// each of them. Only a record that such a walk meets may be kept: the reclaimer would pass any other by and give its
// memory away under it. (A damaged length makes a walk go astray, and maybe not end early.)
//
// Records lie in the order of their versions and their slots at random. So the records of many segments are collected
// and brought into the order of the index before their slots are looked at: one cache and TLB miss for each look-up was
// more than half of all the time.
class Walk {
 public:
  Walk(Arena& arena, const Index& index, Log& log, PlaceSet& kept)
      : arena_(arena),
        index_(index),
        log_(log),
        kept_(kept),
        round_size_(std::max(kLeastRound, index.bucket_count() / threads())),
        region_starts_(index.bucket_count() / kBucketsPerRegion + 2) {
    const std::size_t most = round_size_ + arena.segment_bytes() / (kRecordHeaderBytes + kRecordAlignment);
    round_.reserve(most);
    sorted_.reserve(most);
  }

  void segment(SegmentId id) {
    SegmentEntry& segment = arena_.segment(id);
    arena_.live(id).store(0, std::memory_order_relaxed);
    const std::uint64_t claimed =
        std::min<std::uint64_t>(segment.used_bytes.load(std::memory_order_relaxed), arena_.segment_bytes());
    std::uint64_t end = 0;
    if (has_header(id, claimed)) {
      end = kSegmentHeaderBytes;
      while (end + kRecordHeaderBytes <= claimed) {
        const LogAddress address{arena_.start_of(id).offset + end};
        const RecordHeader& record = arena_.record(address);
        const auto kind = record.kind();
        const bool known = kind >= RecordKind::kItem && kind <= RecordKind::kVoid;
        if (!known || end + record.record_bytes() > claimed) break;
        meet(address, record);
        end += record.record_bytes();
      }
    }
    segment.used_bytes.store(static_cast<std::uint32_t>(end), std::memory_order_relaxed);
    if (round_.size() >= round_size_) look_up_round();
  }

  [[nodiscard]] const Undecided& finish() {
    look_up_round();
    return undecided_;
  }

 private:
  static constexpr std::uint64_t kLeastRound = 1 << 16;     // records
  static constexpr std::uint64_t kBucketsPerRegion = 2048;  // 128 KiB of index: no more than caches and TLBs hold
  static constexpr std::size_t kPrefetch = 16;
  static constexpr std::uint64_t kAllUnits = kMaxArenaBytes / kRecordAlignment - 1;

  // A sound item record.
  struct Candidate {
    std::uint64_t hash = 0;  // HashedKey::first
    RecordShape shape;
    std::uint64_t units : 38 = 0;    // address / kRecordAlignment
    std::uint64_t repeated : 1 = 0;  // a look-up of the key looks at another slot before the one that points here

    [[nodiscard]] LogAddress address() const { return {units * kRecordAlignment}; }
    [[nodiscard]] HashedKey key() const { return Index::key_of(hash); }
  };
  static_assert(sizeof(Candidate) == 24);

  [[nodiscard]] bool has_header(SegmentId id, std::uint64_t claimed) const {
    const SegmentEntry& segment = arena_.segment(id);
    const auto* header = reinterpret_cast<const SegmentHeader*>(arena_.at(arena_.start_of(id)));
    return segment.state.load(std::memory_order_relaxed) != SegmentState::kFree && claimed >= kSegmentHeaderBytes &&
           static_cast<unsigned>(segment.stream.load()) < kStreams && header->magic == kSegmentMagic &&
           header->segment == id.value && header->sequence == segment.sequence.load(std::memory_order_relaxed);
  }

  void meet(LogAddress address, const RecordHeader& record) {
    const bool item = record.kind() == RecordKind::kItem && !record.key().empty();
    const bool chunk = record.kind() == RecordKind::kChunk;
    if (!(item || chunk) || record.version().value > arena_.head().version.load(std::memory_order_relaxed)) return;
    if (!record.checksum_matches()) return;
    if (chunk)
      undecided_.chunks.push_back(address);
    else
      round_.push_back(
          {index_.hash(record.key()).first, record.shape(), address.offset / kRecordAlignment & kAllUnits});
  }

  // Of each key the first bucket, then, where it was not there, the second.
  void look_up_round() {
    for (unsigned choice = 0; choice < 2; ++choice) {
      sort_by_region(choice);
      std::size_t missed = 0;
      for (std::size_t i = 0; i < round_.size(); ++i) {
        if (i + kPrefetch < round_.size()) index_.prefetch(round_[i + kPrefetch].key(), choice);
        if (!look_up(round_[i], choice)) round_[missed++] = round_[i];
      }
      round_.resize(missed);
    }
    round_.clear();
  }

  void sort_by_region(unsigned choice) {
    const auto region = [&](const Candidate& candidate) {
      const Index::Pair pair = index_.locate(candidate.key());
      return (choice == 0 ? pair.first : pair.second) / kBucketsPerRegion;
    };
    std::fill(region_starts_.begin(), region_starts_.end(), 0);
    for (const Candidate& candidate : round_) ++region_starts_[region(candidate) + 1];
    std::partial_sum(region_starts_.begin(), region_starts_.end(), region_starts_.begin());
    sorted_.resize(round_.size());
    for (const Candidate& candidate : round_) sorted_[region_starts_[region(candidate)]++] = candidate;
    round_.swap(sorted_);
  }

  // Whether a slot in this one of the key's two buckets points to the record.
  bool look_up(Candidate& candidate, unsigned choice) {
    Index::Found found;
    index_.visit_places(candidate.key(), choice, [&](const Index::Found& place) {
      if (found) return;
      if (place.slot.address() == candidate.address())
        found = place;
      else
        candidate.repeated = 1;
    });
    if (!found) return false;
    const bool large = candidate.shape.has(RecordFlag::kChunked);
    if (large) undecided_.large.push_back(found);
    if (candidate.repeated != 0) undecided_.repeated.push_back(found);
    if (!large) kept_.add(found);
    if (!large && candidate.repeated == 0) log_.count_live(candidate.address(), candidate.shape);
    return true;
  }

  Arena& arena_;
  const Index& index_;
  Log& log_;
  PlaceSet& kept_;
  const std::size_t round_size_;
  std::vector<Candidate> round_;
  std::vector<Candidate> sorted_;
  std::vector<std::size_t> region_starts_;
  Undecided undecided_;
};

// `chunks` is sorted.
bool sound_chunks(const Arena& arena, const std::vector<LogAddress>& chunks, const RecordHeader& owner) {
  const std::string_view payload = owner.payload();
  if (payload.size() < 16 || payload.size() % 8 != 0) return false;
  const ChunkDirectory directory(payload);
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < directory.chunks(); ++i) {
    const LogAddress address{directory.chunk_address(i)};
    if (!std::binary_search(chunks.begin(), chunks.end(), address)) return false;
    const RecordHeader& chunk = arena.record(address);
    if (chunk.version() != owner.version() || chunk.client_flags() != i || chunk.key() != owner.key()) return false;
    bytes += chunk.payload().size();
  }
  return bytes == directory.total_bytes();
}

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

// Of a key's slots only the first that is kept, in the order of a look-up, may stay: another would come back when that
// one is deleted, and be passed by when its segment is reclaimed.
bool is_first(const Arena& arena, const Index& index, const PlaceSet& kept, const Index::Found& found) {
  const std::string_view key = arena.record(found.slot.address()).key();
  bool reached = false;
  bool met = false;
  for (unsigned choice = 0; choice < 2; ++choice)
    index.visit_places(index.hash(key), choice, [&](const Index::Found& place) {
      reached = reached || place.place == found.place;
      met = met || (!reached && kept.has(place) && arena.record(place.slot.address()).key() == key);
    });
  return !met;
}

void decide(Undecided& undecided, Arena& arena, const Index& index, Log& log, PlaceSet& kept) {
  std::sort(undecided.chunks.begin(), undecided.chunks.end());
  for (const Index::Found& found : undecided.large)
    if (sound_chunks(arena, undecided.chunks, arena.record(found.slot.address()))) kept.add(found);
  std::vector<Index::Found> later;
  for (const Index::Found& found : undecided.repeated)
    if (kept.has(found) && !is_first(arena, index, kept, found)) later.push_back(found);
  for (const Index::Found& found : later) kept.remove(found);

  // The walks have counted the others.
  std::vector<Index::Found>& uncounted = undecided.repeated;
  uncounted.insert(uncounted.end(), undecided.large.begin(), undecided.large.end());
  const auto by_place = [](const Index::Found& a, const Index::Found& b) { return a.place < b.place; };
  std::sort(uncounted.begin(), uncounted.end(), by_place);
  const auto same = [](const Index::Found& a, const Index::Found& b) { return a.place == b.place; };
  uncounted.erase(std::unique(uncounted.begin(), uncounted.end(), same), uncounted.end());
  for (const Index::Found& found : uncounted)
    if (kept.has(found)) count_item(arena, log, found.slot.address());
}

// Runs work(begin, end) over equal parts of [0, total), one thread each.
void in_parallel(std::uint64_t total, const std::function<void(std::uint64_t, std::uint64_t)>& work) {
  const std::uint64_t part = total / threads() + 1;
  std::vector<std::thread> running;
  for (std::uint64_t begin = part; begin < total; begin += part)
    running.emplace_back(work, begin, std::min(total, begin + part));
  work(0, std::min(total, part));
  for (std::thread& thread : running) thread.join();
}

}  // namespace

Recovered recover(Arena& arena, Index& index, Log& log) {
  index.repair_links();
  PlaceSet kept(index);
  Undecided undecided;
  std::mutex undecided_lock;
  in_parallel(arena.segment_count(), [&](std::uint64_t begin, std::uint64_t end) {
    Walk walk(arena, index, log, kept);
    for (std::uint64_t i = begin; i < end; ++i) walk.segment({static_cast<std::uint32_t>(i)});
    const Undecided& mine = walk.finish();
    const std::lock_guard guard(undecided_lock);
    append(undecided, mine);
  });
  decide(undecided, arena, index, log, kept);

  std::atomic<std::uint64_t> items{0};
  std::atomic<std::uint64_t> dropped{0};
  in_parallel(index.bucket_count(), [&](std::uint64_t begin, std::uint64_t end) {
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    index.repair_buckets(begin, end, [&](const Index::Found& found) {
      const bool keep = kept.has(found);
      ++(keep ? good : bad);
      return keep;
    });
    items += good;
    dropped += bad;
  });
  index.set_item_count(items);
  // A flush that is newer than every record would kill what is still to come.
  Superblock& head = arena.head();
  head.flush_version.store(std::min(head.flush_version.load(), head.version.load()));
  log.adopt();
  return {items, dropped};
}

}  // namespace lmc::store

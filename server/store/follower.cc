#include "server/store/follower.h"

#include <algorithm>
#include <array>

#include "server/store/liveness.h"

namespace lmc::store {

namespace {
constexpr unsigned kMaxSplitsPerItem = 2;
constexpr std::size_t kRecordsInGroup = 16;  // as many misses as a core keeps under way, about

std::string refuse(const std::string& what, SegmentId id) {
  return what + " (segment " + std::to_string(id.value) + ")";
}
}  // namespace

Follower::Follower(Arena& arena, Index& index, Log& log, Grace& grace)
    : arena_(arena), index_(index), log_(log), grace_(grace) {}

std::optional<std::string> Follower::begin(std::span<const AnnouncedSegment> segments, const LogHead& head) {
  for (const AnnouncedSegment& announced : segments) {
    if (announced.segment.value >= arena_.segment_count() || announced.used_bytes > arena_.segment_bytes() ||
        announced.used_bytes < kSegmentHeaderBytes || announced.used_bytes % kRecordAlignment != 0 ||
        announced.evicted_bytes > announced.used_bytes || static_cast<unsigned>(announced.stream) >= kStreams)
      return refuse("a segment is announced that this arena cannot have", announced.segment);
  }
  for (std::uint32_t i = 0; i < arena_.segment_count(); ++i) {
    arena_.segment({i}).used_bytes.store(0, std::memory_order_relaxed);
    arena_.segment({i}).state.store(SegmentState::kFree, std::memory_order_relaxed);
    arena_.live({i}).store(0, std::memory_order_relaxed);
  }
  for (const AnnouncedSegment& announced : segments) {
    SegmentEntry& segment = arena_.segment(announced.segment);
    segment.sequence.store(announced.sequence, std::memory_order_relaxed);
    segment.stream.store(announced.stream, std::memory_order_relaxed);
    segment.opened.store(announced.opened, std::memory_order_relaxed);
    for (auto& bytes : segment.expiring_bytes) bytes.store(0, std::memory_order_relaxed);
    segment.used_bytes.store(announced.used_bytes, std::memory_order_relaxed);
    segment.state.store(announced.sealed ? SegmentState::kSealed : SegmentState::kOpen, std::memory_order_release);
    if (arena_.head().sequence.load(std::memory_order_relaxed) < announced.sequence)
      arena_.head().sequence.store(announced.sequence, std::memory_order_relaxed);
  }
  retired_.clear();
  readers_past_ = 0;
  appended_.clear();
  appended_records_ = 0;
  living_.clear();
  complete_after_.reset();
  deleted_.clear();
  last_delete_ = {};
  latest_ = {};
  log_.unsettled().begin(head.version);
  arena_.head().version.store(0, std::memory_order_relaxed);
  return set_head(head);
}

std::optional<std::string> Follower::set_head(const LogHead& head) {
  if (std::max(head.version, head.flush_version).value > kMaxVersion)
    return "a head of a version that no record can have";
  Superblock& own = arena_.head();
  if (is_later(head) || !living_.empty()) {
    if (Refusal refusal = settle()) return refusal;
  }
  own.flush_at.store(head.flush_at.value, std::memory_order_relaxed);
  own.flush_version.store(head.flush_version.value, std::memory_order_relaxed);
  own.version.store(head.version.value, std::memory_order_release);
  if (last_delete_ <= head.version) deleted_.clear();
  return std::nullopt;
}

bool Follower::is_prepared(const Change& change) const {
  const bool settles = change.kind == ChangeKind::kEvicted || change.kind == ChangeKind::kRetired;
  return !settles || appended_records_ <= kRecordsAtOnce;
}

bool Follower::is_prepared(const LogHead& head) const {
  return !is_later(head) || appended_records_ <= kRecordsAtOnce;
}

std::optional<std::string> Follower::finish() {
  if (Refusal refusal = settle()) return refusal;
  Superblock& own = arena_.head();
  // A flush is told before all that is older than it: what is drawn next is not to be dead by it.
  const std::uint64_t drawn = std::max(latest_.value, own.flush_version.load(std::memory_order_relaxed));
  if (drawn > own.version.load(std::memory_order_relaxed)) own.version.store(drawn, std::memory_order_release);
  return std::nullopt;
}

std::optional<std::string> Follower::apply(const Change& change) {
  if (change.segment.value >= arena_.segment_count()) return refuse("a change of no segment", change.segment);
  const SegmentEntry& segment = arena_.segment(change.segment);
  const SegmentState state = segment.state.load(std::memory_order_relaxed);
  switch (change.kind) {
    case ChangeKind::kOpened:
      if (state != SegmentState::kFree) return refuse("a segment is opened that is in use", change.segment);
      return open(change);
    case ChangeKind::kAppended:
      if (state != SegmentState::kOpen) return refuse("an append to a segment that is not open", change.segment);
      return append(change);
    case ChangeKind::kSealed:
      if (state != SegmentState::kOpen) return refuse("a segment is sealed that is not open", change.segment);
      arena_.segment(change.segment).state.store(SegmentState::kSealed, std::memory_order_release);
      return std::nullopt;
    case ChangeKind::kEvicted:
      if (state != SegmentState::kSealed)
        return refuse("an eviction from a segment that is not sealed", change.segment);
      return evict(change);
    case ChangeKind::kRetired:
      if (state != SegmentState::kSealed) return refuse("a segment is retired that is not sealed", change.segment);
      return retire(change);
  }
  return refuse("a change of unknown kind", change.segment);
}

std::optional<std::string> Follower::open(const Change& change) {
  const auto* header = reinterpret_cast<const SegmentHeader*>(arena_.at(arena_.start_of(change.segment)));
  if (header->magic != kSegmentMagic || header->segment != change.segment.value ||
      header->sequence != change.sequence || static_cast<unsigned>(change.stream) >= kStreams)
    return refuse("a segment is opened without its header", change.segment);
  SegmentEntry& segment = arena_.segment(change.segment);
  segment.sequence.store(change.sequence, std::memory_order_relaxed);
  segment.stream.store(change.stream, std::memory_order_relaxed);
  segment.opened.store(change.opened, std::memory_order_relaxed);
  for (auto& bytes : segment.expiring_bytes) bytes.store(0, std::memory_order_relaxed);
  arena_.live(change.segment).store(0, std::memory_order_relaxed);
  segment.used_bytes.store(kSegmentHeaderBytes, std::memory_order_release);
  segment.state.store(SegmentState::kOpen, std::memory_order_release);
  if (arena_.head().sequence.load(std::memory_order_relaxed) < change.sequence)
    arena_.head().sequence.store(change.sequence, std::memory_order_relaxed);
  return std::nullopt;
}

bool Follower::sound(LogAddress address, std::uint64_t end) const {
  const std::uint64_t offset = address.offset - arena_.start_of(arena_.segment_of(address)).offset;
  if (offset < kSegmentHeaderBytes || offset + kRecordHeaderBytes > end) return false;
  const RecordHeader& record = arena_.record(address);
  const RecordKind kind = record.kind();
  if (kind < RecordKind::kItem || kind > RecordKind::kVoid) return false;
  if (offset + record.record_bytes() > end || record.version().value == 0) return false;
  if (kind != RecordKind::kFlush && record.key().empty()) return false;
  return record.checksum_matches();
}

bool Follower::sound_and_stays(LogAddress address) const {
  const SegmentEntry& segment = arena_.segment(arena_.segment_of(address));
  const SegmentState state = segment.state.load(std::memory_order_relaxed);
  return (state == SegmentState::kOpen || state == SegmentState::kSealed) &&
         sound(address, segment.used_bytes.load(std::memory_order_relaxed));
}

// All are checked before the first is applied, so that a refused change has changed nothing.
std::optional<std::string> Follower::append(const Change& change) {
  SegmentEntry& segment = arena_.segment(change.segment);
  if (change.from != segment.used_bytes.load(std::memory_order_relaxed) || change.to <= change.from ||
      change.to > arena_.segment_bytes() || change.to % kRecordAlignment != 0)
    return refuse("an append that does not go on where the last one ended", change.segment);
  const std::uint64_t start = arena_.start_of(change.segment).offset;
  std::size_t records = 0;
  for (std::uint64_t at = change.from; at < change.to; at += arena_.record({start + at}).record_bytes()) {
    if (!sound({start + at}, change.to))
      return refuse("bytes that are no record at " + std::to_string(at), change.segment);
    ++records;
  }
  segment.used_bytes.store(change.to, std::memory_order_release);
  appended_.push_back(change);
  appended_records_ += records;
  return std::nullopt;
}

std::optional<std::string> Follower::settle(std::size_t most) {
  std::vector<Added> later;
  for (const Added& added : living_) {
    if (!told(added.item.address))
      later.push_back(added);
    else if (Refusal refusal = settle_living(added))
      return refusal;
  }
  living_ = std::move(later);
  std::array<LogAddress, kRecordsInGroup> group;
  std::size_t count = 0;
  const std::size_t left = appended_records_ - std::min(appended_records_, most);
  for (Change& change : appended_) {
    const std::uint64_t start = arena_.start_of(change.segment).offset;
    while (change.from < change.to && appended_records_ > left) {
      const LogAddress address{start + change.from};
      group[count++] = address;
      change.from += static_cast<std::uint32_t>(arena_.record(address).record_bytes());
      --appended_records_;
      if (count < group.size()) continue;
      if (Refusal refusal = apply_records(group)) return refusal;
      count = 0;
    }
  }
  if (Refusal refusal = apply_records({group.data(), count})) return refusal;
  std::erase_if(appended_, [](const Change& change) { return change.from == change.to; });
  return std::nullopt;
}

// The buckets and what they lead to are asked of memory for all of them before the first is waited for.
std::optional<std::string> Follower::apply_records(std::span<const LogAddress> records) {
  std::array<HashedKey, kRecordsInGroup> keys;
  for (std::size_t i = 0; i < records.size(); ++i) {
    keys[i] = index_.hash(arena_.record(records[i]).key());
    index_.prefetch(keys[i]);
  }
  for (std::size_t i = 0; i < records.size(); ++i) index_.prefetch_records(keys[i]);
  for (std::size_t i = 0; i < records.size(); ++i)
    if (Refusal refusal = apply_record(records[i], keys[i])) return refusal;
  return std::nullopt;
}

std::optional<std::string> Follower::apply_record(LogAddress address, const HashedKey& key) {
  const RecordHeader& record = arena_.record(address);
  latest_ = std::max(latest_, record.version());
  switch (record.kind()) {
    case RecordKind::kItem:
      return put(address, key, record.version() > log_.last_version());
    case RecordKind::kDelete:
      apply_delete(record, key);
      break;
    case RecordKind::kTouch:
      apply_touch(record, key);
      break;
    case RecordKind::kFlush:  // told with the head
    case RecordKind::kChunk:  // its item's directory speaks of it
    case RecordKind::kVoid:
      break;
  }
  return std::nullopt;
}

bool Follower::sound_chunks(const RecordHeader& record) const {
  const std::string_view payload = record.payload();
  if (payload.size() < 16 || payload.size() % 8 != 0) return false;
  const ChunkDirectory directory(payload);
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < directory.chunks(); ++i) {
    const LogAddress at{directory.chunk_address(i)};
    if (at.offset % kRecordAlignment != 0 || at.offset / arena_.segment_bytes() >= arena_.segment_count()) return false;
    if (!sound_and_stays(at)) return false;
    const RecordHeader& chunk = arena_.record(at);
    if (chunk.kind() != RecordKind::kChunk || chunk.version() != record.version() || chunk.client_flags() != i ||
        chunk.key() != record.key())
      return false;
    bytes += chunk.payload().size();
  }
  return bytes == directory.total_bytes();
}

bool Follower::is_later_copy(LogAddress address, LogAddress than) const {
  const SegmentId a = arena_.segment_of(address);
  const SegmentId b = arena_.segment_of(than);
  if (a == b) return address > than;
  const Stream stream_a = arena_.segment(a).stream.load(std::memory_order_relaxed);
  const Stream stream_b = arena_.segment(b).stream.load(std::memory_order_relaxed);
  if (stream_a != stream_b) return stream_a == Stream::kSurvivor;
  return arena_.segment(a).sequence.load(std::memory_order_relaxed) >
         arena_.segment(b).sequence.load(std::memory_order_relaxed);
}

std::optional<std::string> Follower::put(LogAddress address, const HashedKey& key, bool absent_too,
                                         const LivingItem* words) {
  const RecordHeader& record = arena_.record(address);
  const auto deleted = deleted_.find(key.first);
  if (deleted != deleted_.end() && deleted->second > record.version()) return std::nullopt;
  {
    const Index::BucketLock lock(index_, key);
    const Index::Found found = index_.find_locked(key, lock.pair());
    if (!found && !absent_too) return std::nullopt;  // a copy of what was deleted or evicted meanwhile
    if (found) {
      const Version present = arena_.record(found.slot.address()).version();
      if (present > record.version()) return std::nullopt;
      if (present == record.version() && !is_later_copy(address, found.slot.address())) {
        if (words != nullptr && found.slot.address() == address) set_words(*words);
        return std::nullopt;
      }
    }
    // Of a large item that has been moved on the chunks may be gone: but then what is there is the later copy.
    if (record.has(RecordFlag::kChunked) && !sound_chunks(record))
      return refuse("a large item without its chunks", arena_.segment_of(address));
    if (found) {
      index_.replace(found, address, Slot{found.place->load(std::memory_order_relaxed)}.frequency());
      account_dead(arena_, log_, found.slot.address());
    } else if (!index_.insert(key, lock.pair(), address)) {
      return refuse("the index is full", arena_.segment_of(address));
    }
    account_living(arena_, log_, address);
    if (words != nullptr) set_words(*words);
  }
  (void)index_.grow(kMaxSplitsPerItem);
  return std::nullopt;
}

void Follower::apply_delete(const RecordHeader& record, const HashedKey& key) {
  const Index::BucketLock lock(index_, key);
  Version& last = deleted_[key.first];
  last = std::max(last, record.version());
  last_delete_ = std::max(last_delete_, record.version());
  const Index::Found found = index_.find_locked(key, lock.pair());
  if (found && arena_.record(found.slot.address()).version() > record.version()) return;
  // Also if nothing is there: what was deleted before the index was copied was never found here.
  log_.unsettled().note(key, record.version());
  if (!found) return;
  index_.erase(found);
  account_dead(arena_, log_, found.slot.address());
}

void Follower::apply_touch(const RecordHeader& record, const HashedKey& key) {
  const Index::BucketLock lock(index_, key);
  const Index::Found found = index_.find_locked(key, lock.pair());
  if (found && arena_.record(found.slot.address()).version() > record.version()) return;
  // Also if nothing is there: the living items that are still to come have what it did.
  log_.unsettled().note(key, record.version());
  if (!found) return;
  set_words({found.slot.address(), record.expiry(), record.access().stale, record.access().win_sent});
}

void Follower::set_words(const LivingItem& words) {
  RecordHeader& item = arena_.record(words.address);
  const UnixSeconds before = item.expiry();
  item.set_expiry(words.expiry);
  account_touched(arena_, log_, words.address, before, words.expiry);
  item.set_state(words.stale, words.win_sent);
}

std::optional<std::string> Follower::evict(const Change& change) {
  const SegmentEntry& segment = arena_.segment(change.segment);
  if (change.from < kSegmentHeaderBytes || change.from % kRecordAlignment != 0 || change.to < change.from ||
      change.to > segment.used_bytes.load(std::memory_order_relaxed))
    return refuse("an eviction beyond the segment's records", change.segment);
  if (Refusal refusal = settle()) return refusal;
  // Most segments go when nothing lives in them any more. To look for it there would take milliseconds, for which
  // whatever else this thread does would wait.
  const bool nothing_lives = arena_.live(change.segment).load(std::memory_order_relaxed) == 0;
  const bool knows_all =
      complete_after_ && segment.sequence.load(std::memory_order_relaxed) > *complete_after_ && living_.empty();
  if (nothing_lives && knows_all) return std::nullopt;
  const std::uint64_t start = arena_.start_of(change.segment).offset;
  for (std::uint64_t at = change.from; at < change.to;) {
    const LogAddress address{start + at};
    if (!sound(address, change.to)) return refuse("bytes that are no record at " + std::to_string(at), change.segment);
    const RecordHeader& record = arena_.record(address);
    if (record.kind() == RecordKind::kItem || record.kind() == RecordKind::kChunk) evict_item(address, record);
    at += record.record_bytes();
  }
  return std::nullopt;
}

// The item that lies here, or that this is a chunk of.
void Follower::evict_item(LogAddress address, const RecordHeader& record) {
  const HashedKey key = index_.hash(record.key());
  const Index::BucketLock lock(index_, key);
  const Index::Found found = index_.find_locked(key, lock.pair());
  // The version of the eviction is the head's that it comes with: larger than all that are told.
  const Version eviction{log_.last_version().value + 1};
  // It may have been evicted before the index was copied.
  if (!found) return log_.unsettled().note(key, eviction);
  const LogAddress owner = found.slot.address();
  if (record.kind() == RecordKind::kChunk) {
    const RecordHeader& item = arena_.record(owner);
    if (item.version() != record.version() || !item.has(RecordFlag::kChunked)) return;
    const ChunkDirectory directory(item.payload());
    const std::uint32_t number = record.client_flags();
    if (number >= directory.chunks() || directory.chunk_address(number) != address.offset) return;
  } else if (owner != address) {
    return;
  }
  log_.unsettled().note(key, eviction);
  index_.erase(found);
  account_dead(arena_, log_, owner);
}

std::optional<std::string> Follower::retire(const Change& change) {
  if (Refusal refusal = settle()) return refusal;
  SegmentEntry& segment = arena_.segment(change.segment);
  // Chunks too, though they are no items: who has them would be read out of what comes here next.
  if (arena_.live(change.segment).load(std::memory_order_relaxed) != 0)
    return refuse("a segment is retired in which something lives", change.segment);
  segment.state.store(SegmentState::kRetired, std::memory_order_relaxed);
  retired_.push_back({change.segment, grace_.retire(), change.sequence});
  return std::nullopt;
}

std::uint64_t Follower::readers_past() {
  while (!retired_.empty()) {
    const Retired& first = retired_.front();
    if (!grace_.passed(first.ticket) || log_.pins(first.id).load(std::memory_order_acquire) != 0) break;
    SegmentEntry& segment = arena_.segment(first.id);
    segment.used_bytes.store(0, std::memory_order_relaxed);
    segment.state.store(SegmentState::kFree, std::memory_order_relaxed);
    arena_.live(first.id).store(0, std::memory_order_relaxed);
    readers_past_ = first.number;
    retired_.erase(retired_.begin());
  }
  return readers_past_;
}

// Of what is not told yet the bytes are still to come: they are newer than these words. A touch that is applied until
// then finds no item, and is in those bytes.
void Follower::add_living(const LivingItem& item) {
  living_.push_back({item, told(item.address)});
}

void Follower::end_living() {
  complete_after_ = arena_.head().sequence.load(std::memory_order_relaxed);
}

bool Follower::told(LogAddress address) const {
  if (address.offset / arena_.segment_bytes() >= arena_.segment_count()) return true;  // and will be refused
  const SegmentId id = arena_.segment_of(address);
  return address.offset - arena_.start_of(id).offset < arena_.segment(id).used_bytes.load(std::memory_order_relaxed);
}

std::optional<std::string> Follower::settle_living(const Added& added) {
  const LogAddress address = added.item.address;
  if (address.offset % kRecordAlignment != 0 || address.offset / arena_.segment_bytes() >= arena_.segment_count())
    return refuse("a living record at no place", {0});
  const SegmentId id = arena_.segment_of(address);
  if (!sound_and_stays(address) || arena_.record(address).kind() != RecordKind::kItem)
    return refuse("a living record that is no item", id);
  latest_ = std::max(latest_, arena_.record(address).version());
  const HashedKey key = index_.hash(arena_.record(address).key());
  return put(address, key, true, added.words ? &added.item : nullptr);
}

}  // namespace lmc::store

#include "server/store/log.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

namespace lmc::store {

namespace {
constexpr unsigned index_of(Stream stream) {
  return static_cast<unsigned>(stream);
}
}  // namespace

Log::Log(Arena& arena, Grace& grace, std::uint32_t note_reserve, unsigned appenders, bool discards)
    : arena_(arena),
      grace_(grace),
      note_reserve_(note_reserve),
      discards_(discards),
      appenders_(appenders),
      announcer_(arena),
      usable_(arena.segment_count()),
      open_appends_(std::make_unique<std::atomic<std::uint32_t>[]>(arena.segment_count())),
      pins_(std::make_unique<std::atomic<std::uint32_t>[]>(arena.segment_count())) {
  free_.reserve(arena.segment_count());
  retired_.reserve(arena.segment_count());
}

std::optional<Log::Reservation> Log::reserve(Stream stream, const RecordShape& shape, Draw draw, Purpose purpose,
                                             Appender* appender) {
  const auto bytes = static_cast<std::uint32_t>(shape.record_bytes());
  const std::uint32_t leave = left_by(purpose);
  const std::lock_guard guard(lock_);
  // What was opened of a reserve is its owner's too: no item may live where notes go, and where the reclaimer moves a
  // segment to, all of it must fit. (With eviction what does not fit is dropped.)
  if (note_reserve_ != 0 && free_.size() < leave) return std::nullopt;
  std::uint32_t& open = open_[index_of(stream)];
  if (open == kNone ||
      arena_.segment({open}).used_bytes.load(std::memory_order_relaxed) + bytes > arena_.segment_bytes()) {
    if (bytes > arena_.segment_bytes() - kSegmentHeaderBytes) std::abort();  // a bug: nothing this large is one record
    const std::uint32_t own = appender == nullptr ? 0 : appender->claimed_segments;
    // The reclaimer may take what is claimed: without it nothing more comes.
    const std::uint32_t others = purpose == Purpose::kMove ? 0 : claimed_.load(std::memory_order_relaxed) - own;
    if (!open_segment(stream, leave + others, appender)) return std::nullopt;
  }
  SegmentEntry& segment = arena_.segment({open});
  const std::uint32_t used = segment.used_bytes.load(std::memory_order_relaxed);
  const LogAddress address{arena_.start_of({open}).offset + used};
  Version version = draw.keep;
  if (version.value == 0) {
    version = {arena_.head().version.load(std::memory_order_relaxed) + 1};
    arena_.head().version.store(version.value, std::memory_order_release);
  }
  // The header's lengths are there before used_bytes covers them: whoever walks the segment, even after this process
  // was killed right here, finds the next record.
  auto* record = new (arena_.at(address)) RecordHeader(shape, version);
  open_appends_[open].fetch_add(1, std::memory_order_relaxed);
  if (appender != nullptr) {
    const std::uint64_t next = arena_.head().version.load(std::memory_order_relaxed) + (draw.keep.value == 0 ? 0 : 1);
    if (!appender->holds_version) appender->stamp.store(lowest_held(next), std::memory_order_relaxed);
    appender->address.store(address.offset, std::memory_order_relaxed);
  }
  segment.used_bytes.store(used + bytes, std::memory_order_release);
  return Reservation{record, address, appender};
}

Log::Claimed Log::take_claim(Appender& appender, std::uint32_t segments, Purpose purpose) {
  const std::lock_guard guard(lock_);
  if (std::find(claimants_.begin(), claimants_.end(), &appender) == claimants_.end()) claimants_.push_back(&appender);
  if (claimants_.front() != &appender) return Claimed::kBehind;
  if (free_.size() < left_by(purpose) + claimed_.load(std::memory_order_relaxed) + segments) return Claimed::kNotYet;
  claimants_.pop_front();
  appender.claimed_segments += segments;
  claimed_.fetch_add(segments, std::memory_order_relaxed);
  return Claimed::kTaken;
}

void Log::drop_claim(Appender& appender) {
  const std::lock_guard guard(lock_);
  claimed_.fetch_sub(appender.claimed_segments, std::memory_order_relaxed);
  appender.claimed_segments = 0;
  claimants_.erase(std::remove(claimants_.begin(), claimants_.end(), &appender), claimants_.end());
}

Version Log::draw_version() {
  const std::lock_guard guard(lock_);
  return next_version();
}

Version Log::next_version() {
  const std::uint64_t next = arena_.head().version.load(std::memory_order_relaxed) + 1;
  arena_.head().version.store(next, std::memory_order_release);
  return {next};
}

Version Log::hold_version(Appender& appender) {
  const std::lock_guard guard(lock_);
  const Version next = next_version();
  appender.holds_version = true;
  holders_.fetch_add(1, std::memory_order_relaxed);
  appender.stamp.store(next.value, std::memory_order_relaxed);
  return next;
}

std::uint64_t Log::lowest_held(std::uint64_t next) const {
  if (holders_.load(std::memory_order_relaxed) == 0) return next;
  std::uint64_t lowest = next;
  for (const Appender& appender : appenders_) {
    const std::uint64_t stamp = appender.stamp.load(std::memory_order_relaxed);
    if (stamp != 0) lowest = std::min(lowest, stamp);
  }
  return lowest;
}

std::uint32_t Log::open_room(Stream stream) const {
  const std::lock_guard guard(lock_);
  const std::uint32_t open = open_[index_of(stream)];
  if (open == kNone) return 0;
  return static_cast<std::uint32_t>(arena_.segment_bytes()) -
         arena_.segment({open}).used_bytes.load(std::memory_order_relaxed);
}

bool Log::open_segment(Stream stream, std::uint32_t leave, Appender* appender) {
  if (free_.size() <= leave) return false;
  if (appender != nullptr && appender->claimed_segments > 0) {
    --appender->claimed_segments;
    claimed_.fetch_sub(1, std::memory_order_relaxed);
  }
  seal(stream);
  const SegmentId id = free_.back();
  free_.pop_back();
  free_count_.store(static_cast<std::uint32_t>(free_.size()), std::memory_order_relaxed);
  SegmentEntry& segment = arena_.segment(id);
  const std::uint64_t sequence = arena_.head().sequence.load(std::memory_order_relaxed) + 1;
  arena_.head().sequence.store(sequence, std::memory_order_relaxed);
  new (arena_.at(arena_.start_of(id))) SegmentHeader{kSegmentMagic, id.value, sequence, {}};
  segment.sequence.store(sequence, std::memory_order_relaxed);
  segment.stream.store(stream, std::memory_order_relaxed);
  segment.opened.store(now(), std::memory_order_relaxed);
  for (auto& bytes : segment.expiring_bytes) bytes.store(0, std::memory_order_relaxed);
  arena_.live(id).store(0, std::memory_order_relaxed);
  segment.used_bytes.store(kSegmentHeaderBytes, std::memory_order_release);
  segment.state.store(SegmentState::kOpen, std::memory_order_release);
  open_[index_of(stream)] = id.value;
  announcer_.on_opened(id);
  return true;
}

void Log::seal(Stream stream) {
  std::uint32_t& open = open_[index_of(stream)];
  if (open == kNone) return;
  arena_.segment({open}).state.store(SegmentState::kSealed, std::memory_order_release);
  sealed_[index_of(stream)].push_back({open});
  sealed_count_[index_of(stream)].fetch_add(1, std::memory_order_relaxed);
  open = kNone;
}

void Log::seal_open(Stream stream) {
  const std::lock_guard guard(lock_);
  seal(stream);
}

bool Log::seal_sparse_open(Stream stream) {
  const std::lock_guard guard(lock_);
  const std::uint32_t open = open_[index_of(stream)];
  if (open == kNone) return false;
  const std::uint64_t used = arena_.segment({open}).used_bytes.load(std::memory_order_relaxed);
  const std::uint64_t living = live_bytes(arena_.live({open}).load(std::memory_order_relaxed)) + kSegmentHeaderBytes;
  const std::uint64_t dead = used > living ? used - living : 0;
  const bool full = used + arena_.segment_bytes() / 8 >= arena_.segment_bytes();
  if (dead < arena_.segment_bytes() / (full ? 20 : 2)) return false;
  seal(stream);
  return true;
}

std::atomic<std::uint32_t>& Log::expiring_bytes(LogAddress address, UnixSeconds expiry) const {
  SegmentEntry& segment = arena_.segment(arena_.segment_of(address));
  unsigned slot = kExpirySlots - 1;
  if (expiry != kNeverExpires) {
    const UnixSeconds opened = segment.opened.load(std::memory_order_relaxed);
    const std::uint32_t ttl = expiry > opened ? expiry.value - opened.value : 1;
    slot = std::min(slot, static_cast<unsigned>(std::bit_width(ttl)) - 1);
  }
  return segment.expiring_bytes[slot];
}

std::optional<SegmentId> Log::take_oldest(Stream stream) {
  const std::lock_guard guard(lock_);
  auto& queue = sealed_[index_of(stream)];
  for (auto it = queue.begin(); it != queue.end(); ++it) {
    // Acquire: see complete() and ~SegmentPin.
    if (open_appends_[it->value].load(std::memory_order_acquire) != 0) continue;
    if (pins_[it->value].load(std::memory_order_acquire) != 0) continue;
    const SegmentId id = *it;
    queue.erase(it);
    sealed_count_[index_of(stream)].fetch_sub(1, std::memory_order_relaxed);
    return id;
  }
  return std::nullopt;
}

bool Log::take(SegmentId id) {
  const std::lock_guard guard(lock_);
  if (arena_.segment(id).state.load(std::memory_order_relaxed) != SegmentState::kSealed) return false;
  if (open_appends_[id.value].load(std::memory_order_acquire) != 0) return false;
  if (pins_[id.value].load(std::memory_order_acquire) != 0) return false;
  const unsigned stream = index_of(arena_.segment(id).stream.load(std::memory_order_relaxed));
  auto& queue = sealed_[stream];
  const auto it = std::find(queue.begin(), queue.end(), id);
  if (it == queue.end()) return false;
  queue.erase(it);
  sealed_count_[stream].fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool Log::awaits_append() const {
  for (std::uint32_t i = 0; i < arena_.segment_count(); ++i) {
    if (open_appends_[i].load(std::memory_order_relaxed) != 0 &&
        arena_.segment({i}).state.load(std::memory_order_relaxed) == SegmentState::kSealed)
      return true;
  }
  return false;
}

void Log::retire(SegmentId id) {
  const std::lock_guard guard(lock_);
  arena_.segment(id).state.store(SegmentState::kRetired, std::memory_order_relaxed);
  retired_.push_back({id, grace_.retire()});
  // With a version of its own: a follower finds here what this store buried without a word, expired items, and what it
  // says of them from then on waits for a later version than it was told before.
  if (announcer_.active()) announcer_.on_retired(id, next_version());
  retired_count_.store(static_cast<std::uint32_t>(retired_.size()), std::memory_order_relaxed);
}

void Log::put_back(SegmentId id) {
  const std::lock_guard guard(lock_);
  const unsigned stream = index_of(arena_.segment(id).stream.load(std::memory_order_relaxed));
  sealed_[stream].push_front(id);
  sealed_count_[stream].fetch_add(1, std::memory_order_relaxed);
}

void Log::release(SegmentId id) {
  SegmentEntry& segment = arena_.segment(id);
  segment.used_bytes.store(0, std::memory_order_relaxed);
  segment.state.store(SegmentState::kFree, std::memory_order_relaxed);
  arena_.live(id).store(0, std::memory_order_relaxed);
  free_.push_back(id);
  withhold();
}

void Log::withhold() {
  const std::size_t wanted = arena_.segment_count() - usable_.load(std::memory_order_relaxed);
  while (withheld_.size() < wanted && free_.size() > kFreeWhileShrinking) {
    withheld_.push_back(free_.back());
    if (discards_) arena_.discard(free_.back());
    free_.pop_back();
  }
}

void Log::collect() {
  if (retired_count_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard guard(lock_);
  const auto reusable = [this](const Retired& retired) {
    // The grace period first: a reader pins within its turn, so once every turn that could see the segment is over, its
    // pins can only go down. The other way round a pin could come between the two questions.
    if (!announcer_.may_be_reused(retired.id, followers_past_)) return false;
    if (!grace_.passed(retired.ticket) || pins_[retired.id.value].load(std::memory_order_acquire) != 0) return false;
    release(retired.id);
    return true;
  };
  retired_.erase(std::remove_if(retired_.begin(), retired_.end(), reusable), retired_.end());
  retired_count_.store(static_cast<std::uint32_t>(retired_.size()), std::memory_order_relaxed);
  free_count_.store(static_cast<std::uint32_t>(free_.size()), std::memory_order_relaxed);
}

void Log::begin_announcing() {
  const std::lock_guard guard(lock_);
  announcer_.begin(appenders_);
  followers_past_ = 0;
  for (auto& end : landed_) end.store(0, std::memory_order_relaxed);
  announcing_.store(true, std::memory_order_relaxed);
}

void Log::begin_copy() {
  const std::lock_guard guard(lock_);
  forget_queues();
  free_count_.store(0, std::memory_order_relaxed);
  retired_count_.store(0, std::memory_order_relaxed);
  announcing_.store(true, std::memory_order_relaxed);
}

void Log::end_announcing() {
  const std::lock_guard guard(lock_);
  announcer_.end();
  announcing_.store(false, std::memory_order_relaxed);
}

LogHead Log::announce(std::size_t most, std::vector<Change>& out) {
  const std::lock_guard guard(lock_);
  const Version version = announcer_.collect(appenders_, most, out);
  const Superblock& head = arena_.head();
  return {
      version, {head.flush_version.load(std::memory_order_relaxed)}, {head.flush_at.load(std::memory_order_relaxed)}};
}

void Log::describe(std::vector<AnnouncedSegment>& out) const {
  const std::lock_guard guard(lock_);
  announcer_.describe(out);
}

void Log::set_followers_past(std::uint64_t retirement) {
  {
    const std::lock_guard guard(lock_);
    if (retirement <= followers_past_) return;
    followers_past_ = retirement;
  }
  collect();
}

LogExtent Log::told() const {
  const std::lock_guard guard(lock_);
  return announcer_.told();
}

void Log::set_landed(const LogExtent& extent) {
  const std::lock_guard guard(lock_);
  for (unsigned stream = 0; stream < kStreams; ++stream)
    landed_[stream].store(extent.ends[stream], std::memory_order_release);
}

bool Log::may_change_in_place(LogAddress address) const {
  if (!announcing()) return true;
  const SegmentId id = arena_.segment_of(address);
  const SegmentEntry& segment = arena_.segment(id);
  const std::uint64_t place = LogExtent::place_in_order(segment.sequence.load(std::memory_order_relaxed),
                                                        address.offset - arena_.start_of(id).offset);
  const auto stream = static_cast<unsigned>(segment.stream.load(std::memory_order_relaxed));
  return place < landed_[stream].load(std::memory_order_acquire);
}

void Log::note_evicted(SegmentId id, std::uint32_t up_to, Version stamp) {
  const std::lock_guard guard(lock_);
  announcer_.on_evicted(id, up_to, stamp);
}

void Log::set_usable(std::uint32_t segments) {
  const std::lock_guard guard(lock_);
  usable_.store(segments, std::memory_order_relaxed);
  const std::size_t wanted = arena_.segment_count() - segments;
  while (withheld_.size() > wanted) {
    free_.push_back(withheld_.back());
    withheld_.pop_back();
  }
  withhold();
  free_count_.store(static_cast<std::uint32_t>(free_.size()), std::memory_order_relaxed);
}

void Log::forget_queues() {
  free_.clear();
  withheld_.clear();
  retired_.clear();
  for (unsigned stream = 0; stream < kStreams; ++stream) {
    sealed_[stream].clear();
    sealed_count_[stream].store(0, std::memory_order_relaxed);
    open_[stream] = kNone;
  }
}

void Log::adopt(bool readers_may_be_left) {
  const std::lock_guard guard(lock_);
  forget_queues();
  std::vector<SegmentId> used;
  for (std::uint32_t i = arena_.segment_count(); i-- > 0;) {
    SegmentEntry& segment = arena_.segment({i});
    const SegmentState state = segment.state.load(std::memory_order_relaxed);
    const bool lives = state != SegmentState::kRetired && arena_.live({i}).load(std::memory_order_relaxed) != 0;
    if (!lives && readers_may_be_left && state != SegmentState::kFree) {
      segment.state.store(SegmentState::kRetired, std::memory_order_relaxed);
      retired_.push_back({{i}, grace_.retire()});
      if (state != SegmentState::kRetired) announcer_.on_retired({i}, next_version());  // as in retire()
    } else if (!lives && announcer_.active()) {
      segment.state.store(SegmentState::kRetired, std::memory_order_relaxed);
      retired_.push_back({{i}, grace_.retire()});  // free here; at the other followers perhaps not yet
    } else if (!lives) {
      segment.used_bytes.store(0, std::memory_order_relaxed);
      segment.state.store(SegmentState::kFree, std::memory_order_relaxed);
      free_.push_back({i});
    } else {
      used.push_back({i});
    }
  }
  std::sort(used.begin(), used.end(), [this](SegmentId a, SegmentId b) {
    return arena_.segment(a).sequence.load(std::memory_order_relaxed) <
           arena_.segment(b).sequence.load(std::memory_order_relaxed);
  });
  if (!used.empty()) {
    const std::uint64_t latest = arena_.segment(used.back()).sequence.load(std::memory_order_relaxed);
    if (arena_.head().sequence.load(std::memory_order_relaxed) < latest)
      arena_.head().sequence.store(latest, std::memory_order_relaxed);
  }
  for (const SegmentId id : used) {
    const Stream stream = arena_.segment(id).stream.load(std::memory_order_relaxed);
    seal(stream);  // in a damaged file more than one may be open
    const bool was_open = arena_.segment(id).state.load(std::memory_order_relaxed) == SegmentState::kOpen;
    open_[index_of(stream)] = id.value;
    if (!was_open) seal(stream);
  }
  withhold();
  free_count_.store(static_cast<std::uint32_t>(free_.size()), std::memory_order_relaxed);
  retired_count_.store(static_cast<std::uint32_t>(retired_.size()), std::memory_order_relaxed);
}

}  // namespace lmc::store

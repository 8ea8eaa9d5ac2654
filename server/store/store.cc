#include "server/store/store.h"

#include <stdexcept>

#include "server/store/digest.h"
#include "server/store/parts.h"
#include "server/store/recovery.h"

namespace lmc::store {

namespace {
// The ghost list never needs more entries than there can be items; of items smaller than this it forgets earlier.
constexpr std::uint64_t kBytesPerGhostEntry = 128;
constexpr std::uint64_t kMinMaxItemBytes = 1024;

Arena::Options arena_options(const StoreOptions& options) {
  if (options.max_item_bytes < kMinMaxItemBytes)
    throw std::runtime_error("item size limit of " + std::to_string(options.max_item_bytes) +
                             " bytes is too small; give at least 1k (-I 1k)");
  if (options.max_item_bytes > options.memory_bytes / 2)
    throw std::runtime_error("item size limit of " + std::to_string(options.max_item_bytes) +
                             " bytes is more than half of the memory limit of " + std::to_string(options.memory_bytes) +
                             "; raise -m or lower -I");
  return {options.memory_bytes, options.memory_file, options.lock_memory, options.large_pages, options.hash_seed};
}

ReclaimPolicy policy_of(const StoreOptions& options) {
  ReclaimPolicy policy;
  policy.evict = options.evict;
  return policy;
}
}  // namespace

Store::Parts::Parts(const StoreOptions& given)
    : options(given),
      arena(arena_options(given)),
      grace(given.max_sessions),
      index(arena),
      log(arena, grace, given.evict ? 0 : kNoteReserve, given.max_sessions + 1, !given.keeps_pages),
      ghost(given.memory_bytes / kBytesPerGhostEntry),
      reclaimer(arena, index, log, log.appender(given.max_sessions), ghost, policy_of(given), given.evictions),
      follower(arena, index, log, grace),
      tallies(given.max_sessions),
      slots_taken(given.max_sessions, false) {
  log.set_now(given.now);
  if (arena.found()) {
    const bool killed = arena.found_in_use();
    const Recovered result = recover(arena, index, log);
    opened = killed ? Opened::kRecovered : Opened::kRestarted;
    opening_report = std::string(killed ? "recovered" : "took over") + " " + std::to_string(result.kept_items) +
                     " items from the memory file, dropped " + std::to_string(result.dropped_items);
  } else {
    log.adopt();
    opening_report = arena.persistent() ? "starting empty: " + arena.why_not() : "starting empty";
  }
}

unsigned Store::Parts::take_slot() {
  const std::lock_guard guard(slots_lock);
  for (unsigned i = 0; i < slots_taken.size(); ++i) {
    if (slots_taken[i]) continue;
    slots_taken[i] = true;
    return i;
  }
  throw std::runtime_error("more than " + std::to_string(slots_taken.size()) +
                           " threads want a store session; raise max_sessions");
}

void Store::Parts::give_back_slot(unsigned slot) {
  grace.leave(slot);
  const std::lock_guard guard(slots_lock);
  slots_taken[slot] = false;
}

std::array<std::uint64_t, kTallyCells> Store::Parts::totals() const {
  std::array<std::uint64_t, kTallyCells> sums{};
  for (const Tally& tally : tallies)
    for (std::size_t i = 0; i < kTallyCells; ++i) sums[i] += tally.get(i);
  return sums;
}

Store::Store(const StoreOptions& options) : parts_(std::make_unique<Parts>(options)) {}

Store::~Store() {
  if (parts_->arena.persistent()) parts_->arena.close_cleanly();
}

Opened Store::opened() const {
  return parts_->opened;
}

const std::string& Store::opening_report() const {
  return parts_->opening_report;
}

StoreSummary Store::summary() const {
  const Arena& arena = parts_->arena;
  StoreSummary sum;
  sum.segment_bytes = arena.segment_bytes();
  sum.segments = parts_->log.usable_segments();
  sum.memory_limit_bytes = sum.segments * sum.segment_bytes;
  sum.free_segments = parts_->log.free_segments();
  sum.items = parts_->index.item_count();
  sum.index_buckets = parts_->index.bucket_count();
  sum.index_bytes = (sum.index_buckets + parts_->index.overflow_count()) * sizeof(Bucket);
  sum.max_item_bytes = parts_->options.max_item_bytes;
  sum.version = parts_->log.last_version();
  for (std::uint32_t i = 0; i < arena.segment_count(); ++i) {
    const SegmentEntry& segment = arena.segment({i});
    const SegmentState state = segment.state.load(std::memory_order_acquire);
    if (state != SegmentState::kOpen && state != SegmentState::kSealed) continue;
    StreamSummary& stream = segment.stream.load(std::memory_order_relaxed) == Stream::kFresh ? sum.fresh : sum.survivor;
    const std::uint64_t live = arena.live({i}).load(std::memory_order_relaxed);
    ++stream.segments;
    stream.items += live_items(live);
    stream.live_bytes += live_bytes(live);
    stream.used_bytes += segment.used_bytes.load(std::memory_order_relaxed);
    const UnixSeconds opened = segment.opened.load(std::memory_order_relaxed);
    if (stream.oldest.value == 0 || opened < stream.oldest) stream.oldest = opened;
  }
  sum.live_bytes = sum.fresh.live_bytes + sum.survivor.live_bytes;
  sum.fresh.last_evicted_idle_s = parts_->reclaimer.last_evicted_idle_s(Stream::kFresh);
  sum.survivor.last_evicted_idle_s = parts_->reclaimer.last_evicted_idle_s(Stream::kSurvivor);
  return sum;
}

StoreCounters Store::counters() const {
  std::array<std::uint64_t, kTallyCells> sums = parts_->totals();
  {
    const std::lock_guard guard(parts_->slots_lock);
    for (std::size_t i = 0; i < kTallyCells; ++i) sums[i] -= parts_->reset_base[i];
  }
  const auto at = [&sums](Count count) { return sums[cell_of(count)]; };
  const auto departures = [&sums](DepartureCounters& to, Stream stream) {
    const auto add = [&](std::uint64_t& counter, StreamCount count) { counter += sums[cell_of(count, stream)]; };
    add(to.evictions, StreamCount::kEvictions);
    add(to.evicted_nonzero, StreamCount::kEvictedNonzero);
    add(to.evicted_unfetched, StreamCount::kEvictedUnfetched);
    add(to.reclaimed, StreamCount::kReclaimed);
    add(to.expired_unfetched, StreamCount::kExpiredUnfetched);
  };
  StoreCounters counters;
  counters.total_items = at(Count::kTotalItems);
  departures(counters.fresh, Stream::kFresh);
  departures(counters.survivor, Stream::kSurvivor);
  departures(counters, Stream::kFresh);
  departures(counters, Stream::kSurvivor);
  counters.out_of_memory = at(Count::kOutOfMemory);
  counters.direct_reclaims = at(Count::kDirectReclaims);
  counters.relocated_items = at(Count::kRelocatedItems);
  counters.relocated_bytes = at(Count::kRelocatedBytes);
  counters.segments_compacted = at(Count::kSegmentsCompacted);
  counters.segments_evicted = at(Count::kSegmentsEvicted);
  counters.ghost_hits = at(Count::kGhostHits);
  counters.index_splits = at(Count::kIndexSplits);
  return counters;
}

void Store::reset_counters() {
  const auto sums = parts_->totals();
  const std::lock_guard guard(parts_->slots_lock);
  parts_->reset_base = sums;
}

Version Store::last_version() const {
  return parts_->log.last_version();
}

std::span<char> Store::log_memory() const {
  const Arena& arena = parts_->arena;
  return {arena.at({0}), arena.segment_count() * arena.segment_bytes()};
}

void Store::begin_announcing(std::function<void()> room_wanted) {
  parts_->room_wanted = std::move(room_wanted);
  const bool was_copy = following();
  if (was_copy) (void)parts_->follower.finish();  // what is refused stays dead bytes
  parts_->log.begin_announcing();
  if (was_copy) parts_->log.adopt(true);
  parts_->following.store(false, std::memory_order_relaxed);
}

void Store::end_announcing() {
  parts_->log.end_announcing();
}

void Store::interrupt_waits(bool interrupted) {
  parts_->waits_interrupted.store(interrupted, std::memory_order_relaxed);
}

LogHead Store::announce(std::size_t most, std::vector<Change>& out) {
  return parts_->log.announce(most, out);
}

void Store::describe(std::vector<AnnouncedSegment>& out) const {
  parts_->log.describe(out);
}

void Store::inventory(std::vector<AnnouncedSegment>& out) const {
  const Arena& arena = parts_->arena;
  for (std::uint32_t i = 0; i < arena.segment_count(); ++i) {
    const SegmentEntry& segment = arena.segment({i});
    const SegmentState state = segment.state.load(std::memory_order_acquire);
    if (state != SegmentState::kOpen && state != SegmentState::kSealed) continue;
    AnnouncedSegment has;
    has.segment = {i};
    has.stream = segment.stream.load(std::memory_order_relaxed);
    has.sealed = state == SegmentState::kSealed;
    has.used_bytes = segment.used_bytes.load(std::memory_order_relaxed);
    has.sequence = segment.sequence.load(std::memory_order_relaxed);
    has.opened = segment.opened.load(std::memory_order_relaxed);
    out.push_back(has);
  }
}

std::array<std::uint64_t, 2> Store::digest(SegmentId segment, std::uint32_t bytes) const {
  return digest_of(parts_->arena, segment, bytes);
}

void Store::set_followers_past(std::uint64_t retirement) {
  parts_->log.set_followers_past(retirement);
}

LogExtent Store::told() const {
  return parts_->log.told();
}

void Store::set_landed(const LogExtent& extent) {
  parts_->log.set_landed(extent);
}

Follower& Store::follow() {
  parts_->following.store(true, std::memory_order_relaxed);
  parts_->log.begin_copy();
  parts_->reclaimer.lock().lock();
  parts_->reclaimer.forget_victim();
  parts_->reclaimer.lock().unlock();
  parts_->index.empty();
  return parts_->follower;
}

void Store::stop_following() {
  parts_->log.end_copy();
  parts_->log.adopt(true);
  parts_->following.store(false, std::memory_order_relaxed);
}

bool Store::following() const {
  return parts_->following.load(std::memory_order_relaxed);
}

Store::LimitChange Store::set_memory_limit(std::uint64_t bytes) {
  const std::uint64_t segments = bytes / parts_->arena.segment_bytes();
  if (segments > parts_->arena.segment_count() && bytes > parts_->options.memory_bytes) return LimitChange::kTooLarge;
  const auto usable =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(segments, kMinSegments, parts_->arena.segment_count()));
  parts_->log.set_usable(usable);
  return LimitChange::kDone;
}

}  // namespace lmc::store

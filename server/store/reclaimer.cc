#include "server/store/reclaimer.h"

#include <algorithm>
#include <array>

#include "server/store/liveness.h"

namespace lmc::store {

namespace {
constexpr std::uint32_t kMinFreeTarget = 3;
constexpr std::uint32_t kMaxFreeTarget = 16;
constexpr std::uint32_t kSegmentsPerFreeTarget = 256;
// Under -M only compaction can make room; a segment fuller than this gives too little for the copying.
constexpr double kCompactBelowWithoutEviction = 0.95;
constexpr std::uint32_t kRefreshedPerChoice = 64;
constexpr std::uint32_t kMaxSegmentsPerSweep = 4096;
}  // namespace

void FreshShare::Chance::add(const Ghost::Returns& returns, double fading) {
  back += static_cast<double>(returns.back) - back * fading;
  judged += static_cast<double>(returns.back + returns.lost) - judged * fading;
}

void FreshShare::adapt(const Ghost::Returns& fresh, const Ghost::Returns& survivor, std::uint64_t all_segments) {
  const auto all = static_cast<double>(all_segments);
  const double fading = std::min(1.0, kFadingPerTurnover / all);
  fresh_.add(fresh, fading);
  survivor_.add(survivor, fading);
  // Of a stream that evicts nothing it is not known what more room, or less, would do.
  if (fresh_.judged < kLeastJudged || survivor_.judged < kLeastJudged) return;
  if (fresh_.returned() + survivor_.returned() < kLeastBack) return;
  const double towards_fresh = (fresh_.value() - survivor_.value()) / (fresh_.value() + survivor_.value());
  share_ = std::clamp(share_ + towards_fresh * kSegmentsPerEviction / all, least_, kMostShare);
}

Reclaimer::Reclaimer(Arena& arena, Index& index, Log& log, Appender& appender, Ghost& ghost,
                     const ReclaimPolicy& policy, EvictionObserver* observer)
    : arena_(arena),
      index_(index),
      log_(log),
      appender_(appender),
      ghost_(ghost),
      policy_(policy),
      observer_(observer),
      fresh_share_(policy.min_fresh_share),
      expired_share_(arena.segment_count(), 0) {}

std::uint32_t Reclaimer::shortage() const {
  const std::uint32_t target =
      std::clamp(log_.usable_segments() / kSegmentsPerFreeTarget, kMinFreeTarget, kMaxFreeTarget);
  const std::uint32_t there = log_.free_segments() + log_.retired_segments();
  return there >= target ? 0 : target - there;
}

void Reclaimer::sweep(Tally& tally) {
  swept_at_.store(arena_.head().sequence.load(std::memory_order_relaxed), std::memory_order_relaxed);
  const std::uint32_t count = std::min(arena_.segment_count(), kMaxSegmentsPerSweep);
  for (std::uint32_t n = 0; n < count; ++n) {
    sweep_from_ = (sweep_from_ + 1) % arena_.segment_count();
    const SegmentId id{sweep_from_};
    if (arena_.segment(id).state.load(std::memory_order_relaxed) != SegmentState::kSealed) continue;
    // Acquire, and take() after it: with no append under way and nothing counted nothing can become alive there.
    if (arena_.live(id).load(std::memory_order_acquire) != 0 || !log_.take(id)) continue;
    if (arena_.live(id).load(std::memory_order_acquire) != 0) {  // an append ended between the two questions
      log_.put_back(id);
      continue;
    }
    retire(id, Why::kCompact, tally);
  }
}

void Reclaimer::retire(SegmentId id, Why why, Tally& tally) {
  tally.add(why == Why::kCompact ? Count::kSegmentsCompacted : Count::kSegmentsEvicted);
  expired_share_[id.value] = 0;  // of what is written there next nothing is known to have expired
  log_.retire(id);
}

bool Reclaimer::step(std::uint64_t bytes, UnixSeconds now, Tally& tally) {
  std::uint64_t walked = 0;
  while (walked < bytes) {
    if (!victim_) victim_ = choose(now);
    if (!victim_) return false;
    const std::uint32_t before = victim_->offset;
    if (!walk_batch(now, tally)) return false;
    walked += victim_->offset - before;
    if (victim_->offset >= arena_.segment(victim_->id).used_bytes.load(std::memory_order_relaxed)) {
      retire(victim_->id, victim_->why, tally);
      victim_.reset();
      log_.collect();
      if (shortage() == 0) return true;
    }
  }
  return true;
}

std::optional<Reclaimer::Victim> Reclaimer::choose(UnixSeconds now) {
  refresh_expired_shares(now);
  const auto make = [this](SegmentId id, Why why) {
    return Victim{id, arena_.segment(id).stream.load(std::memory_order_relaxed), why, kSegmentHeaderBytes};
  };
  const std::optional<SegmentId> sparse = emptiest();
  if (sparse && log_.take(*sparse)) return make(*sparse, Why::kCompact);
  if (!policy_.evict) return std::nullopt;
  // With as many entries as items most miss ratios are a hundredth worse: who comes back as late as that seldom comes a
  // third time.
  ghost_.fit(index_.item_count() / 2);
  const double fresh_limit = fresh_share_.share() * static_cast<double>(log_.usable_segments());
  const bool fresh_first = static_cast<double>(log_.sealed_segments(Stream::kFresh)) > fresh_limit;
  for (const Stream stream :
       {fresh_first ? Stream::kFresh : Stream::kSurvivor, fresh_first ? Stream::kSurvivor : Stream::kFresh}) {
    const auto id = log_.take_oldest(stream);
    if (!id) continue;
    fresh_share_.adapt(ghost_.take_returns(Stream::kFresh), ghost_.take_returns(Stream::kSurvivor),
                       log_.usable_segments());
    return make(*id, Why::kEvict);
  }
  return std::nullopt;
}

std::optional<SegmentId> Reclaimer::emptiest() {
  // By dead bytes, not by living ones: room that was never used (a record did not fit a segment's end) is not won by
  // moving what lies before it.
  const double below = policy_.evict ? policy_.compact_below : kCompactBelowWithoutEviction;
  auto most = static_cast<std::uint32_t>((1 - below) * static_cast<double>(arena_.segment_bytes()));
  std::optional<SegmentId> found;
  for (std::uint32_t i = 0; i < arena_.segment_count(); ++i) {
    const SegmentEntry& segment = arena_.segment({i});
    if (segment.state.load(std::memory_order_relaxed) != SegmentState::kSealed) continue;
    const std::uint32_t living = estimated_live_bytes({i}) + kSegmentHeaderBytes;
    const std::uint32_t used = segment.used_bytes.load(std::memory_order_relaxed);
    const bool nothing_lives = arena_.live({i}).load(std::memory_order_relaxed) == 0;
    const std::uint32_t won =
        nothing_lives ? static_cast<std::uint32_t>(arena_.segment_bytes()) : used - std::min(used, living);
    if (won <= most || log_.busy({i})) continue;
    most = won;
    found = SegmentId{i};
  }
  return found;
}

std::uint32_t Reclaimer::estimated_live_bytes(SegmentId id) const {
  const std::uint32_t live = live_bytes(arena_.live(id).load(std::memory_order_relaxed));
  return live - static_cast<std::uint32_t>(std::uint64_t{live} * expired_share_[id.value] / 255);
}

void Reclaimer::refresh_expired_shares(UnixSeconds now) {
  for (std::uint32_t n = 0; n < kRefreshedPerChoice; ++n) {
    refresh_at_ = (refresh_at_ + 1) % arena_.segment_count();
    const SegmentEntry& segment = arena_.segment({refresh_at_});
    // A free one still has the books of what was in it.
    if (segment.state.load(std::memory_order_relaxed) != SegmentState::kSealed) {
      expired_share_[refresh_at_] = 0;
      continue;
    }
    const std::uint64_t opened = segment.opened.load(std::memory_order_relaxed).value;
    std::uint64_t expired = 0;
    std::uint64_t all = 1;
    for (unsigned slot = 0; slot < kExpirySlots; ++slot) {
      const std::uint32_t bytes = segment.expiring_bytes[slot].load(std::memory_order_relaxed);
      all += bytes;
      const bool over = slot + 1 < kExpirySlots && opened + (std::uint64_t{2} << slot) <= now.value;
      if (over) expired += bytes;
    }
    expired_share_[refresh_at_] = static_cast<std::uint8_t>(expired * 255 / all);
  }
}

// To followers the evictions of a batch are one mutation with a version of its own: drawn before the first, held until
// all are done and noted.
bool Reclaimer::walk_batch(UnixSeconds now, Tally& tally) {
  if (!log_.announcing()) return handle_batch(now, tally);
  batch_version_ = log_.hold_version(appender_);
  const bool done = handle_batch(now, tally);
  log_.note_evicted(victim_->id, victim_->offset, batch_version_);
  log_.release_version(appender_);
  batch_version_ = {};
  return done;
}

bool Reclaimer::handle_batch(UnixSeconds now, Tally& tally) {
  const std::uint32_t end = arena_.segment(victim_->id).used_bytes.load(std::memory_order_relaxed);
  std::array<Candidate, kBatch> batch;
  std::size_t count = 0;
  std::uint32_t offset = victim_->offset;
  std::array<std::uint32_t, kBatch> ends{};
  while (offset < end && count < kBatch) {
    const LogAddress address{arena_.start_of(victim_->id).offset + offset};
    const RecordHeader& record = arena_.record(address);
    offset += static_cast<std::uint32_t>(record.record_bytes());
    if (record.kind() != RecordKind::kItem && record.kind() != RecordKind::kChunk) continue;
    batch[count] = {address, &record, index_.hash(record.key())};
    index_.prefetch(batch[count].key);
    ends[count++] = offset;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool done = batch[i].record->kind() == RecordKind::kItem ? handle_item(batch[i], now, tally)
                                                                   : handle_chunk(batch[i], now, tally);
    if (!done) return false;  // the walk goes on behind the last record that was handled
    victim_->offset = ends[i];
  }
  victim_->offset = offset;
  return true;
}

bool Reclaimer::keeps(std::uint8_t frequency) const {
  if (victim_->why == Why::kCompact) return true;
  return frequency >= (victim_->stream == Stream::kFresh ? policy_.promote_frequency : std::uint8_t{1});
}

std::uint8_t Reclaimer::kept_frequency(std::uint8_t frequency) const {
  if (victim_->why == Why::kCompact) return frequency;
  return victim_->stream == Stream::kFresh ? std::uint8_t{0} : static_cast<std::uint8_t>(frequency - 1);
}

Stream Reclaimer::destination() const {
  // Compaction keeps a record in its queue: surviving a compaction is no merit.
  return victim_->why == Why::kCompact ? victim_->stream : Stream::kSurvivor;
}

bool Reclaimer::handle_item(const Candidate& candidate, UnixSeconds now, Tally& tally) {
  // Most records of a segment are dead when it is compacted; they need no lock.
  if (index_.find(candidate.key).slot.address() != candidate.address) return true;
  const Index::BucketLock lock(index_, candidate.key);
  const Index::Found found = index_.find_locked(candidate.key, lock.pair());
  if (!found || found.slot.address() != candidate.address) return true;
  if (life_of(*candidate.record, arena_.head(), now) != Life::kAlive) {
    bury(arena_, index_, log_, found, tally);
    return true;
  }
  if (!keeps(found.slot.frequency())) {
    drop(found, candidate.key, now, tally);
    return true;
  }
  const std::optional<LogAddress> moved = copy(*candidate.record, candidate.record->expiry(), tally);
  if (!moved) {
    if (!policy_.evict) return false;
    drop(found, candidate.key, now, tally);
    return true;
  }
  // A large item's merit is spent when its last chunk moves, once a round, not also here.
  const std::uint8_t frequency = found.slot.frequency();
  index_.replace(found, *moved, candidate.record->has(RecordFlag::kChunked) ? frequency : kept_frequency(frequency));
  log_.count_dead(candidate.address, candidate.record->shape());
  return true;
}

bool Reclaimer::handle_chunk(const Candidate& candidate, UnixSeconds now, Tally& tally) {
  const Index::BucketLock lock(index_, candidate.key);
  const Index::Found owner = index_.find_locked(candidate.key, lock.pair());
  if (!owner) return true;
  const LogAddress at = owner.slot.address();
  const RecordHeader& record = arena_.record(at);
  if (record.version() != candidate.record->version() || !record.has(RecordFlag::kChunked)) return true;
  const ChunkDirectory directory(record.payload());
  const std::uint32_t number = candidate.record->client_flags();
  if (number >= directory.chunks() || directory.chunk_address(number) != candidate.address.offset) return true;
  if (life_of(record, arena_.head(), now) != Life::kAlive) {
    bury(arena_, index_, log_, owner, tally);
    return true;
  }
  std::optional<LogAddress> chunk;
  std::optional<LogAddress> moved;
  if (keeps(owner.slot.frequency())) {
    chunk = copy(*candidate.record, record.expiry(), tally);
    if (chunk) moved = copy(record, record.expiry(), tally, MovedChunk{number, *chunk});
  }
  if (!moved) {
    if (chunk) log_.count_dead(*chunk, candidate.record->shape());
    if (!policy_.evict) return false;
    drop(owner, candidate.key, now, tally);
    return true;
  }
  const bool last = number + 1 == directory.chunks();
  index_.replace(owner, *moved, last ? kept_frequency(owner.slot.frequency()) : owner.slot.frequency());
  log_.count_dead(at, record.shape());
  log_.count_dead(candidate.address, candidate.record->shape());
  return true;
}

void Reclaimer::drop(const Index::Found& found, const HashedKey& key, UnixSeconds now, Tally& tally) {
  const LogAddress address = found.slot.address();
  const ItemView item(arena_, arena_.record(address), found.place);
  const Stream stream = item.stream();  // not always the victim's: that may be a chunk of the item
  tally.add(StreamCount::kEvictions, stream);
  if (item.expiry() != kNeverExpires) tally.add(StreamCount::kEvictedNonzero, stream);
  if (!item.fetched()) tally.add(StreamCount::kEvictedUnfetched, stream);
  const UnixSeconds last_access = item.last_access();
  last_evicted_idle_s_[static_cast<std::size_t>(stream)].store(last_access < now ? now.value - last_access.value : 0,
                                                               std::memory_order_relaxed);
  if (observer_ != nullptr) observer_->on_eviction(item, now);
  ghost_.insert(key, victim_->stream);
  log_.unsettled().note(key, batch_version_);
  index_.erase(found);
  account_dead(arena_, log_, address);
}

std::optional<LogAddress> Reclaimer::copy(const RecordHeader& record, UnixSeconds expiry, Tally& tally,
                                          const std::optional<MovedChunk>& renewed) {
  const RecordShape shape = record.shape();
  const auto reservation = log_.reserve(destination(), shape, {record.version()}, Purpose::kMove, &appender_);
  if (!reservation) return std::nullopt;
  reservation->record->copy_from(record);
  if (renewed) reservation->record->set_chunk_address(renewed->number, renewed->to);
  log_.count_live(reservation->address, shape);
  log_.note_expiry(reservation->address, static_cast<std::uint32_t>(shape.record_bytes()), expiry);
  log_.complete(*reservation);
  tally.add(Count::kRelocatedItems);
  tally.add(Count::kRelocatedBytes, shape.record_bytes());
  return reservation->address;
}

}  // namespace lmc::store

#include <algorithm>
#include <ctime>
#include <mutex>

#include "server/store/liveness.h"
#include "server/store/parts.h"

namespace lmc::store {

namespace {
// A mutation is tried this often before it is refused: each time room was made, others may have taken it.
constexpr unsigned kMaxAttempts = 64;
// For so many of them it reclaims nothing more while enough is retired: a thread that is not running in the middle of
// its turn must not cost living items. After that the retired segments may be pinned by a reply that nobody reads.
constexpr unsigned kPatientGraceWaits = 1000;
// How many steps of a segment's size make_room does for each segment there is: an item is kept at most three times for
// its accesses, so a fourth pass must find room if there is any.
constexpr std::uint32_t kMaxStepsPerSegment = 4;
// What a turn reclaims for each byte it appended, per segment that is missing; and at least.
constexpr std::uint64_t kReclaimedPerAppended = 2;
constexpr std::uint64_t kMinReclaimStep = 2048;
constexpr std::uint64_t kMaxReclaimStep = std::uint64_t{1} << 20;
constexpr unsigned kMaxSplitsPerMutation = 2;
// The two open segments: never free, whatever is reclaimed.
constexpr std::uint64_t kNeverFree = kStreams;

// Waits for other sessions to end their turns: yields first; then sleeps, for on a busy machine a thread in the middle
// of its turn may not run for many milliseconds, and yielding for so long would use up every try.
void wait_for_others(unsigned waits) {
  constexpr unsigned kYields = 64;
  constexpr timespec kNap{0, 50'000};
  if (waits < kYields) {
    ::sched_yield();
  } else {
    ::nanosleep(&kNap, nullptr);
  }
}
}  // namespace

Session::Session(Store& store) : state_(std::make_unique<State>(*store.parts_)) {}

Session::~Session() = default;

void Session::begin_turn(UnixSeconds now) {
  state_->now = now;
  Store::Parts& parts = state_->parts;
  parts.grace.enter(state_->slot);
  if (parts.log.now() != now) parts.log.set_now(now);
  std::atomic<std::uint32_t>& flush_at = parts.arena.head().flush_at;
  const auto due = [&flush_at, now] {
    const std::uint32_t at = flush_at.load(std::memory_order_relaxed);
    return at != 0 && at <= now.value;
  };
  if (!due() || parts.following.load(std::memory_order_relaxed)) return;
  const std::lock_guard guard(parts.flush_lock);
  if (!due()) return;  // another session was first
  state_->flush_everything();
  flush_at.store(0, std::memory_order_release);  // only now: a kill in between repeats the flush, none is lost
}

void Session::end_turn() {
  Store::Parts& parts = state_->parts;
  if (parts.following.load(std::memory_order_relaxed)) return parts.grace.leave(state_->slot);
  const std::uint32_t shortage = parts.reclaimer.shortage();
  if ((shortage > 0 || parts.reclaimer.sweep_due()) && parts.reclaimer.lock().try_lock()) {
    parts.grace.enter(state_->slot);  // nothing found earlier in the turn is used any more
    parts.reclaimer.sweep(state_->tally);
    const std::uint64_t share = state_->appended_bytes * kReclaimedPerAppended * shortage;
    // False means that nothing can be reclaimed; who needs room will find that out in make_room().
    if (shortage > 0)
      (void)parts.reclaimer.step(std::clamp(share, kMinReclaimStep, kMaxReclaimStep), state_->now, state_->tally);
    parts.reclaimer.lock().unlock();
  }
  state_->appended_bytes = 0;
  parts.grace.leave(state_->slot);
  parts.log.collect();
}

UnixSeconds Session::now() const {
  return state_->now;
}

HashedKey Session::hash(std::string_view key) const {
  return state_->parts.index.hash(key);
}

void Session::prefetch_bucket(const HashedKey& key) const {
  state_->parts.index.prefetch(key);
}

void Session::prefetch_record(const HashedKey& key) const {
  state_->parts.index.prefetch_records(key);
}

ItemView Session::find(const HashedKey& key) {
  Store::Parts& parts = state_->parts;
  const Index::Found found = parts.index.find(key);
  if (parts.log.announcing()) state_->depend_on(key, found);
  if (!found) {
    state_->last_miss = Miss::kAbsent;
    return {};
  }
  const RecordHeader& record = parts.arena.record(found.slot.address());
  const Life life = life_of(record, parts.arena.head(), state_->now);
  if (life == Life::kAlive) return ItemView(parts.arena, record, found.place);
  state_->last_miss = life == Life::kExpired ? Miss::kExpired : Miss::kFlushed;
  if (!parts.following.load(std::memory_order_relaxed)) bury_if_dead(key);
  return {};
}

void Session::State::depend_on(const HashedKey& key, const Index::Found& found) {
  const Version change = parts.log.unsettled().of(key);
  const Version flush{parts.arena.head().flush_version.load(std::memory_order_relaxed)};
  dependency = std::max({dependency, change, flush});
  if (found) dependency = std::max(dependency, parts.arena.record(found.slot.address()).version());
}

Version Session::dependency() const {
  return state_->dependency;
}

void Session::forget_dependency() {
  state_->dependency = {};
}

void Session::bury_if_dead(const HashedKey& key) {
  Store::Parts& parts = state_->parts;
  const Index::BucketLock lock(parts.index, key);
  const Index::Found found = parts.index.find_locked(key, lock.pair());
  if (!found) return;
  if (life_of(parts.arena.record(found.slot.address()), parts.arena.head(), state_->now) == Life::kAlive) return;
  bury(parts.arena, parts.index, parts.log, found, state_->tally);
}

Session::Miss Session::last_miss() const {
  return state_->last_miss;
}

void Session::record_access(const ItemView& item) {
  const Slot slot{item.slot_->load(std::memory_order_relaxed)};
  RecordHeader& record = const_cast<RecordHeader&>(*item.record_);
  if (slot.address() == state_->parts.arena.address_of(item.record_)) Index::raise_frequency({item.slot_, slot});
  const std::uint32_t word = record.access_word();
  Access access = Access::unpacked(word);
  if (access.fetched && access.time == state_->now) return;
  access.fetched = true;
  access.time = state_->now;
  // Losing this race means that somebody else has just recorded an access or a state.
  (void)record.replace_access(word, access.packed());
}

bool Session::may_pin() const {
  return !state_->parts.following.load(std::memory_order_relaxed);
}

SegmentPin Session::pin(std::string_view piece) {
  if (piece.empty()) return {};  // it may lie behind its segment's last byte, and nobody will read it
  Store::Parts& parts = state_->parts;
  return SegmentPin(parts.log.pins(parts.arena.segment_of(parts.arena.address_of(piece.data()))));
}

bool Session::fits(std::uint64_t key_bytes, std::uint64_t value_bytes) const {
  return kRecordHeaderBytes + key_bytes + value_bytes <= state_->parts.options.max_item_bytes;
}

MutateResult Session::mutate_with(const HashedKey& key, std::uint64_t value_bytes, const Change& change) {
  Store::Parts& parts = state_->parts;
  const std::uint64_t segment = parts.arena.segment_bytes();
  // A large value is not begun before its room is there: chunks written in vain are as much work as useful ones.
  std::uint64_t wanted =
      value_bytes > segment / kInlineShareOfSegment ? value_bytes + value_bytes / 8 + 2 * segment : 0;
  Purpose purpose = Purpose::kItem;
  bool done = false;
  for (unsigned attempt = 0; attempt < kMaxAttempts && !done; ++attempt) {
    const bool made_room = wanted != 0;
    if (made_room && !make_room(wanted, purpose)) break;
    {
      Mutation mutation(*this, key);
      change(mutation);
      wanted = mutation.wanted_bytes_;
      purpose = mutation.wanted_for_;
    }
    if (made_room) parts.log.drop_claim(state_->appender);
    done = wanted == 0;
  }
  // Whatever it did or did not find: nothing later was there to be seen.
  if (parts.log.announcing()) state_->dependency = parts.log.last_version();
  if (!done) {
    parts.log.drop_claim(state_->appender);
    state_->tally.add(Count::kOutOfMemory);
    return MutateResult::kNoMemory;
  }
  if (const unsigned splits = parts.index.grow(kMaxSplitsPerMutation); splits > 0)
    state_->tally.add(Count::kIndexSplits, splits);
  return MutateResult::kDone;
}

bool Session::make_room(std::uint64_t bytes, Purpose purpose) {
  Store::Parts& parts = state_->parts;
  const std::uint64_t wanted = 1 + bytes / parts.arena.segment_bytes();
  const std::uint64_t needed = parts.log.left_by(purpose) + wanted;
  if (needed + kNeverFree > parts.log.usable_segments()) return false;
  const std::uint32_t most_steps = kMaxStepsPerSegment * parts.log.usable_segments();
  std::uint32_t steps = 0;
  unsigned patience = kPatientGraceWaits;
  bool nothing_found = false;
  for (unsigned waits = 0; waits < parts.options.room_waits;) {
    parts.grace.enter(state_->slot);  // between two tries of a mutation this session holds nothing
    if (parts.log.announcing() && parts.room_wanted) parts.room_wanted();
    parts.log.collect();
    const Log::Claimed outcome = parts.log.take_claim(state_->appender, static_cast<std::uint32_t>(wanted), purpose);
    if (outcome == Log::Claimed::kTaken) return true;
    if (parts.waits_interrupted.load(std::memory_order_relaxed)) return false;
    const std::uint32_t claimed = parts.log.claimed_segments();
    const std::uint32_t coming = parts.log.free_segments() + parts.log.retired_segments();
    // What waits for followers comes, at the latest when who does not answer is given up: nothing more is to go for it.
    const bool followed = parts.log.announcing();
    const bool patient = coming >= needed + claimed && (patience > 0 || followed);
    if (patient && !followed) --patience;
    if (outcome == Log::Claimed::kBehind || patient || needed + claimed + kNeverFree > parts.log.usable_segments()) {
      ++waits;
      wait_for_others(waits);
      continue;
    }
    if (steps == 0) state_->tally.add(Count::kDirectReclaims);
    if (++steps > most_steps) return false;
    parts.reclaimer.lock().lock();
    const bool stepped = parts.reclaimer.step(parts.arena.segment_bytes(), state_->now, state_->tally);
    parts.reclaimer.lock().unlock();
    if (stepped) continue;
    // What is retired becomes free when the other sessions end their turns or the pinned replies are sent; what is
    // claimed and not used, when its holder is done; and where an append is under way may be much to win.
    if (parts.log.retired_segments() != 0 || claimed != 0 || parts.log.awaits_append()) {
      ++waits;
      --steps;
      wait_for_others(waits);
    } else if (!parts.log.seal_sparse_open(Stream::kFresh) && !parts.log.seal_sparse_open(Stream::kSurvivor)) {
      if (nothing_found) return false;
      nothing_found = true;  // once more: what was in the way a moment ago may be gone
    }
  }
  return false;
}

void Session::flush_all() {
  const std::lock_guard guard(state_->parts.flush_lock);
  state_->flush_everything();
  if (state_->parts.log.announcing()) state_->dependency = state_->parts.log.last_version();
  // Only now: killed in between, the flush to come is not lost with this one.
  state_->parts.arena.head().flush_at.store(0, std::memory_order_release);
}

void Session::State::note_flush(UnixSeconds at, const std::function<void(Version)>& change) {
  RecordShape shape;
  shape.kind = RecordKind::kFlush;
  shape.payload_bytes = sizeof at.value;
  auto reservation = parts.log.reserve(Stream::kFresh, shape, {}, Purpose::kNote, &appender);
  if (!reservation) reservation = parts.log.reserve(Stream::kSurvivor, shape, {}, Purpose::kMove, &appender);
  if (reservation) {
    std::memcpy(reservation->record->body(), &at.value, sizeof at.value);
    reservation->record->seal_checksum();
    change(reservation->record->version());
    parts.log.complete(*reservation);  // only now: who follows the log takes both or none
  } else {
    change(parts.log.hold_version(appender));
    parts.log.release_version(appender);
  }
}

void Session::State::flush_everything() {
  note_flush({}, [this](Version version) {
    parts.arena.head().flush_version.store(version.value, std::memory_order_relaxed);
  });
}

void Session::flush_all_at(UnixSeconds at) {
  Store::Parts& parts = state_->parts;
  const std::lock_guard guard(parts.flush_lock);
  state_->note_flush(at, [&](Version) { parts.arena.head().flush_at.store(at.value, std::memory_order_relaxed); });
  if (parts.log.announcing()) state_->dependency = parts.log.last_version();
}

Session::Scan::Scan(Session& session) : session_(session), index_(session.state_->parts.index) {}

void Session::Scan::step(unsigned buckets, const std::function<void(const ItemView&)>& visit) {
  Store::Parts& parts = session_.state_->parts;
  const std::uint64_t end = parts.index.bucket_count();
  for (unsigned n = 0; n < buckets && cursor_ < end; ++n, ++cursor_) {
    index_.visit_bucket(cursor_, [&](const Index::Found& found) {
      const RecordHeader& record = parts.arena.record(found.slot.address());
      if (life_of(record, parts.arena.head(), session_.state_->now) == Life::kAlive)
        visit(ItemView(parts.arena, record, found.place));
    });
  }
  done_ = cursor_ >= parts.index.bucket_count();
}

void Session::crawl(std::uint64_t& cursor, unsigned buckets) {
  Store::Parts& parts = state_->parts;
  const std::uint64_t end = parts.index.bucket_count();
  if (parts.following.load(std::memory_order_relaxed)) cursor = end;  // it buries nothing by itself
  for (unsigned n = 0; n < buckets && cursor < end; ++n, ++cursor) {
    parts.index.visit_bucket(cursor, [&](const Index::Found& found) {
      const RecordHeader& record = parts.arena.record(found.slot.address());
      if (life_of(record, parts.arena.head(), state_->now) != Life::kAlive) bury_if_dead(hash(record.key()));
    });
  }
  if (cursor >= parts.index.bucket_count()) cursor = kCrawlEnd;
}

}  // namespace lmc::store

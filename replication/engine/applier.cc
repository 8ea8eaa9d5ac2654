#include "replication/engine/applier.h"

#include <thread>

namespace lmc::replication {

namespace {
constexpr std::size_t kSequenceWord = 2;  // of an entry: FORMAT.md

Head head_of(const Entry& entry) {
  return {{entry.number}, entry.flush_version, entry.seconds};
}

bool ends_run(const Entry& entry) {
  return entry.kind == EntryKind::kHead || entry.kind == EntryKind::kEpoch;
}
}  // namespace

void Applier::expect(const Position& position) {
  position_ = position;
  next_.store(running_ ? position.sequence.value + 1 : 0, std::memory_order_release);
}

ReplicatedLog::Refusal Applier::begin(const Position& position, std::span<const SegmentState> segments,
                                      const Head& head) {
  const std::lock_guard guard(mutex_);
  forget_run();
  refusal_ = log_.begin(segments, head);
  sound_ = running_ = !refusal_;
  last_retired_ = {};
  version_.store(head.version.value, std::memory_order_release);
  commit_.store(0, std::memory_order_release);
  unwidened_.store(0, std::memory_order_release);
  expect(position);
  return refusal_;
}

// If it is one: the copy is none any more.
void Applier::refuse(ReplicatedLog::Refusal refusal) {
  if (!refusal) return;
  refusal_ = std::move(refusal);
  running_ = sound_ = false;
  expect(position_);
}

void Applier::resume() {
  const std::lock_guard guard(mutex_);
  forget_run();
  ring_.forget_after(position_.sequence);
  running_ = sound_;
  expect(position_);
}

void Applier::stop() {
  const std::lock_guard guard(mutex_);
  forget_run();
  refusal_.reset();
  running_ = false;
  expect(position_);
}

void Applier::abandon() {
  stop();
  const std::lock_guard guard(mutex_);
  sound_ = false;
}

bool Applier::has_news() const {
  const std::uint64_t next = next_.load(std::memory_order_acquire);
  if (next == 0) return false;
  std::uint64_t& word = ring_.place({next})[kSequenceWord];
  return std::atomic_ref(word).load(std::memory_order_acquire) == next;
}

void Applier::forget_run() {
  run_.clear();
  taken_ = 0;
}

bool Applier::apply_next(Much much) {
  if (!running_ || !read_run()) return false;
  refuse(apply_run(much));
  if (!running_) forget_run();
  return true;
}

void Applier::apply() {
  const std::lock_guard guard(mutex_);
  while (apply_next(Much::kAll)) {
  }
}

void Applier::apply_in_background() {
  const auto until = std::chrono::steady_clock::now() + gives_way_for_;
  while (std::chrono::steady_clock::now() < until) {
    {
      const std::lock_guard guard(mutex_);
      if (!apply_next(Much::kPart)) return;
    }
    std::this_thread::yield();
  }
  apply();
}

// Reads on behind what run_ has. True: its end is there. Note "torn tail".
bool Applier::read_run() {
  while (run_.empty() || !ends_run(run_.back())) {
    const Sequence next{position_.sequence.value + run_.size() + 1};
    Entry entry;
    switch (read_entry(ring_.place(next), position_.epoch, next, entry)) {
      case EntryState::kNotYet:
        return false;
      case EntryState::kInvalid:
        refuse("an entry of no kind that there is (" + std::to_string(next.value) + ")");
        return false;
      case EntryState::kEntry:
        break;
    }
    if (run_.size() == ring_.slots()) {
      refuse("a run of entries without an end");
      return false;
    }
    run_.push_back(entry);
  }
  return true;
}

ReplicatedLog::Refusal Applier::apply_run(Much much) {
  const Sequence before = position_.sequence;
  for (; taken_ != run_.size(); ++taken_) {
    const Entry& next = run_[taken_];
    if (much == Much::kPart && !is_prepared(next)) return log_.prepare();
    if (auto refusal = apply_entry({before.value + taken_ + 1}, next)) return refusal;
  }
  forget_run();
  return std::nullopt;
}

bool Applier::is_prepared(const Entry& entry) const {
  switch (entry.kind) {
    case EntryKind::kEpoch:
    case EntryKind::kWidened:
      return true;
    case EntryKind::kHead:
      return log_.is_prepared(head_of(entry));
    default:
      return log_.is_prepared(entry);
  }
}

ReplicatedLog::Refusal Applier::apply_entry(Sequence at, Entry entry) {
  switch (entry.kind) {
    case EntryKind::kEpoch:
      if (entry.number <= position_.epoch.value) return "an epoch that is not newer";
      unwidened_.store(entry.number, std::memory_order_release);
      expect({{entry.number}, at});
      return std::nullopt;
    case EntryKind::kWidened:
      unwidened_.store(0, std::memory_order_release);
      return std::nullopt;
    case EntryKind::kHead:
      if (auto refusal = log_.set_head(head_of(entry))) return refusal;
      version_.store(entry.number, std::memory_order_release);
      if (entry.commit.value > commit_.load(std::memory_order_relaxed))
        commit_.store(entry.commit.value, std::memory_order_release);
      expect({position_.epoch, at});
      return std::nullopt;
    case EntryKind::kRetired:
      entry.number = at.value;  // readers are counted by the ledger, which outlives a primary
      last_retired_ = at;
      return log_.apply(entry);
    default:
      return log_.apply(entry);
  }
}

ReplicatedLog::Refusal Applier::add_living(Sequence at, std::span<const LivingItem> items, bool last) {
  const std::lock_guard guard(mutex_);
  if (!running_) return "living items for a copy that is not kept";
  if (at != position_.sequence) return "living items of another position";
  refuse(log_.add_living(items, last));
  return refusal_;
}

Position Applier::position() const {
  const std::lock_guard guard(mutex_);
  return position_;
}

bool Applier::sound() const {
  const std::lock_guard guard(mutex_);
  return sound_;
}

std::optional<std::string> Applier::refusal() const {
  const std::lock_guard guard(mutex_);
  return refusal_;
}

Sequence Applier::readers_past() {
  const std::lock_guard guard(mutex_);
  if (!sound_) return {};
  const Sequence past{log_.readers_past()};
  return past >= last_retired_ ? position_.sequence : past;
}

Sequence Applier::last_retired() const {
  const std::lock_guard guard(mutex_);
  return last_retired_;
}

}  // namespace lmc::replication

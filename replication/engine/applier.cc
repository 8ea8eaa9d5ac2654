#include "replication/engine/applier.h"

#include <chrono>
#include <thread>

namespace lmc::replication {

namespace {
constexpr std::size_t kSequenceWord = 2;               // of an entry: FORMAT.md
constexpr std::chrono::milliseconds kGivesWayFor{10};  // a small part of a lease's beat, which waits for it

Head head_of(const Entry& entry) {
  return {{entry.number}, entry.flush_version, entry.seconds};
}
}  // namespace

void Applier::expect(const Position& position) {
  position_ = position;
  next_.store(running_ ? position.sequence.value + 1 : 0, std::memory_order_release);
}

ReplicatedLog::Refusal Applier::begin(const Position& position, std::span<const SegmentState> segments,
                                      const Head& head) {
  const std::lock_guard guard(mutex_);
  run_.clear();
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
  run_.clear();
  ring_.forget_after(position_.sequence);
  running_ = sound_;
  expect(position_);
}

void Applier::stop() {
  const std::lock_guard guard(mutex_);
  run_.clear();
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

bool Applier::apply_next() {
  if (!running_ || !read_run()) return false;
  refuse(apply_run());
  run_.clear();
  return true;
}

void Applier::apply() {
  const std::lock_guard guard(mutex_);
  while (apply_next()) {
  }
}

void Applier::apply_in_background() {
  const auto until = std::chrono::steady_clock::now() + kGivesWayFor;
  while (std::chrono::steady_clock::now() < until) {
    {
      const std::lock_guard guard(mutex_);
      if (!apply_next()) return;
    }
    std::this_thread::yield();
  }
  apply();
}

// Reads on behind what run_ has. True: its end is there. Note "torn tail".
bool Applier::read_run() {
  for (;;) {
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
    run_.push_back(entry);
    if (entry.kind == EntryKind::kHead || entry.kind == EntryKind::kEpoch) return true;
    if (run_.size() == ring_.slots()) {
      refuse("a run of entries without an end");
      return false;
    }
  }
}

ReplicatedLog::Refusal Applier::apply_run() {
  Sequence at = position_.sequence;
  for (Entry entry : run_) {
    ++at.value;
    if (entry.kind == EntryKind::kEpoch) {
      if (entry.number <= position_.epoch.value) return "an epoch that is not newer";
      unwidened_.store(entry.number, std::memory_order_release);
      expect({{entry.number}, at});
    } else if (entry.kind == EntryKind::kWidened) {
      unwidened_.store(0, std::memory_order_release);
    } else if (entry.kind == EntryKind::kHead) {
      if (auto refusal = log_.set_head(head_of(entry))) return refusal;
      version_.store(entry.number, std::memory_order_release);
      if (entry.commit.value > commit_.load(std::memory_order_relaxed))
        commit_.store(entry.commit.value, std::memory_order_release);
      expect({position_.epoch, at});
    } else {
      if (entry.kind == EntryKind::kRetired) {
        entry.number = at.value;  // readers are counted by the ledger, which outlives a primary
        last_retired_ = at;
      }
      if (auto refusal = log_.apply(entry)) return refusal;
    }
  }
  return std::nullopt;
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

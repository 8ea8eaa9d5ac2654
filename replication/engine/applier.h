// The applier: takes what has landed in a backup's ring and log into its index. Entries are applied in whole runs,
// each ended by a kHead or kEpoch: a run of which the end has not landed counts for nothing.
//
// Everything in the ring is the bytes of a peer, which may be writing them at this moment; see ledger.h.
//
// Threads: the replication thread and, before they answer, the workers, each under the applier's lock; the methods
// marked so without. Ownership: ring and log outlive it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "replication/engine/ledger_ring.h"
#include "replication/engine/replicated_log.h"

namespace lmc::replication {

class Applier {
 public:
  // A small part of a lease's beat, which waits for it.
  static constexpr std::chrono::milliseconds kGivesWayFor{10};

  // `gives_way_for`: see apply_in_background().
  Applier(LedgerRing& ring, ReplicatedLog& log, std::chrono::milliseconds gives_way_for = kGivesWayFor)
      : ring_(ring), log_(log), gives_way_for_(gives_way_for) {}

  // Begins a copy: the log as described, at this position. Says why not.
  [[nodiscard]] ReplicatedLog::Refusal begin(const Position& position, std::span<const SegmentState> segments,
                                             const Head& head);
  // Goes on where it stopped: with nothing in the ring that another primary may have left there.
  void resume();
  // Nothing is applied until begin() or resume().
  void stop();
  // As stop(); the copy is no longer one.
  void abandon();

  // Applies every whole run there is. After a refusal nothing more is applied until begin().
  void apply();
  // The same, for whom nobody waits: for `gives_way_for` other threads may have the CPU, and the lock, between two
  // parts of a run. Where there are more of those than CPUs, clients would wait for as long as a scheduler lets a
  // thread run. The replication thread only: so nothing but apply() can come between the parts.
  void apply_in_background();
  // In the original's index when it was at this one's position. Says why not.
  [[nodiscard]] ReplicatedLog::Refusal add_living(Sequence at, std::span<const LivingItem> items, bool last);

  [[nodiscard]] Position position() const;
  // The position may be gone on from: begun, and nothing refused since.
  [[nodiscard]] bool sound() const;
  // Why nothing is applied any more.
  [[nodiscard]] std::optional<std::string> refusal() const;
  // No reader is left in what was retired up to this entry.
  [[nodiscard]] Sequence readers_past();
  [[nodiscard]] Sequence last_retired() const;

  // --- any thread, without the lock ---
  // An entry lies where the next one is expected. A hint that a look is worth it; false only if nothing had landed.
  [[nodiscard]] bool has_news() const;
  // Up to which the log is applied; and up to which all in-sync nodes have it, as told by the entries applied.
  [[nodiscard]] Version version() const { return {version_.load(std::memory_order_acquire)}; }
  // Of the entries behind it, while its set is what it was when it began; else 0. To be read after version().
  [[nodiscard]] Epoch unwidened() const { return {unwidened_.load(std::memory_order_acquire)}; }
  [[nodiscard]] Version commit() const { return {commit_.load(std::memory_order_acquire)}; }

 private:
  // Under the lock: of the next run all that is left, or a part. False: there is no whole run.
  enum class Much { kAll, kPart };
  [[nodiscard]] bool apply_next(Much much);
  [[nodiscard]] bool read_run();
  [[nodiscard]] ReplicatedLog::Refusal apply_run(Much much);
  [[nodiscard]] bool is_prepared(const Entry& entry) const;
  [[nodiscard]] ReplicatedLog::Refusal apply_entry(Sequence at, Entry entry);
  void forget_run();
  void expect(const Position& position);
  void refuse(ReplicatedLog::Refusal refusal);

  LedgerRing& ring_;
  ReplicatedLog& log_;
  const std::chrono::milliseconds gives_way_for_;
  mutable std::mutex mutex_;
  Position position_;  // of the last run applied
  bool running_ = false;
  bool sound_ = false;
  std::optional<std::string> refusal_;
  std::vector<Entry> run_;  // entries behind position_, of a run whose end may be missing
  std::size_t taken_ = 0;   // of the run: what the log has already
  Sequence last_retired_;
  std::atomic<std::uint64_t> next_{0};  // the sequence behind position_, while running; else 0
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint64_t> unwidened_{0};
  std::atomic<std::uint64_t> commit_{0};
};

}  // namespace lmc::replication

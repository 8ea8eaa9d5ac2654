// The reclaimer: turns sealed segments into free ones, a few records at a time.
//
// A segment is reclaimed for one of two reasons. *Compaction*: it is mostly dead (overwritten, deleted, expired), so
// its living records are few and moved. *Eviction*: nothing is mostly dead, so the oldest segment goes: of the fresh
// stream when that has more than its share, else of the survivor stream. Of an evicted segment the records that were
// read since they came move to the survivor stream, with their frequency lowered; the others are dropped and remembered
// in the ghost list. This is S3-FIFO (Yang et al., SOSP'23) with segments for queue entries.
//
// A moved record keeps its version, so its CAS unique does not change.
//
// Threads: one at a time, guarded by lock(). Work is bounded by the bytes given to step().
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/store/arena.h"
#include "server/store/eviction_observer.h"
#include "server/store/ghost.h"
#include "server/store/index.h"
#include "server/store/log.h"
#include "server/store/tally.h"

namespace lmc::store {

struct ReclaimPolicy {
  bool evict = true;
  double min_fresh_share = 0.10;  // of the usable segments; above its share the fresh stream is evicted first
  double compact_below = 0.70;    // living share of a segment's bytes below which it is compacted instead of evicting
  std::uint8_t promote_frequency = 1;  // accesses a fresh record needs to be moved to the survivor stream
};

// Finds the fresh stream's share. S3-FIFO's tenth is right while the same keys stay popular; when the working set moves
// on, the survivor stream is full of what was popular before, and newcomers need room to prove themselves. The ghost
// list tells which it is: the share moves towards the stream whose evicted keys come back more often.
//
// It is the chance of one key, not how many came back: a scan evicts so many that some come back, yet none deserves
// room. And hits in the streams do not count: what is read again and again is in no danger, whatever room there is.
//
// Threads: the reclaimer's.
class FreshShare {
 public:
  explicit FreshShare(double least) : least_(least), share_(least) {}

  [[nodiscard]] double share() const { return share_; }
  // Once for each segment evicted, with what the ghost list counted since the last one.
  void adapt(const Ghost::Returns& fresh, const Ghost::Returns& survivor, std::uint64_t all_segments);

 private:
  static constexpr double kMostShare = 0.90;
  // Segments that the share moves by, at most, for one that is evicted. The streams can follow one for one; a share far
  // ahead of them swings from end to end.
  static constexpr double kSegmentsPerEviction = 2;
  static constexpr double kFadingPerTurnover = 8;  // counts have faded when this part of the memory has been evicted
  static constexpr double kLeastJudged = 100;      // keys of each stream; fewer say nothing
  static constexpr double kLeastBack = 10;         // keys of both

  // Of the keys evicted lately; older ones have faded.
  struct Chance {
    double back = 0;
    double judged = 0;
    void add(const Ghost::Returns& returns, double fading);
    // Without those that may be strangers: twice their mean, as it is a matter of chance.
    [[nodiscard]] double returned() const { return std::max(0.0, back - 2 * Ghost::kStrangers * judged); }
    [[nodiscard]] double value() const { return returned() / judged; }
  };

  double least_;
  double share_;
  Chance fresh_;
  Chance survivor_;
};

class Reclaimer {
 public:
  // `observer`: who is told of evictions, or nobody.
  // `appender`: its own.
  Reclaimer(Arena& arena, Index& index, Log& log, Appender& appender, Ghost& ghost, const ReclaimPolicy& policy,
            EvictionObserver* observer = nullptr);

  [[nodiscard]] SpinLock& lock() { return lock_; }

  [[nodiscard]] FreshShare& fresh_share() { return fresh_share_; }

  // Of the item of the stream that was evicted last: how long it had not been read by then. Any thread.
  [[nodiscard]] std::uint32_t last_evicted_idle_s(Stream stream) const {
    return last_evicted_idle_s_[static_cast<std::size_t>(stream)].load(std::memory_order_relaxed);
  }

  // The segment in hand is no longer this log's. Under lock().
  void forget_victim() { victim_.reset(); }

  // Segments that should be free and are not.
  [[nodiscard]] std::uint32_t shortage() const;

  // Whether a segment was opened since the last sweep. Any thread.
  [[nodiscard]] bool sweep_due() const {
    return swept_at_.load(std::memory_order_relaxed) != arena_.head().sequence.load(std::memory_order_relaxed);
  }
  // Retires sealed segments in which nothing lives, short of free ones or not: they need no walk, and memory that was
  // used lately is better to write to than memory that never was (it is in the caches, and resident already).
  void sweep(Tally& tally);

  // Walks about this many bytes of segments. False: there is nothing that could be reclaimed now.
  [[nodiscard]] bool step(std::uint64_t bytes, UnixSeconds now, Tally& tally);

 private:
  enum class Why : std::uint8_t { kCompact, kEvict };
  struct Victim {
    SegmentId id;
    Stream stream;
    Why why;
    std::uint32_t offset;
  };
  struct Candidate {
    LogAddress address;
    const RecordHeader* record;
    HashedKey key;
  };
  struct MovedChunk {
    std::uint32_t number;  // in its item's directory
    LogAddress to;
  };
  static constexpr std::size_t kBatch = 16;  // records whose index buckets are fetched together

  // Everything in it is dead or moved.
  void retire(SegmentId id, Why why, Tally& tally);
  [[nodiscard]] std::optional<Victim> choose(UnixSeconds now);
  [[nodiscard]] std::optional<SegmentId> emptiest();
  [[nodiscard]] std::uint32_t estimated_live_bytes(SegmentId id) const;
  void refresh_expired_shares(UnixSeconds now);
  // False: no room to move what must be kept.
  [[nodiscard]] bool walk_batch(UnixSeconds now, Tally& tally);
  [[nodiscard]] bool handle_batch(UnixSeconds now, Tally& tally);
  [[nodiscard]] bool handle_item(const Candidate& candidate, UnixSeconds now, Tally& tally);
  [[nodiscard]] bool handle_chunk(const Candidate& candidate, UnixSeconds now, Tally& tally);
  [[nodiscard]] bool keeps(std::uint8_t frequency) const;
  [[nodiscard]] std::uint8_t kept_frequency(std::uint8_t frequency) const;
  [[nodiscard]] Stream destination() const;
  void drop(const Index::Found& found, const HashedKey& key, UnixSeconds now, Tally& tally);
  // `expiry`: the item's; a chunk's own record has none.
  [[nodiscard]] std::optional<LogAddress> copy(const RecordHeader& record, UnixSeconds expiry, Tally& tally,
                                               const std::optional<MovedChunk>& renewed = {});

  Arena& arena_;
  Index& index_;
  Log& log_;
  Appender& appender_;
  Ghost& ghost_;
  ReclaimPolicy policy_;
  EvictionObserver* const observer_;
  FreshShare fresh_share_;
  SpinLock lock_;
  std::optional<Victim> victim_;
  Version batch_version_;  // while somebody follows: what the evictions of the batch in hand are known by
  std::vector<std::uint8_t> expired_share_;  // per segment, of its used bytes, in 255ths; estimated
  std::uint32_t refresh_at_ = 0;
  std::uint32_t sweep_from_ = 0;
  std::atomic<std::uint64_t> swept_at_{0};  // the log's segment sequence then; relaxed: late is as good
  // Written by the reclaimer; relaxed: each stands for itself.
  std::array<std::atomic<std::uint32_t>, kStreams> last_evicted_idle_s_{};
};

}  // namespace lmc::store

// The log: appends records to the two open segments and keeps the segments' life: free, open, sealed, retired, free
// again.
//
// An append is three steps: reserve (under the log lock: a place, a version, and the header words that make the segment
// walkable), fill by the caller, complete. A record is never visible before it is complete, because the index points at
// it only then; a segment is not reclaimed while an append in it is under way. Any worker appends; what is serialised
// is the reservation alone.
//
// Threads: everything here may be called from any thread unless it says "reclaimer". Limits: when no segment is free,
// reserve answers so at once and changes nothing; the last kSurvivorReserve segments are for the survivor stream, so
// that the reclaimer can always move what it keeps.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "server/store/announcer.h"
#include "server/store/arena.h"
#include "server/store/change.h"
#include "server/store/grace.h"
#include "server/store/spin_lock.h"
#include "server/store/unsettled.h"

namespace lmc::store {

inline constexpr std::uint32_t kSurvivorReserve = 1;
// Without eviction one more is kept for notes (deletes, touches, flushes), so that a full log can still be emptied: no
// item goes there, so it dies as a whole and comes back.
inline constexpr std::uint32_t kNoteReserve = 1;
// So many free segments are not withheld from a log that has more than it may: one that a mutation can open beside the
// reclaimer's, so that it waits for one segment, not for all that is too much; without eviction a note can open it, so
// that what is too much can be deleted.
inline constexpr std::uint32_t kFreeWhileShrinking = kSurvivorReserve + 1;

// What one session, or the reclaimer, has to do with the log at the moment: at most one append under way, and free
// segments promised to it, so that writers do not take from each other the room that each of them made.
//
// Who follows the log (announce()) must know what is not complete yet. So an append's place and stamp stand here from
// its reservation, under the log's lock, to its completion; cleared with release, read with acquire under the lock.
struct alignas(64) Appender {
  std::uint32_t claimed_segments = 0;     // under the log's lock
  bool holds_version = false;             // of the owner: a large item is complete only with its last record
  std::atomic<std::uint64_t> address{0};  // of the record that is being filled; 0: none
  // Versions below it are not held up by this append: the one it drew or will have drawn behind it, or a lower one that
  // somebody holds, for what that one appends next may lie behind this. 0: nothing is held up.
  std::atomic<std::uint64_t> stamp{0};
};

class Log {
 public:
  // `discards`: the memory of segments that are withheld goes back to the system.
  Log(Arena& arena, Grace& grace, std::uint32_t note_reserve = 0, unsigned appenders = 1, bool discards = true);
  [[nodiscard]] Appender& appender(unsigned i) { return appenders_[i]; }

  struct Reservation {
    RecordHeader* record = nullptr;
    LogAddress address;
    Appender* appender = nullptr;
  };
  // Who draws: a mutation draws the next version, a relocated record keeps its own.
  struct Draw {
    Version keep{0};  // 0: draw the next
  };
  // A segment that has to be opened comes from the appender's claim while that has some; what others claim is left to
  // them. Without an appender nobody may follow the log.
  [[nodiscard]] std::optional<Reservation> reserve(Stream stream, const RecordShape& shape, Draw draw,
                                                   Purpose purpose = Purpose::kItem, Appender* appender = nullptr);
  // Free segments that an append of this purpose leaves to others.
  [[nodiscard]] std::uint32_t left_by(Purpose purpose) const {
    return purpose == Purpose::kMove ? 0 : kSurvivorReserve + (purpose == Purpose::kItem ? note_reserve_ : 0);
  }
  // --- claims; each by its session -----------------------------------------------------------------------------------
  enum class Claimed : std::uint8_t {
    kTaken,
    kNotYet,  // there are not enough free segments; who claims is first in the queue and should make some
    kBehind,  // others have waited for longer
  };
  // Promises so many free segments beyond what this purpose leaves and others have claimed. Who is not given them waits
  // in a queue until it takes them with a later call or drops its claim.
  [[nodiscard]] Claimed take_claim(Appender& appender, std::uint32_t segments, Purpose purpose);
  void drop_claim(Appender& appender);
  [[nodiscard]] std::uint32_t claimed_segments() const { return claimed_.load(std::memory_order_relaxed); }

  // The record is filled and its checksum sealed.
  void complete(const Reservation& reservation) {
    if (Appender* const appender = reservation.appender; appender != nullptr) {
      appender->address.store(0, std::memory_order_release);
      if (!appender->holds_version) appender->stamp.store(0, std::memory_order_release);
    }
    // Release pairs with the reclaimer's acquire in take_oldest(): what it walks is complete.
    open_appends_[arena_.segment_of(reservation.address).value].fetch_sub(1, std::memory_order_release);
  }
  // The version the next mutation will draw is larger than this one.
  [[nodiscard]] Version last_version() const { return {arena_.head().version.load(std::memory_order_acquire)}; }
  [[nodiscard]] Version draw_version();
  // Draws a version for what takes several appends, or none. Until release_version() no follower passes it.
  [[nodiscard]] Version hold_version(Appender& appender);
  void release_version(Appender& appender) {
    end_hold(appender);
    appender.stamp.store(0, std::memory_order_release);
  }
  // The version is complete with the append that is under way.
  void end_hold(Appender& appender) {
    appender.holds_version = false;
    holders_.fetch_sub(1, std::memory_order_relaxed);
  }

  // Bytes left in a stream's open segment.
  [[nodiscard]] std::uint32_t open_room(Stream stream) const;

  // --- accounting of what is alive; any mutator -------------------------------------------------------------------
  // A chunk counts bytes but no item.
  void count_live(LogAddress address, const RecordShape& shape) {
    arena_.live(arena_.segment_of(address)).fetch_add(live_delta(shape), std::memory_order_relaxed);
  }
  void count_dead(LogAddress address, const RecordShape& shape) {
    arena_.live(arena_.segment_of(address)).fetch_sub(live_delta(shape), std::memory_order_relaxed);
  }
  void note_expiry(LogAddress address, std::uint32_t record_bytes, UnixSeconds expiry) {
    expiring_bytes(address, expiry).fetch_add(record_bytes, std::memory_order_relaxed);
  }
  // Of a living record that gets another expiry; `expiry` is the one that was noted.
  void forget_expiry(LogAddress address, std::uint32_t record_bytes, UnixSeconds expiry) {
    expiring_bytes(address, expiry).fetch_sub(record_bytes, std::memory_order_relaxed);
  }

  // --- pins ------------------------------------------------------------------------------------------------------
  [[nodiscard]] std::atomic<std::uint32_t>& pins(SegmentId id) { return pins_[id.value]; }

  // --- the reclaimer's side; one thread at a time ------------------------------------------------------------------
  // Takes a sealed, unpinned segment without appends under way out of its queue.
  [[nodiscard]] std::optional<SegmentId> take_oldest(Stream stream);
  [[nodiscard]] bool take(SegmentId id);
  // Pinned, or with an append under way: take() would refuse it now.
  [[nodiscard]] bool busy(SegmentId id) const {
    return open_appends_[id.value].load(std::memory_order_relaxed) != 0 ||
           pins_[id.value].load(std::memory_order_relaxed) != 0;
  }
  // Whether a sealed segment is not to be had only because an append in it is under way.
  [[nodiscard]] bool awaits_append() const;
  // Everything in it is dead or moved: free once no reader can be in it.
  void retire(SegmentId id);
  // Puts it back as the oldest of its stream.
  void put_back(SegmentId id);
  // Frees retired segments whose grace has passed and whose pins are gone.
  void collect();
  // Seals a stream's open segment early, so that its contents can be reclaimed.
  void seal_open(Stream stream);
  // The same, if reclaiming it is sure to give room: it is mostly dead, or full and partly dead. Whether it was.
  [[nodiscard]] bool seal_sparse_open(Stream stream);

  [[nodiscard]] std::uint32_t free_segments() const { return free_count_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t retired_segments() const { return retired_count_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t sealed_segments(Stream stream) const {
    return sealed_count_[static_cast<unsigned>(stream)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t usable_segments() const { return usable_.load(std::memory_order_relaxed); }
  // How many segments may hold data; more than that are withheld as they become free.
  void set_usable(std::uint32_t segments);

  // --- followers (change.h); one thread at a time ----------------------------------------------------------------
  // While somebody follows, a segment that was retired is free only when they are past it too.
  void begin_announcing();
  void end_announcing();
  [[nodiscard]] bool announcing() const { return announcing_.load(std::memory_order_relaxed); }
  // Appends what is new to `out`, about `most` changes at most.
  [[nodiscard]] LogHead announce(std::size_t most, std::vector<Change>& out);
  [[nodiscard]] Unsettled& unsettled() { return unsettled_; }
  // Until adopt(): what is free or retired is the original's to say, and nothing is reused or given back here. A copy
  // remembers too what its readers' answers depend on.
  void begin_copy();
  void end_copy() { announcing_.store(false, std::memory_order_relaxed); }
  // All segments as they were announced.
  void describe(std::vector<AnnouncedSegment>& out) const;
  // Followers have no reader left in what was retired up to this number (Change::sequence).
  void set_followers_past(std::uint64_t retirement);
  // What of the log has been told.
  [[nodiscard]] LogExtent told() const;
  // What has landed wherever it counts; nothing has from begin_announcing() on. It may go back: then a change in place
  // that was not prevented any more is complete with a version that is drawn already.
  void set_landed(const LogExtent& extent);
  // Whether a record may be changed in place: what is on its way is read when it is sent, and would bring the change to
  // some before anything tells of it. Asked with the change's note reserved, with the item's key locked. Note "words
  // ahead" (replication/NOTES.md).
  [[nodiscard]] bool may_change_in_place(LogAddress address) const;
  // The reclaimer: in [.., up_to) of the segment nothing is found any more, as of this version.
  void note_evicted(SegmentId id, std::uint32_t up_to, Version stamp);

  // After a restart: of the segments that hold something living each stream's open one stays open (so that, without
  // eviction, what the reclaimer began to move has its place); the others are sealed and queued by age; the rest is
  // free. `readers_may_be_left`: in what is retired (a follower's memory becomes a primary's); else nobody is.
  void adopt(bool readers_may_be_left = false);

  [[nodiscard]] UnixSeconds now() const { return {now_.load(std::memory_order_relaxed)}; }
  void set_now(UnixSeconds now) { now_.store(now.value, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Retired {
    SegmentId id;
    Grace::Ticket ticket;
  };

  // Where a segment counts what expires then.
  [[nodiscard]] std::atomic<std::uint32_t>& expiring_bytes(LogAddress address, UnixSeconds expiry) const;

  // All with lock_ held.
  [[nodiscard]] Version next_version();
  // The lowest version that is held, or `next`.
  [[nodiscard]] std::uint64_t lowest_held(std::uint64_t next) const;
  [[nodiscard]] bool open_segment(Stream stream, std::uint32_t leave, Appender* appender);
  void seal(Stream stream);
  void release(SegmentId id);
  void withhold();
  void forget_queues();

  Arena& arena_;
  Grace& grace_;
  const std::uint32_t note_reserve_;
  const bool discards_;
  mutable SpinLock lock_;
  std::uint32_t open_[kStreams] = {kNone, kNone};  // under lock_
  std::vector<SegmentId> free_;                    // under lock_, last used first
  std::vector<SegmentId> withheld_;                // under lock_
  std::deque<SegmentId> sealed_[kStreams];         // under lock_, oldest first
  std::vector<Retired> retired_;                   // under lock_
  std::uint64_t followers_past_ = 0;               // under lock_
  std::vector<Appender> appenders_;                // each its owner's; see Appender
  std::atomic<std::uint32_t> holders_{0};          // raised under lock_
  Unsettled unsettled_;
  Announcer announcer_;                               // under lock_
  std::atomic<std::uint64_t> landed_[kStreams] = {};  // LogExtent::ends; changed under lock_
  std::atomic<bool> announcing_{false};               // changed under lock_
  std::deque<const Appender*> claimants_;             // under lock_, who waits for longest first
  std::atomic<std::uint32_t> claimed_{0};             // changed under lock_; the sum of all claims
  std::atomic<std::uint32_t> free_count_{0};          // sizes of the above, for those who only want to know
  std::atomic<std::uint32_t> retired_count_{0};
  std::atomic<std::uint32_t> sealed_count_[kStreams] = {};
  std::atomic<std::uint32_t> usable_{0};
  std::atomic<std::uint32_t> now_{0};                           // stamps segments when they open
  std::unique_ptr<std::atomic<std::uint32_t>[]> open_appends_;  // per segment; raised under lock_
  std::unique_ptr<std::atomic<std::uint32_t>[]> pins_;          // per segment; see SegmentPin
};

}  // namespace lmc::store

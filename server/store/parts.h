// The objects a store is made of, put together, and what a session keeps. Private to server/store.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/store/arena.h"
#include "server/store/follower.h"
#include "server/store/ghost.h"
#include "server/store/grace.h"
#include "server/store/index.h"
#include "server/store/log.h"
#include "server/store/reclaimer.h"
#include "server/store/store.h"
#include "server/store/tally.h"

namespace lmc::store {

// A record larger than this part of a segment is stored in chunks, so that a segment's end wastes little and moving one
// record stays a small step.
inline constexpr std::uint64_t kInlineShareOfSegment = 8;
// A chunk takes what is left of the open segment if that is at least this part of a segment, so that the directory of
// the largest item allowed (half the memory) fits one segment.
inline constexpr std::uint64_t kMinChunkShareOfSegment = 4;

struct Store::Parts {
  explicit Parts(const StoreOptions& options);

  [[nodiscard]] unsigned take_slot();
  void give_back_slot(unsigned slot);
  [[nodiscard]] std::array<std::uint64_t, kTallyCells> totals() const;

  StoreOptions options;
  Arena arena;
  Grace grace;
  Index index;
  Log log;
  Ghost ghost;
  Reclaimer reclaimer;
  Follower follower;
  std::function<void()> room_wanted;   // set before the log announces
  std::atomic<bool> following{false};  // changed while no session is in a turn
  // Set by any thread, read by sessions that wait for room; relaxed: they look again and again.
  std::atomic<bool> waits_interrupted{false};
  SpinLock flush_lock;  // the order of flushes is the order of its holders
  Opened opened = Opened::kEmpty;
  std::string opening_report;
  // One tally per session slot; it outlives the session.
  std::vector<Tally> tallies;
  std::array<std::uint64_t, kTallyCells> reset_base{};  // under slots_lock
  mutable std::mutex slots_lock;
  std::vector<bool> slots_taken;  // under slots_lock
};

struct Session::State {
  explicit State(Store::Parts& parts_)
      : parts(parts_), slot(parts_.take_slot()), tally(parts_.tallies[slot]), appender(parts_.log.appender(slot)) {}
  ~State() { parts.give_back_slot(slot); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // An answer about the key, found so, is being given.
  void depend_on(const HashedKey& key, const Index::Found& found);
  // With parts.flush_lock held: everything stored up to now is dead.
  void flush_everything();
  // The same lock held: writes the record of a flush at that time (0: now), or draws a version at least, and does
  // `change(version)` before anybody who follows the log is told of it.
  void note_flush(UnixSeconds at, const std::function<void(Version)>& change);

  Store::Parts& parts;
  unsigned slot;
  Tally& tally;
  UnixSeconds now;
  Session::Miss last_miss = Session::Miss::kAbsent;
  Version dependency;  // Session::dependency()
  Appender& appender;
  std::uint64_t appended_bytes = 0;  // since the last share of reclaiming was done
};

}  // namespace lmc::store

// How much of a log has been told to those who keep copies of it. Values that are compared, not messages that are kept:
// what was announced of a segment against what it is, so telling a little, telling all and telling again are one path,
// and however long nobody asks, what is to be told stays as small as the segment table.
//
// The order in which things are told: first what was appended, then what is gone; and the latter only when every
// append that was reserved before is complete and told, so that a record is told at its new place before it is gone
// from the old one.
//
// Threads: everything under the log's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/store/arena.h"
#include "server/store/change.h"

namespace lmc::store {

struct Appender;

class Announcer {
 public:
  explicit Announcer(Arena& arena) : arena_(arena) {}

  [[nodiscard]] bool active() const { return active_; }
  // From now on: all that is complete counts as announced; what is free or gone, as retired with the number 1.
  void begin(std::span<const Appender> appenders);
  void end();

  // --- told by the log ---
  void on_opened(SegmentId id);
  void on_evicted(SegmentId id, std::uint32_t up_to, Version stamp);
  void on_retired(SegmentId id, Version stamp);

  // Appends what is new to `out`, about `most` changes at most (kMostPerSegment more). Returns the version up to which
  // everything has been told: with less room than there is news, that of an earlier call.
  [[nodiscard]] Version collect(std::span<const Appender> appenders, std::size_t most, std::vector<Change>& out);
  static constexpr std::size_t kMostPerSegment = 3;
  // Whether a retired segment is of no use to anybody who has no reader left in what was told retired up to this
  // number.
  [[nodiscard]] bool may_be_reused(SegmentId id, std::uint64_t retirement) const {
    const Told* told = active_ ? &told_[id.value] : nullptr;
    return told == nullptr || (told->gone && !told->to_retire && told->retirement <= retirement);
  }
  void describe(std::vector<AnnouncedSegment>& out) const;
  // What of the log has been told.
  [[nodiscard]] LogExtent told() const;

 private:
  struct Told {
    std::uint64_t sequence = 0;  // 0: not told of
    std::uint32_t used = 0;
    std::uint32_t evicted = 0;     // told
    std::uint32_t to_evict = 0;    // to be told, once `stamp` is complete
    std::uint64_t retirement = 0;  // which one it was, counted from 1 in the order of telling
    bool to_retire = false;        // to be told, as to_evict
    Version stamp;
    bool sealed = false;
    bool gone = false;    // its retirement was told
    bool listed = false;  // is in pending_
  };
  // What of the log is complete at this moment.
  struct Complete {
    Version version;
    std::vector<LogAddress> under_way;
    [[nodiscard]] std::uint32_t end_in(const Arena& arena, SegmentId id) const;
  };
  [[nodiscard]] Complete look(std::span<const Appender> appenders) const;
  void list(SegmentId id);
  void tell_appended(SegmentId id, const Complete& complete, std::vector<Change>& out);
  void tell_gone(SegmentId id, const Complete& complete, std::vector<Change>& out);
  [[nodiscard]] bool settled(SegmentId id) const;

  Arena& arena_;
  bool active_ = false;
  Version told_version_;
  std::uint64_t retirements_ = 0;
  std::vector<Told> told_;          // by segment
  std::vector<SegmentId> pending_;  // open, or with something to be told
};

}  // namespace lmc::store

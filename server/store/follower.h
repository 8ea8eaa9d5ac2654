// The follower: keeps a store the copy of another one by applying what that one's log announces (change.h). The bytes
// of the segments are already in this store's arena, put there by somebody else, when a change that speaks of them is
// applied; until they have been checked here nothing is concluded from them.
//
// A store that follows answers reads and changes nothing by itself: no eviction, no burial, no flush (Store::follow()).
// Everything it finds at a version is what the other found at that version, expired items apart, which each judges by
// its clock.
//
// Joining: begin() with the other's segments as announced, the living records one by one (add_living), between them
// changes, as they come; done when every living record was added (end_living).
//
// Threads: one at a time, whichever; readers go on meanwhile. Errors: a change that cannot be true of this store, or
// bytes that are not what the change says, is refused with a reason and changes nothing; the copy is then no longer to
// be trusted and must join anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/store/arena.h"
#include "server/store/change.h"
#include "server/store/index.h"
#include "server/store/log.h"

namespace lmc::store {

// An item in the other's index, with what is changed in place and may have changed since its bytes were copied.
struct LivingItem {
  LogAddress address;
  UnixSeconds expiry;
  bool stale = false;
  bool win_sent = false;
};

class Follower {
 public:
  // Parts of one store. The index must be empty at begin().
  Follower(Arena& arena, Index& index, Log& log, Grace& grace);

  // Why not, if the segments cannot be this store's.
  [[nodiscard]] std::optional<std::string> begin(std::span<const AnnouncedSegment> segments, const LogHead& head);
  [[nodiscard]] std::optional<std::string> apply(const Change& change);
  // Found in the other's index after everything that was applied here, and before everything that will be.
  void add_living(const LivingItem& item);
  // All of them were added.
  void end_living();
  // The changes given so far are all of the log up to this head. What they say is found from now on.
  [[nodiscard]] std::optional<std::string> set_head(const LogHead& head);

  // Of a change or a head, to be given next, that makes all found which was told: a part of that work, so that others
  // have their turn in between; and whether what is left is no more than such a part. In between is found what is newer
  // than the last head, as it may be while the next is set.
  [[nodiscard]] std::optional<std::string> prepare() { return settle(kRecordsAtOnce); }
  [[nodiscard]] bool is_prepared(const Change& change) const;
  [[nodiscard]] bool is_prepared(const LogHead& head) const;

  // Nothing more will come: what was told so far, though perhaps no head speaks of it yet, is all there is.
  [[nodiscard]] std::optional<std::string> finish();

  // No reader is left in what was retired up to this number.
  [[nodiscard]] std::uint64_t readers_past();

 private:
  struct Retired {
    SegmentId id;
    Grace::Ticket ticket;
    std::uint64_t number;
  };
  using Refusal = std::optional<std::string>;

  [[nodiscard]] Refusal open(const Change& change);
  [[nodiscard]] Refusal append(const Change& change);
  [[nodiscard]] Refusal evict(const Change& change);
  [[nodiscard]] Refusal retire(const Change& change);
  // Whether a complete record of this segment begins here; nothing is read beyond `end`.
  [[nodiscard]] bool sound(LogAddress address, std::uint64_t end) const;
  // The same at any record's place of the arena; and the segment is not free, nor to be: what lies there stays.
  [[nodiscard]] bool sound_and_stays(LogAddress address) const;
  [[nodiscard]] bool sound_chunks(const RecordHeader& record) const;
  // Puts what was appended into the index, `most` records of it, once all of it up to a head was told: what is told
  // last of one stream may be what the first of the other one needs.
  [[nodiscard]] Refusal settle(std::size_t most = std::numeric_limits<std::size_t>::max());
  [[nodiscard]] bool is_later(const LogHead& head) const { return head.version > log_.last_version(); }
  // Added, and not yet in the index. `words`: whether they are newer than those of its bytes.
  struct Added {
    LivingItem item;
    bool words;
  };
  [[nodiscard]] Refusal settle_living(const Added& added);
  // The key's item is this one, unless what is there is newer; `absent_too`: also if there is none. `words`: if it is
  // that then, or was already, it has these.
  [[nodiscard]] Refusal put(LogAddress address, const HashedKey& key, bool absent_too,
                            const LivingItem* words = nullptr);
  [[nodiscard]] bool told(LogAddress address) const;
  [[nodiscard]] Refusal apply_records(std::span<const LogAddress> records);
  [[nodiscard]] Refusal apply_record(LogAddress address, const HashedKey& key);
  void apply_delete(const RecordHeader& record, const HashedKey& key);
  void apply_touch(const RecordHeader& record, const HashedKey& key);
  void set_words(const LivingItem& words);  // under the key's lock
  void evict_item(LogAddress address, const RecordHeader& record);
  // Of two copies of one record, which the other moved: never from the survivor to the fresh stream, and within a
  // stream always behind what is there. (What is appended to the two streams is not told in the order of the appends.)
  [[nodiscard]] bool is_later_copy(LogAddress address, LogAddress than) const;

  Arena& arena_;
  Index& index_;
  Log& log_;
  Grace& grace_;
  std::vector<Retired> retired_;
  std::uint64_t readers_past_ = 0;
  std::vector<Change> appended_;  // to be put into the index
  std::size_t appended_records_ = 0;
  static constexpr std::size_t kRecordsAtOnce = 128;  // some tens of microseconds
  std::vector<Added> living_;                         // as appended_, before it
  // Of a segment with a later sequence everything was told since the copy had all: what it finds nothing of has gone by
  // a change that it was told. Nothing: it has not all yet.
  std::optional<std::uint64_t> complete_after_;
  // Keys deleted above the head's version, by hash: a copy of what was deleted may be told of only afterwards.
  std::unordered_map<std::uint64_t, Version> deleted_;
  Version last_delete_;
  Version latest_;  // of all records applied
};

}  // namespace lmc::store

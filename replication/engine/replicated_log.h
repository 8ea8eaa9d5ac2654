// What replication needs of the store: its log as bytes, and what happens to it as ledger entries. The server puts its
// Store behind it (server/replica), tests a store of theirs.
//
// A log is in one of three roles: alone (nobody is told anything), leading (its news are asked for), following (it
// changes only by what it is given). It starts alone.
//
// Threads: everything by one thread at a time; the replication thread, and for the following half whoever holds the
// Applier's lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replication/ledger.h"
#include "replication/types.h"

namespace lmc::replication {

// What a log says of itself beside its segments.
struct Head {
  Version version;
  Version flush_version;
  std::uint32_t flush_at = 0;  // unix seconds; 0: none
  bool operator==(const Head&) const = default;
  static void fields(auto& codec, auto& m) { codec(m.version.value, m.flush_version.value, m.flush_at); }
};

// A segment as far as it was told.
struct SegmentState {
  std::uint32_t segment = 0;
  std::uint8_t stream = 0;
  bool sealed = false;
  std::uint32_t used = 0;     // bytes from its begin
  std::uint32_t evicted = 0;  // nothing below it is found
  std::uint64_t sequence = 0;
  std::uint32_t opened = 0;  // unix seconds
  bool operator==(const SegmentState&) const = default;
  static void fields(auto& codec, auto& m) {
    codec(m.segment, m.stream, m.sealed, m.used, m.evicted, m.sequence, m.opened);
  }
};

// How far the bytes of a log have come: of each of its streams, up to which place, in the order of writing.
struct Extent {
  std::array<std::uint64_t, 2> ends{};
  static constexpr Extent everything() { return {{~std::uint64_t{0}, ~std::uint64_t{0}}}; }
  bool operator==(const Extent&) const = default;
};

// What two logs must have in common for one to follow the other.
struct Geometry {
  std::uint64_t log_bytes = 0;
  std::uint32_t segment_bytes = 0;
  std::uint32_t format = 0;  // of records and segments
  std::uint64_t max_item_bytes = 0;
  bool operator==(const Geometry&) const = default;
  static void fields(auto& codec, auto& m) { codec(m.log_bytes, m.segment_bytes, m.format, m.max_item_bytes); }
};

using Digest = std::array<std::uint64_t, 2>;

// An item of an index, by its record, with what is changed in place: that may be newer than the record's bytes as they
// were copied.
struct LivingItem {
  std::uint64_t address = 0;  // byte of the log
  std::uint32_t expiry = 0;   // unix seconds, 0: never
  bool stale = false;
  bool win_sent = false;
  bool operator==(const LivingItem&) const = default;
  static void fields(auto& codec, auto& m) { codec(m.address, m.expiry, m.stale, m.win_sent); }
};

// One walk over a log's index, in parts.
class LivingScan {
 public:
  virtual ~LivingScan() = default;
  // Appends about `about` living items. True: that was the last part. An item that is there from the first part to the
  // last is among them at least once.
  [[nodiscard]] virtual bool next(std::size_t about, std::vector<LivingItem>& out) = 0;
};

class ReplicatedLog {
 public:
  virtual ~ReplicatedLog() = default;
  ReplicatedLog() = default;
  ReplicatedLog(const ReplicatedLog&) = delete;
  ReplicatedLog& operator=(const ReplicatedLog&) = delete;

  [[nodiscard]] virtual Geometry geometry() const = 0;
  // The segments, one behind the other. Stays where it is.
  [[nodiscard]] virtual std::span<char> memory() const = 0;
  [[nodiscard]] virtual Version version() const = 0;

  // --- leading ---
  // From alone or following: what it has becomes its own. What was free, or gone, at this time counts as retired with
  // the number 1. `room_wanted`: called from any thread, again and again, while followers may hold up room that a
  // mutation waits for.
  virtual void lead(std::function<void()> room_wanted) = 0;
  // Appends entries of the kinds kOpened to kRetired to `out`, about `most`, and says how far they go: with less room
  // than there is news, less far.
  [[nodiscard]] virtual Head announce(std::size_t most, std::vector<Entry>& out) = 0;
  // The segments as announced so far.
  virtual void describe(std::vector<SegmentState>& out) const = 0;
  // The index, from its begin. To be destroyed before the log's role changes.
  [[nodiscard]] virtual std::unique_ptr<LivingScan> scan_living() = 0;
  // No follower has a reader left in what was retired up to this number.
  virtual void set_followers_past(std::uint64_t retirement) = 0;
  // How far the entries that were announced go.
  [[nodiscard]] virtual Extent told() const = 0;
  // What is further is changed in place no more, from lead() on everything. When this has gone back, changes in place
  // of what is further may yet come to an end, with versions up to version(). Note "words ahead".
  virtual void set_landed(const Extent& extent) = 0;

  // --- following ---
  // From any role: forgets what it holds, but for the bytes.
  virtual void follow() = 0;
  // Each: a refusal with its reason. Afterwards the log must be begun anew.
  using Refusal = std::optional<std::string>;
  [[nodiscard]] virtual Refusal begin(std::span<const SegmentState> segments, const Head& head) = 0;
  [[nodiscard]] virtual Refusal apply(const Entry& entry) = 0;
  // `last`: with these it has got all.
  [[nodiscard]] virtual Refusal add_living(std::span<const LivingItem> items, bool last) = 0;
  [[nodiscard]] virtual Refusal set_head(const Head& head) = 0;
  // apply() or set_head() with this, if it comes next, takes no more than a moment; else prepare() does a moment's part
  // of its work.
  [[nodiscard]] virtual bool is_prepared(const Entry& entry) const = 0;
  [[nodiscard]] virtual bool is_prepared(const Head& head) const = 0;
  [[nodiscard]] virtual Refusal prepare() = 0;
  // The number of the last kRetired of which, as of all before, no reader is left.
  [[nodiscard]] virtual std::uint64_t readers_past() = 0;

  // --- before following: what it has, so that it need not be sent ---
  virtual void inventory(std::vector<SegmentState>& out) const = 0;
  // Of the first `used` bytes of a segment, but for what each node keeps for itself.
  [[nodiscard]] virtual Digest digest(std::uint32_t segment, std::uint32_t used) const = 0;
};

}  // namespace lmc::replication

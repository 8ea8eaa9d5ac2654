// The ledger's entries: what a primary tells its backups of its log, in the only order that there is. FORMAT.md has
// every byte; this header is its constants and the way from an entry to bytes and back.
//
// Entries lie in a ring in the backup's memory and are written there one-sidedly, behind the log bytes that they
// announce. So a backup meets them as bytes that somebody else may still be writing: it copies an entry's 64 bytes once
// and judges the copy. An entry counts only with the right checksum, the epoch that the backup is in, and the sequence
// that it waits for; everything else is no entry yet (read_entry(): kNotYet), or one that cannot be (kInvalid).
//
// Threads: plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "replication/checked_bytes.h"
#include "replication/types.h"

namespace lmc::replication {

inline constexpr std::uint32_t kLedgerFormatVersion = 1;
inline constexpr std::size_t kEntryBytes = kCheckedBytes;

enum class EntryKind : std::uint8_t {
  kOpened = 1,    // a segment begins anew, with its header
  kAppended = 2,  // its bytes [from, to) are complete records
  kSealed = 3,    // nothing more is appended to it
  kEvicted = 4,   // of its bytes [from, to) nothing is found any more
  kRetired = 5,   // nor of the rest: it may be used again when no reader is left
  kHead = 6,      // all entries before are the whole log up to a version: what they say counts from here on
  kEpoch = 7,     // the entries that follow are of another epoch
  kWidened = 8,   // from here on one more node may be in the set than its epoch says
};

struct Entry {
  EntryKind kind = EntryKind::kHead;
  std::uint8_t stream = 0;    // kOpened
  std::uint32_t segment = 0;  // kOpened to kRetired
  std::uint32_t from = 0;     // kAppended, kEvicted: bytes from the segment's begin
  std::uint32_t to = 0;
  std::uint32_t seconds = 0;  // kOpened: when, unix time; kHead: of a flush to come, or 0
  // kOpened: the segment's sequence; kRetired: which retirement, from 1; kHead: the version; kEpoch: which
  std::uint64_t number = 0;
  Version flush_version;  // kHead: records of lower versions are dead
  Version commit;         // kHead: up to it every in-sync node has the log
  bool operator==(const Entry&) const = default;
};

using EntryBytes = CheckedBytes;

[[nodiscard]] EntryBytes encode(const Entry& entry, Epoch epoch, Sequence sequence);

enum class EntryState : std::uint8_t {
  kNotYet,   // not, or not wholly, written
  kEntry,    // `out` is it
  kInvalid,  // whole, of this epoch and sequence, and of no kind that there is
};
// Judges what lies at the place of the entry `sequence`; `place` is 8-byte aligned.
[[nodiscard]] EntryState read_entry(CheckedPlace place, Epoch epoch, Sequence sequence, Entry& out);

// What a place holds, of whatever epoch and sequence; nothing, if it is no whole entry.
struct StoredEntry {
  Entry entry;
  Epoch epoch;
  Sequence sequence;
};
[[nodiscard]] std::optional<StoredEntry> stored_entry(CheckedPlace place);

}  // namespace lmc::replication

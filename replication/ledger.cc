#include "replication/ledger.h"

#include <bit>
#include <cstddef>

#include "replication/deliberate_bugs.h"

namespace lmc::replication {

namespace {

// As it lies in memory.
struct Layout {
  std::uint32_t checksum;  // CRC32C of all that follows
  std::uint8_t kind;
  std::uint8_t stream;
  std::uint16_t zero;
  std::uint64_t epoch;
  std::uint64_t sequence;
  std::uint32_t segment;
  std::uint32_t from;
  std::uint32_t to;
  std::uint32_t seconds;
  std::uint64_t number;
  std::uint64_t flush_version;
  std::uint64_t commit;
};
static_assert(sizeof(Layout) == kEntryBytes);
static_assert(offsetof(Layout, epoch) == 8 && offsetof(Layout, segment) == 24 && offsetof(Layout, number) == 40);

bool is_of_a_kind(const Layout& layout) {
  return layout.kind >= static_cast<std::uint8_t>(EntryKind::kOpened) &&
         layout.kind <= static_cast<std::uint8_t>(EntryKind::kWidened) && layout.zero == 0;
}

Entry entry_of(const Layout& layout) {
  return {static_cast<EntryKind>(layout.kind),
          layout.stream,
          layout.segment,
          layout.from,
          layout.to,
          layout.seconds,
          layout.number,
          {layout.flush_version},
          {layout.commit}};
}

}  // namespace

EntryBytes encode(const Entry& entry, Epoch epoch, Sequence sequence) {
  const Layout layout{0,
                      static_cast<std::uint8_t>(entry.kind),
                      entry.stream,
                      0,
                      epoch.value,
                      sequence.value,
                      entry.segment,
                      entry.from,
                      entry.to,
                      entry.seconds,
                      entry.number,
                      entry.flush_version.value,
                      entry.commit.value};
  auto bytes = std::bit_cast<EntryBytes>(layout);
  seal(bytes);
  return bytes;
}

EntryState read_entry(CheckedPlace place, Epoch epoch, Sequence sequence, Entry& out) {
  const CheckedBytes bytes = copy_of(place);
  const auto layout = std::bit_cast<Layout>(bytes);
  if (layout.sequence != sequence.value || layout.epoch != epoch.value) return EntryState::kNotYet;
  if (!is_sealed(bytes) && !deliberately(Bug::kTornEntries)) return EntryState::kNotYet;
  if (!is_of_a_kind(layout)) return EntryState::kInvalid;
  out = entry_of(layout);
  return EntryState::kEntry;
}

std::optional<StoredEntry> stored_entry(CheckedPlace place) {
  const CheckedBytes bytes = copy_of(place);
  const auto layout = std::bit_cast<Layout>(bytes);
  if (!is_sealed(bytes) || !is_of_a_kind(layout)) return std::nullopt;
  return StoredEntry{entry_of(layout), {layout.epoch}, {layout.sequence}};
}

}  // namespace lmc::replication

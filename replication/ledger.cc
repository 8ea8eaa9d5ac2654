#include "replication/ledger.h"

#include <isa-l/crc.h>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstring>

namespace lmc::replication {

namespace {

static_assert(std::endian::native == std::endian::little, "entries are little endian, as they lie in memory");

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

std::uint32_t checksum_of(const Layout& layout) {
  unsigned char bytes[kEntryBytes];
  std::memcpy(bytes, &layout, sizeof bytes);
  return crc32_iscsi(bytes + sizeof layout.checksum, static_cast<int>(kEntryBytes - sizeof layout.checksum), ~0U) ^ ~0U;
}

}  // namespace

EntryBytes encode(const Entry& entry, Epoch epoch, Sequence sequence) {
  Layout layout{0,
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
  layout.checksum = checksum_of(layout);
  return std::bit_cast<EntryBytes>(layout);
}

namespace {

Layout copy_of(std::span<const std::uint64_t, kEntryBytes / 8> place) {
  EntryBytes copy;
  for (std::size_t i = copy.size(); i-- > 0;)
    copy[i] = std::atomic_ref(const_cast<std::uint64_t&>(place[i])).load(std::memory_order_acquire);
  return std::bit_cast<Layout>(copy);
}

bool is_of_a_kind(const Layout& layout) {
  return layout.kind >= static_cast<std::uint8_t>(EntryKind::kOpened) &&
         layout.kind <= static_cast<std::uint8_t>(EntryKind::kEpoch) && layout.zero == 0;
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

EntryState read_entry(std::span<const std::uint64_t, kEntryBytes / 8> place, Epoch epoch, Sequence sequence,
                      Entry& out) {
  const Layout layout = copy_of(place);
  if (layout.sequence != sequence.value || layout.epoch != epoch.value) return EntryState::kNotYet;
  if (layout.checksum != checksum_of(layout)) return EntryState::kNotYet;
  if (!is_of_a_kind(layout)) return EntryState::kInvalid;
  out = entry_of(layout);
  return EntryState::kEntry;
}

std::optional<StoredEntry> stored_entry(std::span<const std::uint64_t, kEntryBytes / 8> place) {
  const Layout layout = copy_of(place);
  if (layout.checksum != checksum_of(layout) || !is_of_a_kind(layout)) return std::nullopt;
  return StoredEntry{entry_of(layout), {layout.epoch}, {layout.sequence}};
}

}  // namespace lmc::replication

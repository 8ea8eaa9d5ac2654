#include "replication/engine/ledger_ring.h"

#include <algorithm>
#include <bit>
#include <new>

namespace lmc::replication {

namespace {
constexpr std::size_t kPageBytes = 4096;
}

LedgerRing::LedgerRing(std::size_t slots)
    : slots_(std::bit_ceil(std::max(slots, kPageBytes / kEntryBytes))),
      bytes_(slots_ * kEntryBytes),
      words_(static_cast<std::uint64_t*>(::operator new[](bytes_, std::align_val_t{kPageBytes}))) {
  std::fill_n(words_.get(), bytes_ / sizeof(std::uint64_t), 0);
}

void LedgerRing::Free::operator()(std::uint64_t* words) const {
  ::operator delete[](words, std::align_val_t{kPageBytes});
}

void LedgerRing::put(const Entry& entry, Epoch epoch, Sequence sequence) {
  publish(place(sequence), encode(entry, epoch, sequence));
}

void LedgerRing::forget_after(Sequence last) {
  for (std::size_t slot = 0; slot < slots_; ++slot) {
    const Place at = place({slot});
    const std::optional<StoredEntry> stored = stored_entry(at);
    if (!stored || stored->sequence > last) publish(at, {});
  }
}

void LedgerRing::clear() {
  forget_after({});
}

std::optional<StoredEntry> LedgerRing::find(Sequence sequence) const {
  std::optional<StoredEntry> stored = stored_entry(place(sequence));
  if (stored && stored->sequence != sequence) stored.reset();
  return stored;
}

}  // namespace lmc::replication

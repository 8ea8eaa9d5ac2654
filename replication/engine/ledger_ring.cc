#include "replication/engine/ledger_ring.h"

#include <algorithm>
#include <atomic>
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
  const EntryBytes bytes = encode(entry, epoch, sequence);
  const Place to = place(sequence);
  for (std::size_t i = 0; i < bytes.size(); ++i) std::atomic_ref(to[i]).store(bytes[i], std::memory_order_release);
}

void LedgerRing::forget_after(Sequence last) {
  for (std::size_t slot = 0; slot < slots_; ++slot) {
    const Place at = place({slot});
    const std::optional<StoredEntry> stored = stored_entry(at);
    if (!stored || stored->sequence > last)
      for (std::uint64_t& word : at) std::atomic_ref(word).store(0, std::memory_order_release);
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

// Which keys changed lately in a way that leaves no record behind to tell by: deleted, touched, evicted. Who must not
// show what followers may not have yet asks here, after a look at the key, for the version that its answer depends on.
//
// A table of versions by hash: a key's own last change or, now and then, a later one of a stranger, which makes an
// answer wait for nothing. Threads: any; a change is noted before it can be seen in the index.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "server/store/types.h"

namespace lmc::store {

class Unsettled {
 public:
  Unsettled() : versions_(std::make_unique<std::atomic<std::uint64_t>[]>(kCells)) {}

  void note(const HashedKey& key, Version version) {
    std::atomic<std::uint64_t>& cell = cell_of(key);
    std::uint64_t present = cell.load(std::memory_order_relaxed);
    // Release: who sees the change in the index, which is published after it, sees this.
    while (present < version.value && !cell.compare_exchange_weak(present, version.value, std::memory_order_release)) {
    }
  }
  // Any key may have changed last at this version, and none later: of a copy, whose bytes have what was deleted and
  // touched before it began, and do not say when. Nobody asks meanwhile.
  void begin(Version version) {
    for (std::size_t cell = 0; cell < kCells; ++cell) versions_[cell].store(version.value, std::memory_order_release);
  }
  [[nodiscard]] Version of(const HashedKey& key) const { return {cell_of(key).load(std::memory_order_acquire)}; }

 private:
  static constexpr std::size_t kCells = 1 << 14;
  [[nodiscard]] std::atomic<std::uint64_t>& cell_of(const HashedKey& key) const {
    return versions_[key.first % kCells];
  }
  std::unique_ptr<std::atomic<std::uint64_t>[]> versions_;
};

}  // namespace lmc::store

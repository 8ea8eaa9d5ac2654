// The ghost list: fingerprints of keys that were evicted from the fresh stream lately. A key that comes back while it
// is remembered goes straight to the survivor stream (S3-FIFO, Yang et al., SOSP'23).
//
// Memory is two bytes a remembered key: 64-byte lines of 31 fingerprints, each line a ring that its own newcomers
// overwrite, so that the whole behaves as one FIFO of as many entries as there are items. A false hit (one in two
// thousand) only gives a stranger a longer stay.
//
// Threads: take() by anybody; insert() and fit() by the reclaimer. A race loses or keeps a fingerprint, nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "server/store/types.h"

namespace lmc::store {

class Ghost {
 public:
  // Room for at most this many fingerprints; memory is touched as it is used.
  explicit Ghost(std::uint64_t max_entries);
  ~Ghost();
  Ghost(const Ghost&) = delete;
  Ghost& operator=(const Ghost&) = delete;

  // Follows the number of items in the store: when it has moved by a third, the list is emptied and resized.
  void fit(std::uint64_t items);
  void insert(const HashedKey& key);
  // Whether the key is remembered; if so, it is forgotten.
  [[nodiscard]] bool take(const HashedKey& key);
  void prefetch(const HashedKey& key) const;

 private:
  static constexpr unsigned kWords = 8;
  static constexpr unsigned kEntriesPerLine = 31;  // lane 0 of word 0 is the ring's cursor
  struct alignas(64) Line {
    std::atomic<std::uint64_t> words[kWords];
  };
  [[nodiscard]] static std::uint16_t fingerprint(const HashedKey& key) {
    const auto bits = static_cast<std::uint16_t>(key.first >> 48);
    return bits == 0 ? std::uint16_t{1} : bits;
  }
  [[nodiscard]] Line& line(const HashedKey& key, std::uint64_t lines) const {
    return lines_[(key.second >> 32) * lines >> 32];  // spread evenly without a division; lines < 2^32
  }

  Line* lines_ = nullptr;
  std::uint64_t max_lines_;
  std::atomic<std::uint64_t> used_lines_{0};  // written by fit(), read by all
  std::uint64_t fitted_items_ = 0;
};

}  // namespace lmc::store

// The ghost list: fingerprints of keys that were evicted lately, and from which stream. A key that comes back while it
// is remembered goes straight to the survivor stream (S3-FIFO, Yang et al., SOSP'23; there only what the fresh queue
// evicted is remembered, here what the survivor stream evicted too, as in ARC: Megiddo and Modha, FAST'03).
//
// It also counts, for each stream, which of its keys came back soon: see Returns.
//
// Memory is two bytes a remembered key: 64-byte lines of 31 fingerprints, each line a ring that its own newcomers
// overwrite, so that the whole behaves as one FIFO. A false hit (one in a thousand) only gives a stranger a longer
// stay.
//
// Threads: take() by anybody; the rest by the reclaimer. A race loses or keeps a fingerprint, nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "server/store/types.h"

namespace lmc::store {

class Ghost {
 public:
  // The share of judged keys (see Returns) that count as back only because a stranger has the same fingerprint: each
  // stranger looks at kSoon of them, in the mean.
  static constexpr unsigned kSoon = 4;
  static constexpr double kStrangers = kSoon / 32767.0;

  // Room for at most this many fingerprints; memory is touched as it is used.
  explicit Ghost(std::uint64_t max_entries);
  ~Ghost();
  Ghost(const Ghost&) = delete;
  Ghost& operator=(const Ghost&) = delete;

  // How many keys are worth remembering: when that has moved by a third, the list is emptied and resized.
  void fit(std::uint64_t entries);
  void insert(const HashedKey& key, Stream evicted_from);
  // Whether the key is remembered; if so, it is forgotten.
  [[nodiscard]] bool take(const HashedKey& key);
  void prefetch(const HashedKey& key) const;

  // Of a stream's evicted keys whose case is closed: those that came back soon, and those that did not. Soon: before
  // kSoon others took their places in the line, about an eighth of what the list remembers. The soonest are those that
  // a little more room would have kept, so back / (back + lost) tells what that room would be worth.
  struct Returns {
    std::uint64_t back = 0;
    std::uint64_t lost = 0;
  };
  // Counted since the last call.
  [[nodiscard]] Returns take_returns(Stream evicted_from);

 private:
  static constexpr unsigned kWords = 8;
  static constexpr unsigned kEntriesPerLine = 31;  // lane 0 of word 0 is the ring's cursor
  static_assert(kSoon < kEntriesPerLine);
  struct alignas(64) Line {
    std::atomic<std::uint64_t> words[kWords];
  };
  // Never 0; the lowest bit is clear, for the stream.
  [[nodiscard]] static std::uint16_t fingerprint(const HashedKey& key) {
    const auto bits = static_cast<std::uint16_t>(key.first >> 48 & 0xfffe);
    return bits == 0 ? std::uint16_t{2} : bits;
  }
  [[nodiscard]] Line& line(const HashedKey& key, std::uint64_t lines) const {
    // Spread evenly without a division; lines < 2^32. These bits are not the fingerprint's.
    return lines_[(key.first >> 16 & 0xffffffff) * lines >> 32];
  }

  Line* lines_ = nullptr;
  std::uint64_t max_lines_;
  std::atomic<std::uint64_t> used_lines_{0};  // written by fit(), read by all
  std::uint64_t fitted_entries_ = 0;
  std::atomic<std::uint64_t> back_[kStreams] = {};  // raised by all, taken by the reclaimer; relaxed: statistics
  std::uint64_t lost_[kStreams] = {};               // the reclaimer's
};

}  // namespace lmc::store

// Lets the copy of who joins get ahead of the writers, if it does not by itself: rounds of a copy that are slower than
// the writes would follow each other for ever. Then room in the log is used again only as the copy goes on, a byte for
// two that have landed, so that each round has about half of the one before, and the last one comes.
//
// Pure. Threads: the replication thread's.
#pragma once

#include <cstdint>
#include <limits>

namespace lmc::replication {

class JoinBackpressure {
 public:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  explicit JoinBackpressure(std::uint64_t segment_bytes) : segment_bytes_(segment_bytes) {}

  // A round begins that has so much to send; `landed`: what the copy has sent before it. Whether this turned it on.
  bool on_round(std::uint64_t bytes, std::uint64_t landed) {
    const bool gains = bytes <= before_ / 4 * 3;
    before_ = bytes;
    if (on_ || gains) return false;
    on_ = true;
    landed_before_ = landed;
    return true;
  }
  [[nodiscard]] bool on() const { return on_; }
  // How many retired segments may be used again now.
  [[nodiscard]] std::uint64_t may_reuse(std::uint64_t landed) const {
    return on_ ? (landed - landed_before_) / (2 * segment_bytes_) - reused_ : kNoLimit;
  }
  void on_reused(std::uint64_t segments) {
    if (on_) reused_ += segments;
  }

 private:
  std::uint64_t segment_bytes_;
  std::uint64_t before_ = kNoLimit;  // of the round before; the first is no worse than any
  bool on_ = false;
  std::uint64_t landed_before_ = 0;  // when it was turned on
  std::uint64_t reused_ = 0;         // since then
};

}  // namespace lmc::replication

// How fast a copy may be sent without slowing down the writes of clients: chunks of it follow each other at once as
// long as batches of new records land about as quickly as they do without a copy, and after pauses if they do not. Each
// chunk doubles the pause, or halves it. A usual batch's time is learnt while nothing is copied; should it rise for
// other reasons, the usual time follows slowly, so that a copy never starves.
//
// Pure: time is an argument. Threads: the replication thread's.
#pragma once

#include <algorithm>
#include <chrono>

#include "replication/engine/lease.h"

namespace lmc::replication {

class BulkPacer {
 public:
  static constexpr std::chrono::microseconds kShortest{500};  // pause, but for none
  static constexpr std::chrono::microseconds kLongest{8000};

  // A batch has landed so long after it was posted.
  void on_landed(Duration latency, bool copying) {
    const auto took = static_cast<double>(to_microseconds(latency).count());
    if (usual_ == 0) usual_ = took;
    usual_ += (took - usual_) / (copying ? kSlowly : kQuickly);
    recent_ = seen_ ? recent_ + (took - recent_) / kQuickly : took;
    seen_ = true;
  }
  // Before the next chunk.
  [[nodiscard]] std::chrono::microseconds next_pause() {
    const bool slowed = seen_ && recent_ > kTolerated * usual_ + kSlack;
    seen_ = false;
    if (slowed)
      pause_ = std::clamp(2 * pause_, kShortest, kLongest);
    else
      pause_ = pause_ > kShortest ? pause_ / 2 : std::chrono::microseconds{};
    return pause_;
  }
  [[nodiscard]] std::chrono::microseconds pause() const { return pause_; }

 private:
  static constexpr double kQuickly = 16;  // batches that an average is of
  static constexpr double kSlowly = 16384;
  static constexpr double kTolerated = 1.5;
  static constexpr double kSlack = 50;  // us

  double usual_ = 0;   // us
  double recent_ = 0;  // us, of what landed lately
  bool seen_ = false;  // anything since the last chunk
  std::chrono::microseconds pause_{};
};

}  // namespace lmc::replication

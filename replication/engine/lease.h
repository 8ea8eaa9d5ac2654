// The lease: how two ends of a link know, each by its own clock, that the other has heard of it lately. Each numbers
// its beats, and echoes the other's latest (report.h). Who gets its beat echoed knows that the other end had it at some
// time after it was sent; so what the other end has promised for `term` after hearing it holds until `term` after the
// sending. Both ends use it:
//   a primary serves only while held() of every in-sync backup; such a backup takes part in no other epoch until
//   given_until(), and
//   a backup serves reads only while held() of its primary; that one counts a commit without it only after
//   given_until().
// Clocks need not agree, only advance at about the same rate. A node that was stopped finds its lease gone when it
// reads the clock. Note "leases and clocks".
//
// Threads: the replication thread's. Pure: time is an argument.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace lmc::replication {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// As timers take it.
[[nodiscard]] inline std::chrono::microseconds to_microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration);
}

struct LeaseTimes {
  Duration term = std::chrono::milliseconds(1000);
  Duration beat = std::chrono::milliseconds(100);  // between two beats; several go into a term

  // How often either end looks after its leases.
  [[nodiscard]] std::chrono::microseconds tick() const { return to_microseconds(beat) / 2; }
  // How long a link may take to be made.
  [[nodiscard]] Duration linking() const { return 3 * term; }
};

class Lease {
 public:
  explicit Lease(Duration term) : term_(term) {}

  // The number to send. A new one when `period` has passed since the last and it came back.
  std::uint64_t beat(TimePoint now, Duration period) {
    if (echoed_ == beat_ && (beat_ == 0 || now - sent_ >= period)) {
      ++beat_;
      sent_ = now;
    }
    return beat_;
  }
  // An echo of what was never sent is none.
  void echo(std::uint64_t number) {
    if (number != beat_ || echoed_ == beat_) return;
    echoed_ = beat_;
    held_until_ = sent_ + term_;
  }
  void hear(std::uint64_t number, TimePoint now) {
    if (number <= heard_) return;
    heard_ = number;
    given_until_ = now + term_;
  }
  [[nodiscard]] std::uint64_t heard() const { return heard_; }
  [[nodiscard]] TimePoint held_until() const { return held_until_; }
  [[nodiscard]] TimePoint given_until() const { return given_until_; }

 private:
  Duration term_;
  std::uint64_t beat_ = 0;
  std::uint64_t echoed_ = 0;
  TimePoint sent_{};
  TimePoint held_until_{};
  std::uint64_t heard_ = 0;
  TimePoint given_until_{};
};

}  // namespace lmc::replication

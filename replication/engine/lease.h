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
#include <deque>

namespace lmc::replication {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// As timers take it.
[[nodiscard]] inline std::chrono::microseconds to_microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration);
}
// 0: no time has passed.
[[nodiscard]] inline std::uint64_t per_second(std::uint64_t amount, Duration during) {
  const auto us = to_microseconds(during).count();
  return us <= 0 ? 0 : amount * 1'000'000 / static_cast<std::uint64_t>(us);
}

// A primary says these to its backups, which take no others: all that is reckoned with them stays in bounds.
inline constexpr std::chrono::minutes kLongestTerm{10};
inline constexpr std::chrono::milliseconds kShortestBeat{1};

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

  // The number to send: a new one when `period` has passed since the last, echoed or not. Who is not echoed holds no
  // lease, but is heard of.
  std::uint64_t beat(TimePoint now, Duration period) {
    while (!sent_.empty() && sent_.front().at + term_ <= now) sent_.pop_front();
    if (beat_ == 0 || now - last_ >= period) {
      sent_.push_back({++beat_, now});
      last_ = now;
    }
    return beat_;
  }
  // An echo of what was never sent, or was sent so long ago that nothing follows from it, is none.
  void echo(std::uint64_t number) {
    if (sent_.empty() || number < sent_.front().number || number > sent_.back().number) return;
    while (sent_.front().number < number) sent_.pop_front();
    held_until_ = sent_.front().at + term_;
    sent_.pop_front();
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
  struct Sent {
    std::uint64_t number;
    TimePoint at;
  };

  Duration term_;
  std::uint64_t beat_ = 0;
  TimePoint last_{};
  std::deque<Sent> sent_;  // over the last term, consecutive, not echoed: as many beats as go into a term
  TimePoint held_until_{};
  std::uint64_t heard_ = 0;
  TimePoint given_until_{};
};

}  // namespace lmc::replication

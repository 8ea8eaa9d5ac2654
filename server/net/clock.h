// The server's clock: seconds since 1970 that never jump.
//
// The wall clock is read once, at the start; from then on the kernel's monotonic clock is added to it, so an operator
// who sets the time makes no item expire. Its seconds begin when the wall clock's do, so that a server that takes up
// its predecessor's items does not see an earlier second than that one saw. debugtime (a test hook) can shift it and
// stop it.
//
// Threads: every method from any thread. Cost of now(): one vdso call and one atomic load, no system call.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "server/store/types.h"

namespace lmc::net {

class Clock {
 public:
  Clock();

  [[nodiscard]] store::UnixSeconds now() const;
  [[nodiscard]] store::UnixSeconds started() const { return store::UnixSeconds{started_unix_}; }

  void shift(std::int64_t seconds);
  // Paused: now() stays what it is but for shift(). Resuming goes on from there.
  void pause(bool paused);

 private:
  // Seconds since the start, or rather since the second began in which that was.
  [[nodiscard]] std::int64_t elapsed_s() const;

  std::uint32_t started_unix_;
  std::int64_t started_monotonic_s_;   // the monotonic clock when the second started_unix_ began: so many seconds and
  std::int64_t started_monotonic_ns_;  // [0, 10^9)
  std::mutex changing_;
  // Written under changing_, read by every worker each turn. Relaxed: nothing else is published with them.
  std::atomic<std::int64_t> shift_s_{0};
  std::atomic<std::int64_t> stopped_at_s_{kRunning};  // elapsed seconds at which a paused clock stands

  static constexpr std::int64_t kRunning = -1;
};

}  // namespace lmc::net

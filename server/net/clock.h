// The server's clock: seconds since 1970 that never jump.
//
// The wall clock is read once, at the start; from then on the kernel's monotonic clock is added to it, so an operator
// who sets the time makes no item expire. debugtime (a test hook) can shift the clock and stop it.
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
  [[nodiscard]] static std::int64_t monotonic_seconds();

  std::uint32_t started_unix_;
  std::int64_t started_monotonic_s_;
  std::mutex changing_;
  // Written under changing_, read by every worker each turn. Relaxed: nothing else is published with them.
  std::atomic<std::int64_t> shift_s_{0};
  std::atomic<std::int64_t> stopped_at_s_{kRunning};  // elapsed seconds at which a paused clock stands

  static constexpr std::int64_t kRunning = -1;
};

}  // namespace lmc::net

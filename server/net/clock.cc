#include "server/net/clock.h"

#include <ctime>

namespace lmc::net {

Clock::Clock()
    : started_unix_(static_cast<std::uint32_t>(::time(nullptr))), started_monotonic_s_(monotonic_seconds()) {}

std::int64_t Clock::monotonic_seconds() {
  timespec t{};
  // Whole seconds are all that is asked for, and the coarse clock costs half of the precise one.
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return t.tv_sec;
}

store::UnixSeconds Clock::now() const {
  const std::int64_t stopped = stopped_at_s_.load(std::memory_order_relaxed);
  const std::int64_t elapsed = stopped == kRunning ? monotonic_seconds() - started_monotonic_s_ : stopped;
  return store::UnixSeconds{
      static_cast<std::uint32_t>(started_unix_ + elapsed + shift_s_.load(std::memory_order_relaxed))};
}

void Clock::shift(std::int64_t seconds) {
  const std::lock_guard lock(changing_);
  shift_s_.store(shift_s_.load(std::memory_order_relaxed) + seconds, std::memory_order_relaxed);
}

void Clock::pause(bool paused) {
  const std::lock_guard lock(changing_);
  const std::int64_t elapsed = monotonic_seconds() - started_monotonic_s_;
  const std::int64_t stopped = stopped_at_s_.load(std::memory_order_relaxed);
  if (paused && stopped == kRunning) stopped_at_s_.store(elapsed, std::memory_order_relaxed);
  if (!paused && stopped != kRunning) {
    shift_s_.store(shift_s_.load(std::memory_order_relaxed) - (elapsed - stopped), std::memory_order_relaxed);
    stopped_at_s_.store(kRunning, std::memory_order_relaxed);
  }
}

}  // namespace lmc::net

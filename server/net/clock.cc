#include "server/net/clock.h"

#include <ctime>

namespace lmc::net {

namespace {

constexpr std::int64_t kNsPerS = 1'000'000'000;

// Whole seconds are all that is asked for, and the coarse clocks cost half of the precise ones.
timespec read(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return t;
}

}  // namespace

Clock::Clock() {
  // Both as of one tick of the kernel's: between two reads there may be one, and any time.
  timespec monotonic{};
  timespec wall{};
  timespec after = read(CLOCK_MONOTONIC_COARSE);
  do {
    monotonic = after;
    wall = read(CLOCK_REALTIME_COARSE);
    after = read(CLOCK_MONOTONIC_COARSE);
  } while (after.tv_sec != monotonic.tv_sec || after.tv_nsec != monotonic.tv_nsec);
  started_unix_ = static_cast<std::uint32_t>(wall.tv_sec);
  const bool borrow = monotonic.tv_nsec < wall.tv_nsec;
  started_monotonic_s_ = monotonic.tv_sec - (borrow ? 1 : 0);
  started_monotonic_ns_ = monotonic.tv_nsec - wall.tv_nsec + (borrow ? kNsPerS : 0);
}

std::int64_t Clock::elapsed_s() const {
  const timespec monotonic = read(CLOCK_MONOTONIC_COARSE);
  return monotonic.tv_sec - started_monotonic_s_ - (monotonic.tv_nsec < started_monotonic_ns_ ? 1 : 0);
}

store::UnixSeconds Clock::now() const {
  const std::int64_t stopped = stopped_at_s_.load(std::memory_order_relaxed);
  const std::int64_t elapsed = stopped == kRunning ? elapsed_s() : stopped;
  return store::UnixSeconds{
      static_cast<std::uint32_t>(started_unix_ + elapsed + shift_s_.load(std::memory_order_relaxed))};
}

void Clock::shift(std::int64_t seconds) {
  const std::lock_guard lock(changing_);
  shift_s_.store(shift_s_.load(std::memory_order_relaxed) + seconds, std::memory_order_relaxed);
}

void Clock::pause(bool paused) {
  const std::lock_guard lock(changing_);
  const std::int64_t elapsed = elapsed_s();
  const std::int64_t stopped = stopped_at_s_.load(std::memory_order_relaxed);
  if (paused && stopped == kRunning) stopped_at_s_.store(elapsed, std::memory_order_relaxed);
  if (!paused && stopped != kRunning) {
    shift_s_.store(shift_s_.load(std::memory_order_relaxed) - (elapsed - stopped), std::memory_order_relaxed);
    stopped_at_s_.store(kRunning, std::memory_order_relaxed);
  }
}

}  // namespace lmc::net

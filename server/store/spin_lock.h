// A lock for sections of some tens of nanoseconds. After a short spin it yields, because on a machine with more
// runnable threads than cores the holder may not be running.
#pragma once

#include <sched.h>

#include <atomic>

namespace lmc::store {

inline constexpr unsigned kSpinsBeforeYield = 64;

// Waits a little longer each time it is called in one wait.
class Backoff {
 public:
  void pause() {
    if (++spins_ < kSpinsBeforeYield) {
      __builtin_ia32_pause();
    } else {
      ::sched_yield();
    }
  }

 private:
  unsigned spins_ = 0;
};

class SpinLock {
 public:
  void lock() {
    for (Backoff backoff; !try_lock();) backoff.pause();
  }
  // Acquire pairs with unlock()'s release: the section before is visible in the section after.
  [[nodiscard]] bool try_lock() {
    return !locked_.load(std::memory_order_relaxed) && !locked_.exchange(true, std::memory_order_acquire);
  }
  void unlock() { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace lmc::store

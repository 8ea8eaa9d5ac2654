// TurnLock: keeps a worker out of its turns while somebody changes what all workers rest on. One per worker.
//
// The worker's side costs an uncontended lock per turn. A worker whose turns follow each other closely cannot keep the
// other side waiting: having seen `pausing_` it starts no further turn.
//
// Threads: begin() and end() by the worker; pause() and resume() by one other thread at a time.
#pragma once

#include <atomic>
#include <mutex>

namespace lmc::net {

class TurnLock {
 public:
  void begin() {
    pausing_.wait(true, std::memory_order_relaxed);
    turn_.lock();
  }
  void end() { turn_.unlock(); }

  // Returns when the worker is not within a turn, and keeps it so until resume().
  void pause() {
    pausing_.store(true, std::memory_order_relaxed);
    turn_.lock();
  }
  void resume() {
    turn_.unlock();
    pausing_.store(false, std::memory_order_relaxed);
    pausing_.notify_all();
  }

 private:
  std::mutex turn_;  // held within a turn, and while paused
  // Written by who pauses, read by the worker. Relaxed: turn_ is what orders, this only makes the worker give way.
  std::atomic<bool> pausing_{false};
};

}  // namespace lmc::net

// The reactor: how fabrics and control connections learn that a descriptor is ready and that time has passed. One per
// replication thread; implemented over libevent by the server, and over poll(2) by tests.
//
// Threads: everything on the reactor's thread. Ownership: a Watch or Timer is its owner's; destroying it ends it, also
// from within its own call.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace lmc::replication {

struct Readiness {
  bool readable = false;
  bool writable = false;
};

class Watch {
 public:
  virtual ~Watch() = default;
  virtual void want(Readiness wanted) = 0;  // nothing wanted at first; level-triggered
};

class Timer {
 public:
  virtual ~Timer() = default;
  virtual void set(std::chrono::microseconds from_now) = 0;  // once; replaces what was set
  virtual void cancel() = 0;
};

class Reactor {
 public:
  virtual ~Reactor() = default;
  // Errors and hang-ups of the descriptor count as readable.
  [[nodiscard]] virtual std::unique_ptr<Watch> watch(int fd, std::function<void(Readiness)> ready) = 0;
  [[nodiscard]] virtual std::unique_ptr<Timer> timer(std::function<void()> due) = 0;
  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() const = 0;
};

}  // namespace lmc::replication

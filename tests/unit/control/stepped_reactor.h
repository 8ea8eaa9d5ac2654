// A reactor whose sockets are real (poll(2)) and whose time stands still until a test moves it: limits of time are
// tried without waiting for them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "poll_reactor.h"
#include "stepped_timers.h"

namespace lmc::test {

class SteppedReactor final : public replication::Reactor {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  std::unique_ptr<replication::Watch> watch(int fd, std::function<void(replication::Readiness)> ready) override {
    return sockets_.watch(fd, std::move(ready));
  }
  std::unique_ptr<replication::Timer> timer(std::function<void()> due) override {
    return timers_.timer(std::move(due));
  }
  [[nodiscard]] TimePoint now() const override { return timers_.now(); }

  void advance(std::chrono::milliseconds by) {
    timers_.move(by);
    timers_.call_due();
  }
  bool run_until(const std::function<bool()>& holds) {
    return sockets_.run_until([&] {
      timers_.call_due();
      return holds();
    });
  }

 private:
  PollReactor sockets_;
  SteppedTimers timers_;
};

}  // namespace lmc::test

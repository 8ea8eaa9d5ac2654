// A reactor whose sockets are real (poll(2)) and whose time stands still until a test moves it: limits of time are
// tried without waiting for them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "poll_reactor.h"

namespace lmc::test {

class SteppedReactor final : public replication::Reactor {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  std::unique_ptr<replication::Watch> watch(int fd, std::function<void(replication::Readiness)> ready) override {
    return sockets_.watch(fd, std::move(ready));
  }
  std::unique_ptr<replication::Timer> timer(std::function<void()> due) override {
    auto state = std::make_shared<Timed>(Timed{std::move(due), {}, false});
    timed_.push_back(state);
    return std::make_unique<SteppedTimer>(*this, state);
  }
  [[nodiscard]] TimePoint now() const override { return now_; }

  void advance(std::chrono::milliseconds by) {
    now_ += by;
    call_due();
  }
  bool run_until(const std::function<bool()>& holds) {
    return sockets_.run_until([&] {
      call_due();
      return holds();
    });
  }

 private:
  struct Timed {
    std::function<void()> due;
    TimePoint at;
    bool set;
  };
  class SteppedTimer final : public replication::Timer {
   public:
    SteppedTimer(const SteppedReactor& reactor, std::shared_ptr<Timed> state)
        : reactor_(reactor), state_(std::move(state)) {}
    ~SteppedTimer() override { state_->set = false; }
    void set(std::chrono::microseconds from_now) override {
      state_->at = reactor_.now() + from_now;
      state_->set = true;
    }
    void cancel() override { state_->set = false; }

   private:
    const SteppedReactor& reactor_;
    std::shared_ptr<Timed> state_;
  };

  void call_due() {
    const auto timed = timed_;
    for (const auto& each : timed) {
      if (!each->set || each->at > now_) continue;
      each->set = false;
      const auto due = each->due;
      due();
    }
  }

  PollReactor sockets_;
  TimePoint now_{};
  std::vector<std::shared_ptr<Timed>> timed_;
};

}  // namespace lmc::test

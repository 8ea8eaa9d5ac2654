// A Reactor over poll(2), for tests: run() turns until a condition holds.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "replication/fabric/reactor.h"

namespace lmc::test {

class PollReactor final : public replication::Reactor {
 public:
  using Clock = std::chrono::steady_clock;

  std::unique_ptr<replication::Watch> watch(int fd, std::function<void(replication::Readiness)> ready) override {
    auto state = std::make_shared<Watched>(Watched{fd, {}, std::move(ready), false});
    watched_.push_back(state);
    return std::make_unique<PollWatch>(state);
  }
  std::unique_ptr<replication::Timer> timer(std::function<void()> due) override {
    auto state = std::make_shared<Timed>(Timed{std::move(due), {}, false, false});
    timed_.push_back(state);
    return std::make_unique<PollTimer>(state);
  }
  [[nodiscard]] Clock::time_point now() const override { return Clock::now(); }

  // False: it did not come to hold within a time that is long for everything that is tested.
  bool run_until(const std::function<bool()>& holds, std::chrono::milliseconds most = std::chrono::seconds(20)) {
    const Clock::time_point end = Clock::now() + most;
    while (!holds()) {
      if (Clock::now() >= end) return false;
      turn(std::chrono::milliseconds(5));
    }
    return true;
  }
  void run_for(std::chrono::milliseconds time) {
    (void)run_until([] { return false; }, time);
  }

 private:
  struct Watched {
    int fd;
    replication::Readiness wanted;
    std::function<void(replication::Readiness)> ready;
    bool gone;
  };
  struct Timed {
    std::function<void()> due;
    Clock::time_point at;
    bool set;
    bool gone;
  };
  class PollWatch final : public replication::Watch {
   public:
    explicit PollWatch(std::shared_ptr<Watched> state) : state_(std::move(state)) {}
    ~PollWatch() override { state_->gone = true; }
    void want(replication::Readiness wanted) override { state_->wanted = wanted; }

   private:
    std::shared_ptr<Watched> state_;
  };
  class PollTimer final : public replication::Timer {
   public:
    explicit PollTimer(std::shared_ptr<Timed> state) : state_(std::move(state)) {}
    ~PollTimer() override { state_->gone = true; }
    void set(std::chrono::microseconds from_now) override {
      state_->at = Clock::now() + from_now;
      state_->set = true;
    }
    void cancel() override { state_->set = false; }

   private:
    std::shared_ptr<Timed> state_;
  };

  void turn(std::chrono::milliseconds most) {
    std::erase_if(watched_, [](const auto& each) { return each->gone; });
    std::erase_if(timed_, [](const auto& each) { return each->gone; });
    const auto timed = timed_;
    for (const auto& each : timed) {
      if (each->gone || !each->set || each->at > Clock::now()) continue;
      each->set = false;
      const auto due = each->due;
      due();
    }
    const auto watched = watched_;
    std::vector<pollfd> polled;
    for (const auto& each : watched) {
      const bool wants = !each->gone && (each->wanted.readable || each->wanted.writable);
      const auto events =
          static_cast<short>((each->wanted.readable ? POLLIN : 0) | (each->wanted.writable ? POLLOUT : 0));
      polled.push_back({wants ? each->fd : -1, events, 0});
    }
    const bool soon = std::any_of(timed_.begin(), timed_.end(), [](const auto& each) { return each->set; });
    if (::poll(polled.data(), polled.size(), soon ? 1 : static_cast<int>(most.count())) <= 0) return;
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (watched[i]->gone || polled[i].revents == 0) continue;
      const auto ready = watched[i]->ready;
      ready({(polled[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0, (polled[i].revents & POLLOUT) != 0});
    }
  }

  std::vector<std::shared_ptr<Watched>> watched_;
  std::vector<std::shared_ptr<Timed>> timed_;
};

}  // namespace lmc::test

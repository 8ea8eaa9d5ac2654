// Timers, and a time that stands still until a test moves it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "replication/fabric/reactor.h"

namespace lmc::test {

class SteppedTimers {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit SteppedTimers(TimePoint start = {}) : now_(start) {}

  [[nodiscard]] TimePoint now() const { return now_; }
  std::unique_ptr<replication::Timer> timer(std::function<void()> due) {
    auto state = std::make_shared<State>(State{std::move(due), {}, false});
    states_.push_back(state);
    return std::make_unique<SteppedTimer>(*this, state);
  }
  void move(std::chrono::milliseconds by) { now_ += by; }
  void call_due() {
    std::erase_if(states_, [](const auto& state) { return state.use_count() == 1; });
    const auto states = states_;
    for (const auto& state : states) {
      if (!state->set || state->at > now_) continue;
      state->set = false;
      const auto due = state->due;
      due();
    }
  }

 private:
  struct State {
    std::function<void()> due;
    TimePoint at;
    bool set;
  };
  class SteppedTimer final : public replication::Timer {
   public:
    SteppedTimer(const SteppedTimers& timers, std::shared_ptr<State> state)
        : timers_(timers), state_(std::move(state)) {}
    ~SteppedTimer() override { state_->set = false; }
    void set(std::chrono::microseconds from_now) override {
      state_->at = timers_.now() + from_now;
      state_->set = true;
    }
    void cancel() override { state_->set = false; }

   private:
    const SteppedTimers& timers_;
    std::shared_ptr<State> state_;
  };

  TimePoint now_;
  std::vector<std::shared_ptr<State>> states_;
};

}  // namespace lmc::test

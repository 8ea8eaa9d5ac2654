// The simulated world: one clock, one queue of events, one source of chance. Everything that happens in a run happens
// in the order in which this queue says, so a seed is a run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "replication/fabric/reactor.h"

namespace lmc::sim {

using namespace std::chrono_literals;
using Micros = std::chrono::microseconds;
using TimePoint = std::chrono::steady_clock::time_point;

// What must never happen has happened.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class World {
 public:
  explicit World(std::uint64_t seed) : chance_(seed) {}
  ~World() { ended_ = true; }  // what destroying the events may make happen does not
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] TimePoint now() const { return now_; }
  void at(TimePoint when, std::function<void()> what) {
    if (ended_) return;
    std::uint32_t place = static_cast<std::uint32_t>(whats_.size());
    if (free_.empty()) {
      whats_.push_back(std::move(what));
    } else {
      place = free_.back();
      free_.pop_back();
      whats_[place] = std::move(what);
    }
    queue_.push({std::max(when, now_), ++events_made_, place});
  }
  void after(Micros delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  // Until nothing is left to happen before `end`.
  void run_until(TimePoint end) {
    std::uint64_t most = kMostEvents;
    while (!queue_.empty() && queue_.top().when <= end) {
      if (most-- == 0) throw Violation("too much happens: no end of it is in sight");
      const Event event = queue_.top();
      queue_.pop();
      now_ = event.when;
      const std::function<void()> what = std::move(whats_[event.place]);
      free_.push_back(event.place);
      what();
    }
    now_ = std::max(now_, end);
  }
  void run_for(Micros time) { run_until(now_ + time); }
  // What must not be has been found where nothing may be thrown: the run ends when the present event is over.
  void fail(const std::string& what) {
    at(now_, [what] { throw Violation(what); });
  }

  // In [0, below).
  std::uint64_t pick(std::uint64_t below) { return below == 0 ? 0 : chance_() % below; }
  bool chance(unsigned in_a_thousand) { return pick(1000) < in_a_thousand; }
  // Mostly near `usual`, now and then much longer.
  Micros delay(Micros usual) {
    const auto base = static_cast<std::uint64_t>(usual.count());
    std::uint64_t us = base / 2 + pick(base + 1);
    if (chance(10)) us += pick(20 * base + 1);
    return Micros(static_cast<std::int64_t>(us));
  }

 private:
  static constexpr std::uint64_t kMostEvents = 5'000'000;  // at once; a second has some 100,000
  struct Event {
    TimePoint when;
    std::uint64_t number;  // what is due at the same time happens in the order in which it was asked for
    std::uint32_t place;   // in whats_
    bool operator>(const Event& other) const { return std::tie(when, number) > std::tie(other.when, other.number); }
  };
  std::mt19937_64 chance_;
  bool ended_ = false;
  TimePoint now_ = TimePoint{} + 1h;
  std::uint64_t events_made_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::vector<std::function<void()>> whats_;
  std::vector<std::uint32_t> free_;  // places of whats_
};

// A process's thread: what is to run on it waits while it is stopped, and never runs once it has ended.
class Process {
 public:
  explicit Process(World& world) : world_(world) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { *alive_ = false; }

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] bool stopped() const { return stopped_until_ > world_.now(); }
  void stop_for(Micros time) {
    // A nanosecond more, so that nothing else is due at that very time: what waited keeps its order.
    stopped_until_ = std::max(stopped_until_, world_.now() + time + std::chrono::nanoseconds(1));
  }
  // Runs on this thread at that time or, if it is stopped then, when it goes on.
  void at(TimePoint when, std::function<void()> what) {
    world_.at(when, [this, alive = alive_, run = std::move(what)]() mutable {
      if (!*alive) return;
      if (stopped())
        at(stopped_until_, std::move(run));
      else
        run();
    });
  }
  void after(Micros delay, std::function<void()> what) { at(world_.now() + delay, std::move(what)); }

 private:
  World& world_;
  TimePoint stopped_until_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class SimTimer final : public replication::Timer {
 public:
  SimTimer(Process& process, std::function<void()> due)
      : process_(process), state_(std::make_shared<State>(State{std::move(due), 0})) {}
  ~SimTimer() override { ++state_->round; }
  void set(std::chrono::microseconds from_now) override {
    const std::uint64_t round = ++state_->round;
    process_.after(std::max(from_now, Micros(0)), [state = state_, round] {
      if (state->round == round) {
        ++state->round;
        // The timer may be destroyed within the call: the state lives on here.
        const auto due = state->due;
        due();
      }
    });
  }
  void cancel() override { ++state_->round; }

 private:
  struct State {
    std::function<void()> due;
    std::uint64_t round;
  };
  Process& process_;
  std::shared_ptr<State> state_;
};

class SimReactor final : public replication::Reactor {
 public:
  explicit SimReactor(Process& process) : process_(process) {}
  std::unique_ptr<replication::Watch> watch(int, std::function<void(replication::Readiness)>) override { std::abort(); }
  std::unique_ptr<replication::Timer> timer(std::function<void()> due) override {
    return std::make_unique<SimTimer>(process_, std::move(due));
  }
  TimePoint now() const override { return process_.world().now(); }

 private:
  Process& process_;
};

}  // namespace lmc::sim

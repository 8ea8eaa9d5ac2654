#include "server/group/event_reactor.h"

#include <algorithm>
#include <utility>

namespace lmc::group {

namespace {

using replication::Readiness;

// libevent's callback may be the last thing that its owner's function lets live: the function is kept by who calls it.
class EventWatch final : public replication::Watch {
 public:
  EventWatch(event_base* base, int fd, std::function<void(Readiness)> ready)
      : base_(base), fd_(fd), ready_(std::make_shared<std::function<void(Readiness)>>(std::move(ready))) {}
  void want(Readiness wanted) override {
    const auto what = static_cast<short>((wanted.readable ? EV_READ : 0) | (wanted.writable ? EV_WRITE : 0));
    if (what == what_) return;
    event_.stop();
    what_ = what;
    if (what == 0) return;
    event_.assign(base_, fd_, static_cast<short>(what | EV_PERSIST), &EventWatch::on_event, this);
    event_.start();
  }

 private:
  static void on_event(evutil_socket_t, short what, void* self) {
    const auto ready = static_cast<EventWatch*>(self)->ready_;
    (*ready)({(what & EV_READ) != 0, (what & EV_WRITE) != 0});
  }
  event_base* base_;
  int fd_;
  short what_ = 0;
  std::shared_ptr<std::function<void(Readiness)>> ready_;
  net::Event event_;
};

class EventTimer final : public replication::Timer {
 public:
  EventTimer(event_base* base, std::function<void()> due)
      : due_(std::make_shared<std::function<void()>>(std::move(due))) {
    event_.assign(base, -1, 0, &EventTimer::on_event, this);
  }
  void set(std::chrono::microseconds from_now) override {
    constexpr long kMicrosPerSecond = 1'000'000;
    const long us = std::max<long>(from_now.count(), 0);
    const timeval after{us / kMicrosPerSecond, us % kMicrosPerSecond};
    event_.stop();
    event_.start(&after);
  }
  void cancel() override { event_.stop(); }

 private:
  static void on_event(evutil_socket_t, short, void* self) {
    auto* const timer = static_cast<EventTimer*>(self);
    timer->event_.stop();
    const auto due = timer->due_;
    (*due)();
  }
  std::shared_ptr<std::function<void()>> due_;
  net::Event event_;
};

}  // namespace

EventReactor::EventReactor(std::function<void()> woken) : base_(net::make_event_base()), woken_(std::move(woken)) {
  doorbell_event_.assign(
      base_.get(), doorbell_.fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<EventReactor*>(self)->on_doorbell(); }, this);
  doorbell_event_.start();
}

void EventReactor::run() {
  while (!stopping_.load(std::memory_order_acquire))
    if (event_base_loop(base_.get(), EVLOOP_ONCE) != 0) break;
}

void EventReactor::stop() {
  stopping_.store(true, std::memory_order_release);
  doorbell_.ring();
}

void EventReactor::wake() {
  if (!rung_.exchange(true, std::memory_order_seq_cst)) doorbell_.ring();
}

// First quiet, then what there is to do: who rings from now on is heard again.
void EventReactor::on_doorbell() {
  doorbell_.quiet();
  rung_.store(false, std::memory_order_seq_cst);
  woken_();
}

std::unique_ptr<replication::Watch> EventReactor::watch(int fd, std::function<void(Readiness)> ready) {
  return std::make_unique<EventWatch>(base_.get(), fd, std::move(ready));
}

std::unique_ptr<replication::Timer> EventReactor::timer(std::function<void()> due) {
  return std::make_unique<EventTimer>(base_.get(), std::move(due));
}

}  // namespace lmc::group

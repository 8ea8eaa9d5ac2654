// RAII for libevent's two handles. libevent appears in no other header than this and those that hold its events.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include <memory>

namespace lmc::net {

struct EventBaseDeleter {
  void operator()(event_base* base) const { event_base_free(base); }
};
using EventBase = std::unique_ptr<event_base, EventBaseDeleter>;

// A base that one thread alone uses: no locks, and no cached time, so that a loop without timers reads no clock. Throws
// std::runtime_error.
[[nodiscard]] EventBase make_event_base();

// An event that lies in its owner. Not movable: libevent keeps its address.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { stop(); }

  void assign(event_base* base, evutil_socket_t fd, short what, event_callback_fn callback, void* argument) {
    event_assign(&event_, base, fd, what, callback, argument);
    assigned_ = true;
  }
  void start(const timeval* timeout = nullptr) {
    if (started_) return;
    started_ = event_add(&event_, timeout) == 0;
  }
  void stop() {
    if (started_) event_del(&event_);
    started_ = false;
  }
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool assigned() const { return assigned_; }

 private:
  event event_{};
  bool assigned_ = false;
  bool started_ = false;
};

}  // namespace lmc::net

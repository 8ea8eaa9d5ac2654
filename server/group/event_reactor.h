// The replication thread's Reactor, over libevent.
//
// Threads: one, which calls run(); stop() and wake() from any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "replication/fabric/reactor.h"
#include "server/net/event_loop.h"
#include "server/net/inbox.h"

namespace lmc::group {

class EventReactor final : public replication::Reactor {
 public:
  // `woken`: after wake(); several may share a call.
  explicit EventReactor(std::function<void()> woken);

  // Returns after stop().
  void run();
  void stop();
  // One system call, and only if the thread has not been woken already.
  void wake();

  [[nodiscard]] std::unique_ptr<replication::Watch> watch(int fd,
                                                          std::function<void(replication::Readiness)> ready) override;
  [[nodiscard]] std::unique_ptr<replication::Timer> timer(std::function<void()> due) override;
  [[nodiscard]] std::chrono::steady_clock::time_point now() const override { return std::chrono::steady_clock::now(); }

 private:
  void on_doorbell();

  net::EventBase base_;
  std::function<void()> woken_;
  net::Doorbell doorbell_;
  net::Event doorbell_event_;
  std::atomic<bool> rung_{false};
  std::atomic<bool> stopping_{false};
};

}  // namespace lmc::group

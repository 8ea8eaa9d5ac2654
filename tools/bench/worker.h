// One thread of the generator: an epoll loop over its share of the connections.
//
// Closed loop: a connection that has all its answers begins its next batch; the thread sleeps in epoll_wait in between.
// Open loop: batches begin when a Poisson process says so, whatever is still under way, and their latency counts from
// that moment, also when this thread or the socket came late: waiting is never omitted. The thread spins (busy_poll) so
// that it comes late as rarely as possible, and measures how late it came.
//
// Threads: run() belongs to the worker's thread; everything the runner reads meanwhile is in Measurements.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "tools/bench/measurements.h"
#include "tools/bench/plan.h"
#include "tools/bench/random.h"
#include "tools/bench/session.h"

namespace lmc::bench {

class Worker {
 public:
  // Worker `index` of Plan::threads; owns the connections whose number modulo `threads` is its index. Connects them:
  // throws std::runtime_error when it cannot.
  Worker(const Plan& plan, std::uint32_t index, const PhaseNow& phase, Measurements& measurements);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run();

  // More operations than this under way at once (open loop): the server cannot keep up, and the run ends.
  static constexpr std::size_t kMaxUnderWay = 1'000'000;

 private:
  struct Channel {
    Channel(const Plan& plan, std::uint32_t connection, Measurements& measurements)
        : session(plan, connection, measurements) {}
    Session session;
    bool wants_writable = false;
    bool dirty = false;  // has something to flush in this turn (open loop)
  };

  void pin();
  void run_closed();
  void run_open();
  bool wait(std::chrono::nanoseconds at_most);
  void refill(Channel& channel);
  void issue_due(std::uint64_t now_ns);
  void flush_dirty();
  void after_flush(Channel& channel);
  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool finished() const;
  [[nodiscard]] std::size_t under_way() const;
  [[nodiscard]] double next_gap_ns();

  const Plan& plan_;
  std::uint32_t index_;
  const PhaseNow& phase_;
  Measurements& measurements_;
  Random random_;
  int epoll_ = -1;
  std::deque<Channel> channels_;  // neither moves nor grows after construction: epoll holds pointers
  std::vector<Channel*> dirty_;
  double next_arrival_ns_ = 0;
  std::size_t next_channel_ = 0;
};

}  // namespace lmc::bench

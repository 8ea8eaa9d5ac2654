// Network: everything of the server that has a socket, and the main thread's loop. It is the ServerControl that
// commands call.
//
// Life: construct; listen() (throws if an address is not to be had); start(), which starts the workers; run(), which
// returns when the server is to end; stop(), which ends the workers. The parts given to start() must live until stop().
//
// Threads: construct, listen, start, run and stop on one thread; ServerControl, and what the replicator calls, from
// any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <variant>
#include <vector>

#include "server/commands/server_control.h"
#include "server/net/acceptor.h"
#include "server/net/clock.h"
#include "server/net/connection_count.h"
#include "server/net/event_loop.h"
#include "server/net/inbox.h"
#include "server/net/log.h"
#include "server/net/replicator.h"
#include "server/net/worker.h"

namespace lmc::net {

// What to open. `tcp_port`: nothing for no TCP.
struct ListenPlan {
  std::vector<ListenAddress> addresses;
  std::optional<std::uint16_t> tcp_port;
  std::optional<std::uint16_t> udp_port;
  std::string unix_socket_path;  // not empty: neither TCP nor UDP
  std::string port_file;         // empty: none
};

class Network final : public commands::ServerControl {
 public:
  Network(commands::Settings& settings, Clock& clock, Log& log);
  ~Network() override;

  void listen(const ListenPlan& plan);
  void start(store::Store& store, commands::CounterBoard& counters, commands::WatchHub& watch,
             Replicator* replicator = nullptr);
  // Calls on_reload at SIGHUP. Returns what ended it: SIGINT, SIGTERM and `shutdown` are kNow, SIGUSR1 and `shutdown
  // graceful` kGraceful.
  [[nodiscard]] commands::Shutdown run();
  void stop();

  // False: clients are reset, those that are connected and those that come.
  void serve_clients(bool serve);

  // --- for the replicator (replicator.h has the contracts) ---
  // More is committed: this worker, or each, looks again at the replies it holds.
  void committed(unsigned worker);
  void committed();
  // Closes every connection that has executed something not yet committed, without sending its held replies: nobody
  // knows what became of it. From within pause_workers(): before any worker's next turn.
  void fail_held();
  // Has a worker execute what a backup's client sent; answered by Replicator::answered().
  void execute_forwarded(ForwardBatch batch);
  // The primary's answer to a forward().
  void forwarded(ForwardAnswer answer);
  // Calls `change` while no worker is within a turn. Not from a worker.
  void pause_workers(const std::function<void()>& change);

  [[nodiscard]] const std::vector<const Endpoint*>& listeners() const { return acceptor_.endpoints(); }

  void shutdown(commands::Shutdown how) override;
  void set_verbosity(unsigned level) override;
  [[nodiscard]] unsigned verbosity() const override;
  [[nodiscard]] commands::NetCounters net_counters() const override;
  void reset_net_counters() override;
  void visit_connections(const std::function<void(const commands::ConnectionInfo&)>& visit) override;
  void wake(commands::ConnectionId connection) override;
  void shift_clock(std::int64_t seconds) override { clock_.shift(seconds); }
  void pause_clock(bool paused) override { clock_.pause(paused); }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> replication_status() const override;
  [[nodiscard]] store::UnixSeconds now() const override { return clock_.now(); }
  [[nodiscard]] store::UnixSeconds started() const override { return clock_.started(); }

 private:
  struct Room {};
  using Message = std::variant<Room, commands::Shutdown>;

  void watch_signal(Event& event, int signal);
  void on_signal(int signal);
  void read_messages();
  void end(commands::Shutdown how);
  void hand_over(Fd socket, const Endpoint& listener, const sockaddr_in6& peer);
  [[nodiscard]] commands::NetCounters raw_counters() const;

  commands::Settings& settings_;
  Clock& clock_;
  Log& log_;
  KernelSocketOps sockets_;
  StagingBudget staging_;
  ConnectionCount connections_;
  EventBase base_;
  Inbox<Message> inbox_;
  Event inbox_event_;
  std::array<Event, 4> signal_events_;
  Acceptor acceptor_;
  std::vector<std::vector<Endpoint>> datagram_endpoints_;  // of each worker, until start()
  Replicator* replicator_ = nullptr;                       // from start() on
  // From start() to stop(), which change it under both mutexes: the replicator may call at any time.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::shared_mutex workers_mutex_;
  std::mutex pause_mutex_;                // held through pause_workers(), whose function may take the other
  std::atomic<unsigned> next_worker_{0};  // for execute_forwarded(), by any thread; relaxed: it only spreads work
  std::uint64_t accepted_ = 0;
  std::optional<commands::Shutdown> ended_by_;
  std::vector<Message> messages_;  // scratch of read_messages
  mutable std::mutex baseline_mutex_;
  commands::NetCounters baseline_;  // what counters were at the last reset; guarded by baseline_mutex_
};

}  // namespace lmc::net

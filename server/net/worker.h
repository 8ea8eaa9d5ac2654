// Worker: one thread, one event loop, and the connections it owns.
//
// One turn of its loop: wait until something is ready and collect it; read the clock once; for each ready connection
// read once, parse and execute what is complete (connection.h); then send what every connection has to send; then end
// the store's turn, which does this thread's share of reclaiming, so replies never wait for that. What was appended in
// a turn is complete between execution and sending: that is where a replicator takes it.
//
// Costs: a turn without timers and blocked sockets makes one epoll_wait, one read and one write per ready connection,
// no other system call, takes no lock and allocates nothing. A connection that has nothing to say holds no buffer.
//
// Replies of more than kFlushSliceBytes together are sent before the rest of the ready connections is served: bytes
// that wait too long in too great a heap are out of the cache, the kernel's copies too, and cost twice as much.
//
// Replicated (replicator.h), connections whose replies wait for a commit are looked at again when it has come.
//
// Threads: the methods marked so may be called from any thread; everything else happens in the worker's own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "server/commands/executor.h"
#include "server/net/clock.h"
#include "server/net/commit_wait.h"
#include "server/net/connection.h"
#include "server/net/connection_count.h"
#include "server/net/datagram_socket.h"
#include "server/net/event_loop.h"
#include "server/net/forwarding.h"
#include "server/net/inbox.h"
#include "server/net/log.h"
#include "server/net/remote_batches.h"
#include "server/net/replicator.h"
#include "server/net/turn_lock.h"
#include "server/store/store.h"

namespace lmc::net {

inline constexpr std::size_t kFlushSliceBytes = 256 * 1024;

// Given to every worker alike. All outlive the workers.
struct WorkerSurroundings {
  commands::Shared shared;
  Clock& clock;
  Log& log;
  SocketOps& sockets;
  StagingBudget& staging;
  ConnectionCount& connections;
  Replicator* replicator = nullptr;  // none: not replicated
};

// An accepted socket on its way to a worker.
struct NewConnection {
  Fd socket;
  commands::ConnectionId id;
  const Endpoint* listener = nullptr;  // lives as long as the workers
  sockaddr_in6 peer{};                 // or a sockaddr_in; not set for a unix socket
};

class Worker {
 public:
  Worker(const WorkerSurroundings& surroundings, unsigned index, std::vector<Endpoint> datagram_endpoints);
  ~Worker();  // stops and joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  // Waits until the thread has ended, after stop().
  void join();

  // --- any thread ---
  void adopt(NewConnection connection);
  void wake(commands::ConnectionId connection);
  // False: every stream connection is closed with a reset, and so is each that comes.
  void serve_clients(bool serve);
  // More is committed than there was.
  void look_again();
  // With its next turn, before anything is sent, closes every connection that has executed something not yet committed.
  void fail_held();
  // The primary's answer to what a connection of this worker had forwarded.
  void forwarded(ForwardAnswer answer);
  // Executes it for another node's client. Only if replicated.
  void execute_forwarded(ForwardBatch batch);
  // Keeps it out of its turns from pause() to resume(). Only if replicated; one thread at a time.
  [[nodiscard]] TurnLock& turn_lock() { return turn_lock_; }
  // Finishes the turn, closes everything, ends the thread. Does not wait for it.
  void stop();
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  void visit_connections(const std::function<void(const commands::ConnectionInfo&)>& visit);

 private:
  struct Entry;
  struct Datagrams;
  struct Wake {
    commands::ConnectionId connection;
  };
  struct Reset {};
  struct LookAgain {};
  struct Stop {};
  using Message = std::variant<NewConnection, Wake, Reset, LookAgain, ForwardBatch, ForwardAnswer, Stop>;

  void loop();
  void collect();
  void turn();
  void serve(Entry& entry, bool others_wait);
  void flush();
  void finish(Entry& entry);
  void read_messages();
  void wake_source(commands::ConnectionId id);
  void open(NewConnection connection);
  void close(Entry& entry, std::string_view reason);
  void close_all(std::string_view reason);
  void sweep_idle();
  void make_ready(Entry& entry);
  void announce(const Entry& entry) const;
  void announce_end(const Entry& entry, std::string_view reason) const;

  // Only if replicated.
  void begin_replicated_turn();
  void end_replicated_turn();
  void tell_appended();
  void hold(Entry& entry);
  void touch_held();
  void close_unsettled();
  void await_primary(Entry& entry);
  void wake_without_room();
  void leave_without_room(Entry& entry);
  void take_answer(const ForwardAnswer& answer);

  static void on_readable(evutil_socket_t, short, void* entry);
  static void on_writable(evutil_socket_t, short, void* entry);

  const WorkerSurroundings around_;
  const unsigned index_;
  Traffic traffic_;
  EventBase base_;
  Inbox<Message> inbox_;
  Event inbox_event_;
  Event sweep_event_;
  bool messages_waiting_ = false;
  bool sweep_due_ = false;
  std::atomic<bool> serves_clients_{true};  // relaxed: the inbox orders it
  bool stopping_ = false;

  store::Session session_;
  commands::Executor executor_;
  commands::BlockPool reply_blocks_;
  InputPool input_blocks_;
  Bench bench_;

  std::vector<std::unique_ptr<Datagrams>> datagram_sockets_;
  std::vector<Datagrams*> ready_datagrams_;

  std::mutex entries_mutex_;                     // guards the list's links against visit_connections
  std::vector<std::unique_ptr<Entry>> entries_;  // changed by the worker only, under entries_mutex_
  std::vector<Entry*> ready_;                    // to be served in this turn, in order; null: closed meanwhile
  std::vector<Entry*> touched_;                  // to be flushed in this turn
  std::size_t unsent_bytes_ = 0;                 // of touched_, about
  std::vector<Entry*> again_;                    // have more to do in the next turn without any event
  std::vector<Entry*> waiting_;                  // have a reply source that waits for wake()
  std::vector<Entry*> held_;                     // have replies that wait for a commit, or had when last looked at
  std::vector<Message> messages_;                // scratch of read_messages

  std::optional<Forwarding> forwarding_;                 // if replicated
  std::unordered_map<std::uint64_t, Entry*> forwarded_;  // connections with a batch under way, by id
  std::vector<Entry*> without_room_;                     // wait for room to forward
  RemoteBatches remote_;
  TurnLock turn_lock_;                  // taken only if replicated
  CommitWait commit_wait_;              // for held_ and the datagram sockets
  store::Version told_appended_;        // Bench::latest_dependency when the replicator was last told
  bool look_again_ = false;             // at what is held
  std::atomic<bool> fail_held_{false};  // set by any thread while turn_lock_ is paused; taken by the worker
  std::thread thread_;
};

}  // namespace lmc::net

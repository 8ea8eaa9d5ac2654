// The executor: runs parsed requests against the store and writes their replies. One per worker.
//
// Decisions (what `add` does to a present key, when a meta get wins) are in the files beside this one, as functions
// over the present item; formats are protocol's. This class only routes.
//
// Threads: used by its worker only. Session turns are the worker's business: run() is called within one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocol/request.h"
#include "server/commands/counters.h"
#include "server/commands/effects.h"
#include "server/commands/reply_queue.h"
#include "server/commands/server_control.h"
#include "server/commands/settings.h"
#include "server/commands/watch.h"
#include "server/store/store.h"

namespace lmc::commands {

// Requests executed together, so that their look-ups' cache misses overlap.
inline constexpr std::size_t kMaxBatch = 64;
// A client with so much unsent gets nothing more executed until it has taken some. Only a single value, or a `stats`
// answer, can exceed it by its own length.
inline constexpr std::size_t kReplyBacklogBytes = 256 * 1024;

// What the executor needs to know of a connection, and leaves with it.
struct Client {
  ConnectionId id;
  int fd = -1;                          // for watch lines and stats only
  bool datagram = false;                // UDP: no reply sources, no quit
  std::unique_ptr<ReplySource> source;  // set by a command whose reply comes piece by piece
};

enum class Disposition : std::uint8_t {
  kContinue,
  kClose,    // close when the replies so far are sent
  kSource,   // Client::source was set: execute nothing more until it is done
  kForward,  // ChangePolicy::kForward: the request behind those executed was not, and is to be forwarded
};

struct BatchResult {
  // Requests consumed, the one that caused the disposition included, but for kForward.
  std::size_t executed = 0;
  Disposition disposition = Disposition::kContinue;
};

// Things shared by all workers' executors. Owned by the process, outlives the executors.
struct Shared {
  store::Store& store;
  Settings& settings;
  CounterBoard& counters;  // one WorkerCounters per worker, summed for stats
  WatchHub& watch;
  ServerControl& control;
};

class Executor {
 public:
  // `worker` indexes CounterBoard.
  Executor(Shared shared, store::Session& session, unsigned worker);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // From now on. kExecute at first. A datagram's requests are never forwarded: kForward refuses them.
  void set_change_policy(ChangePolicy policy);

  // Executes requests (at most kMaxBatch) in order, replies in order. Stops behind a request whose disposition is not
  // kContinue, or with which kReplyBacklogBytes were reached (a datagram's are executed all the same: nothing of it
  // stays to be executed later).
  [[nodiscard]] BatchResult run(std::span<const protocol::Request> requests, Client& client, ReplyQueue& replies);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lmc::commands

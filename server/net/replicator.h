// Replicator: what the network layer needs of the replication engine, and the words they exchange. The engine
// implements it; a server that is not replicated has none (a null pointer), and then nothing of this costs anything.
//
// Two things happen here. Replies wait: what a reply depends on (store::Session::dependency) must be committed before
// it is sent (invariant I4). And on a backup, requests that change state are not executed: their bytes go to the
// primary in batches, which executes them as if its own client had sent them and gives the replies back.
//
// Contracts (note "turn and reply gate" in replication/NOTES.md):
//  - No wake is lost. A worker calls wait() and then asks committed() once more. The engine first moves the version
//    that committed() gives, and then looks who waits. Both by sequentially consistent operations, or all under one
//    lock; so either the worker sees the new version, or the engine sees the waiting worker and calls
//    Network::committed().
//  - A change of role (who appends here, whose versions committed() tells) is made by Network::pause_workers(), and the
//    function given to it calls Network::fail_held() before committed() tells the new role's version: what was held
//    then can never be confirmed by another history's number.
//  - Who calls pause_workers() holds no lock that any method below takes, and is no worker.
//  - Each forward() is answered exactly once, by Network::forwarded(); also after fail_held(), and when there is no
//    primary. Each Network::execute_forwarded() is answered exactly once by answered(). Neither after Network::stop(),
//    which leaves what it overtakes unanswered.
//  - The engine outlives Network::stop(). Until that has returned and later it may call Network; nothing happens then.
//
// Threads: called by any worker, several at a time, within their turns unless said otherwise. No method may block for
// long, and none may wait for a worker. Network's methods may be called from within, but for pause_workers() and
// stop().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/server_control.h"
#include "server/store/types.h"

namespace lmc::net {

// Bytes of requests in one batch; a single longer request is a batch of its own.
inline constexpr std::size_t kForwardBatchBytes = std::size_t{1} << 20;
// Bytes of one worker's forwarded requests, from their reading until they are answered. While they would be exceeded,
// connections that have more are not read. (A single longer request is forwarded when nothing else is.)
inline constexpr std::size_t kForwardedBytes = std::size_t{8} << 20;
static_assert(kForwardBatchBytes <= kForwardedBytes);

// Whole requests of one connection, in order. A connection has one batch under way at a time, so batches may be
// executed in any order. The last request's value is missing if it is one that no item may have, or that there was no
// memory for.
struct ForwardBatch {
  unsigned worker = 0;                // of the node whose client sent the requests
  commands::ConnectionId connection;  // there
  std::uint64_t origin = 0;           // a note of the engine at the primary: where the answer goes
  bool binary = false;
  std::uint32_t requests = 0;  // in `bytes`
  std::string bytes;
};

enum class ForwardOutcome : std::uint8_t {
  kAnswered,     // executed and committed
  kNotExecuted,  // nothing of it was, nor will be: the client is told so
  kUnknown,      // executed perhaps, or in part: the client's connection is closed
};

struct ForwardAnswer {
  unsigned worker = 0;  // as in the batch, like the next two
  commands::ConnectionId connection;
  std::uint64_t origin = 0;
  ForwardOutcome outcome = ForwardOutcome::kUnknown;
  bool closes = false;     // kAnswered: the client's connection ends behind the replies
  store::Version version;  // kAnswered: what the requests did is visible from here on
  std::string replies;     // kAnswered: what the client is sent, quiet requests' silence included
};

class Replicator {
 public:
  virtual ~Replicator() = default;

  // At the begin of each turn, and again when a client's bytes were read in it, before anything is looked up for them.
  // A backup applies what it has received (invariant I5): whoever asks may know it by then.
  virtual void catch_up() = 0;
  // Replies that depend on no later version may be sent; nothing: none may, whatever it depends on, because the node
  // must not serve at this moment. On a backup: what is applied here and may be shown. Any thread; asked often. A
  // version never goes back, but by a change of role.
  using Committed = std::optional<store::Version>;
  [[nodiscard]] virtual Committed committed() const = 0;
  // Something was appended to the log in this turn, and the worker is about to send replies. May be called when it was
  // not: for a read of what another worker, or another node, has appended and is not committed.
  virtual void appended() = 0;
  // This worker waits for committed() >= version: Network::committed(worker) is to be called then. Replaces what the
  // worker waited for before. A call too many does no harm.
  virtual void wait(unsigned worker, store::Version version) = 0;

  // Requests that change state go to another node. Changes only with the role, like refuses_writes().
  [[nodiscard]] virtual bool forwards() const = 0;
  // Requests that change state are refused.
  [[nodiscard]] virtual bool refuses_writes() const = 0;
  // Takes the batch to the primary.
  virtual void forward(ForwardBatch batch) = 0;
  // At the primary: the answer to an execute_forwarded(); what it depends on is committed.
  virtual void answered(ForwardAnswer answer) = 0;
  // Whether there is room for more answers of this origin. Network::committed() is to be called when there is again.
  [[nodiscard]] virtual bool takes_answers(std::uint64_t /*origin*/) const { return true; }

  // `stats replication`: keys and values. Any thread.
  using Status = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] virtual Status status() const { return {}; }
};

}  // namespace lmc::net

// Connection: one client's stream of requests and replies, from bytes read to bytes written.
//
// A worker calls, in each of its turns and in this order: receive() when the socket is readable, execute() while there
// is something to execute, flush() once. None of them waits. The connection knows neither libevent nor time; what it
// shares with the other connections of its worker comes as a Bench.
//
// Limits: a reply backlog of kReplyBacklogBytes stops execution, and reading, until the client has taken it (one
// request can exceed it by its own reply). While a reply source streams nothing is read and the input stays where it
// is: the source may hold views of its request. A request larger than its buffer waits in staging memory
// (input_buffer.h); where that is exhausted, its value is discarded and the client is told SERVER_ERROR out of memory
// storing object.
//
// Replicated, replies wait in the backlog until what they depend on is committed (reply_gate.h); execution goes on. On
// a backup it stops at a request that changes something, until the primary has executed that (forwarding.h); meanwhile
// nothing is read.
//
// Threads: one worker, but for state() and last_request(), which `stats conns` reads from another.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/parser.h"
#include "server/commands/executor.h"
#include "server/commands/reply_queue.h"
#include "server/commands/settings.h"
#include "server/net/fd.h"
#include "server/net/forwarding.h"
#include "server/net/input_buffer.h"
#include "server/net/log.h"
#include "server/net/replicator.h"
#include "server/net/reply_gate.h"
#include "server/net/socket_ops.h"
#include "server/net/traffic.h"
#include "server/store/types.h"

namespace lmc::net {

using commands::kReplyBacklogBytes;
inline constexpr std::size_t kSourceBudgetBytes = kReplyBacklogBytes;  // asked of a reply source at a time
inline constexpr std::size_t kMaxFlushBytes = 8 * 1024 * 1024;         // written to one socket in one turn
inline constexpr std::size_t kIovecsPerWrite = 64;

// What the connections of one worker share. Owned by the worker.
struct Bench {
  SocketOps& sockets;
  commands::Executor& executor;
  store::Session& session;  // the executor's
  commands::BlockPool& reply_blocks;
  InputPool& input_blocks;
  Traffic& traffic;
  Log& log;
  std::size_t max_requests_per_event;
  protocol::ParseLimits limits;
  store::UnixSeconds now;  // of this turn

  Replicator* replicator = nullptr;    // nobody: not replicated
  Forwarding* forwarding = nullptr;    // with a replicator only
  store::Version latest_dependency{};  // of all that was executed

  // Scratch of one batch.
  std::array<protocol::Request, commands::kMaxBatch> requests;
  std::array<std::size_t, commands::kMaxBatch> ends;  // where in the input each request ends
  std::array<iovec, kIovecsPerWrite> iovecs;

  // What was executed since the last call depends on. Only if replicated.
  [[nodiscard]] store::Version take_dependency() {
    const store::Version dependency = session.dependency();
    session.forget_dependency();
    latest_dependency = std::max(latest_dependency, dependency);
    return dependency;
  }
};

enum class ConnectionState : std::uint8_t {
  kReading,     // requests are read and executed
  kSwallowing,  // the value of a refused request is discarded
  kStreaming,   // a reply source is asked for more
  kWaiting,     // the reply source has nothing now
  kForwarding,  // the next request waits for the primary, or for room to ask it
  kDraining,    // nothing more is read; over when the replies are sent
  kClosed,
};

enum class Received : std::uint8_t {
  kNothing,  // no bytes were there
  kShort,    // fewer than there was room for: the socket is empty
  kFull,     // there may be more
};

enum class Progress : std::uint8_t {
  kNeedsInput,  // everything complete was executed
  kYielded,     // others' turn; there is more to execute
  kBacklogged,  // replies have to leave before more is executed
  kStopped,     // a reply source, forwarding, draining or closed: execute() has nothing to do for now
};

enum class Flushed : std::uint8_t {
  kAll,
  kBlocked,  // the socket takes no more now
  kPaused,   // kMaxFlushBytes in this turn; go on in the next
  kHeld,     // what is left waits for awaited() to be committed
};

class Connection {
 public:
  Connection(Fd socket, commands::ConnectionId id, commands::ProtocolChoice protocol, commands::BlockPool& blocks);

  [[nodiscard]] Received receive(Bench& bench);
  // `others_wait`: yield after Bench::max_requests_per_event.
  [[nodiscard]] Progress execute(Bench& bench, bool others_wait);
  [[nodiscard]] Flushed flush(Bench& bench);

  // The reply source that was waiting has something.
  void wake();
  // Gives the buffers back. Before the connection is destroyed.
  void close(Bench& bench);

  // Whether more input can be used now.
  [[nodiscard]] bool wants_input() const;
  [[nodiscard]] std::size_t unsent_bytes() const { return replies_.pending_bytes(); }
  // Something it executed, or had executed, was not committed when last looked at. Then: the version it waits for.
  [[nodiscard]] bool uncommitted() const { return !gate_.open() || forwarded_.catching_up(); }
  [[nodiscard]] store::Version awaited() const;
  // What it waits for in kForwarding.
  [[nodiscard]] const ForwardedRequests& forwarded() const { return forwarded_; }
  // What became of something that it asked for is not known here.
  [[nodiscard]] bool unsettled() const { return uncommitted() || forwarded_.under_way(); }
  // The primary's answer, if it still waits for one. execute() then goes on.
  void take_answer(const ForwardAnswer& answer);
  // Between requests: nothing is unsent, and no request is being received whose length is known.
  [[nodiscard]] bool idle() const { return state() == ConnectionState::kReading && replies_.empty() && needed_ == 0; }

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] Fd release_socket() { return std::move(socket_); }
  [[nodiscard]] commands::ConnectionId id() const { return client_.id; }
  // Why it is kClosed, in the words of `watch connevents`: normal, error.
  [[nodiscard]] std::string_view close_reason() const { return close_reason_; }

  // Any thread: may be a moment old.
  [[nodiscard]] ConnectionState state() const { return state_.load(std::memory_order_relaxed); }
  [[nodiscard]] store::UnixSeconds last_request() const {
    return store::UnixSeconds{last_request_s_.load(std::memory_order_relaxed)};
  }
  void set_last_request(store::UnixSeconds now) { last_request_s_.store(now.value, std::memory_order_relaxed); }

 private:
  struct Batch {
    std::size_t count = 0;
    protocol::Parsed last;  // of the request behind the batch, or of its last one
  };
  [[nodiscard]] protocol::Parsed parse(std::string_view input, const protocol::ParseLimits& limits,
                                       protocol::Request& out, std::size_t searched);
  [[nodiscard]] Batch parse_batch(Bench& bench, std::size_t most);
  [[nodiscard]] bool run(Bench& bench, const Batch& batch);
  void settle(Bench& bench, const Batch& batch);
  void note_dependency(Bench& bench, std::uint64_t position);
  [[nodiscard]] std::uint64_t reply_position() const { return sent_bytes_ + replies_.pending_bytes(); }
  [[nodiscard]] std::size_t sendable_bytes() const;
  void forward(Bench& bench, Batch batch, std::size_t first);
  [[nodiscard]] bool gather(const Bench& bench, const Batch& batch, std::size_t first, ForwardBatch& out);
  void resume(const Bench& bench);
  void make_room(Bench& bench);
  void refuse_for_memory(Bench& bench);
  void discard_swallowed();
  void produce(Bench& bench);
  void log_requests(Bench& bench, const Batch& batch) const;
  void set_state(ConnectionState state) { state_.store(state, std::memory_order_relaxed); }
  void peer_ended();
  void fail(std::string_view reason);

  Fd socket_;
  InputBuffer input_;
  std::size_t needed_ = 0;     // unread bytes worth parsing again; 0: any
  std::size_t searched_ = 0;   // unread bytes that no text line ends in
  std::uint64_t swallow_ = 0;  // kSwallowing: bytes still to be discarded
  commands::ReplyQueue replies_;
  std::uint64_t sent_bytes_ = 0;  // in all
  ReplyGate gate_;                // of replies_, by positions in all that was ever written
  commands::Client client_;
  ForwardedRequests forwarded_;
  std::string_view close_reason_ = "normal";
  std::atomic<std::uint32_t> last_request_s_{0};
  // Written by the worker; read by `stats conns`. Relaxed: nothing hangs on it there.
  std::atomic<ConnectionState> state_{ConnectionState::kReading};
  commands::ProtocolChoice protocol_;
  bool bulk_ = false;         // the last read filled its block
  bool input_ended_ = false;  // the peer sends no more
};

}  // namespace lmc::net

// Forwarding: requests of a backup's clients on their way to the primary (replicator.h).
//
// Two halves. ForwardedRequests is one connection's: whether it waits, for what, and what it asked, so that each of its
// requests can be refused if none was executed. Forwarding is the worker's: how much is under way, and whether there is
// room for more. connection_forwarding.cc is what a connection does with them.
//
// Threads: the worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/request.h"
#include "server/commands/reply_queue.h"
#include "server/net/replicator.h"

namespace lmc::net {

class ForwardedRequests {
 public:
  [[nodiscard]] bool under_way() const { return stage_ == Stage::kUnderWay; }
  [[nodiscard]] bool catching_up() const { return stage_ == Stage::kCatchingUp; }
  [[nodiscard]] bool without_room() const { return stage_ == Stage::kNoRoom; }

  // --- what goes out ---
  // One more of the batch that is sent() next.
  void add(const protocol::Request& request);
  void sent() { stage_ = Stage::kUnderWay; }
  void wait_for_room() { stage_ = Stage::kNoRoom; }

  // --- what comes back ---
  // Nothing of the connection is executed before `version` shows.
  void answered(store::Version version);
  // None was executed: an error for each, but for those that want no answer.
  void refuse(commands::ReplyQueue& replies);
  // The version that is waited for. Only if catching_up().
  [[nodiscard]] store::Version awaited() const { return awaited_; }
  // False: it still waits for that, or for an answer. Else there is something to try again.
  [[nodiscard]] bool resume(std::optional<store::Version> committed);

 private:
  enum class Stage : std::uint8_t {
    kNone,
    kNoRoom,      // the next request has to be forwarded, and there is no room for it
    kUnderWay,    // a batch is, its answer is not there
    kCatchingUp,  // answered; what it did does not show here yet
  };
  // As much of a request as its refusal takes.
  struct Sent {
    std::uint32_t opaque;
    protocol::Dialect dialect;
    bool quiet;
    std::uint8_t opcode;
  };
  void forget_sent() { std::vector<Sent>().swap(sent_); }

  std::vector<Sent> sent_;  // in the batch being made, or under way
  store::Version awaited_;
  Stage stage_ = Stage::kNone;
};

class Forwarding {
 public:
  Forwarding(Replicator& replicator, unsigned worker) : replicator_(replicator), worker_(worker) {}

  // Whether a batch of so many bytes may be sent now: any, if there is no other; none, while another connection waits
  // for room: one that needs much would never have it else.
  [[nodiscard]] bool has_room(commands::ConnectionId connection, std::size_t bytes) const {
    if (waits_.has_value() && *waits_ != connection) return false;
    return bytes_ == 0 || (bytes <= kForwardedBytes && bytes_ <= kForwardedBytes - bytes);
  }
  // There was no room for it. The first to say so is the first to be let in.
  void wait(commands::ConnectionId connection) {
    if (!waits_.has_value()) waits_ = connection;
  }
  // It waits no more. True: others may have room now.
  bool stop_waiting(commands::ConnectionId connection) {
    if (waits_ != connection) return false;
    waits_.reset();
    return true;
  }
  void send(ForwardBatch batch);
  // A batch of this connection was answered. False: none was under way.
  [[nodiscard]] bool answered(commands::ConnectionId connection);

 private:
  Replicator& replicator_;
  const unsigned worker_;
  std::size_t bytes_ = 0;                        // under way
  std::optional<commands::ConnectionId> waits_;  // for room, for longest
  // Bytes by connection; also of those that are gone meanwhile.
  std::unordered_map<std::uint64_t, std::size_t> under_way_;
};

}  // namespace lmc::net

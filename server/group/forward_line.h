// The forward line: carries what clients sent to a backup to the primary, and the answers back, over a control
// connection of its own, so that neither joins nor views wait behind it.
//
// A batch, or its answer, is one message or, longer than kPartBytes, several. What the connection does not take waits
// until it does, a batch or an answer in the middle too; how much that can be is bounded by who makes it: batches by
// net::kForwardedBytes (or one request) for each worker of the backup, answers by takes_answers() at the primary. A
// line that ends answers for what it had: a batch that was not sent in whole was not executed; of the rest nobody
// knows.
//
// Threads: put() and answered() any, both wake the replication thread; everything else is that thread's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "replication/engine/messages.h"
#include "replication/engine/peers.h"
#include "replication/engine/surroundings.h"
#include "server/net/network.h"
#include "server/net/replicator.h"

namespace lmc::group {

inline constexpr std::size_t kPartBytes = std::size_t{512} << 10;
// Of a line's answers that wait to be sent. While they are more nothing is executed for it, but for what each worker
// has begun.
inline constexpr std::size_t kMostUnsentAnswerBytes = std::size_t{8} << 20;

struct Forward {
  static constexpr auto kKind = static_cast<replication::MessageKind>(13);
  std::uint32_t worker = 0;
  std::uint64_t connection = 0;
  bool binary = false;
  std::uint32_t requests = 0;
  bool more = false;  // the next message goes on with the bytes
  std::string bytes;
  static void fields(auto& codec, auto& m) { codec(m.worker, m.connection, m.binary, m.requests, m.more, m.bytes); }
};

struct Forwarded {
  static constexpr auto kKind = static_cast<replication::MessageKind>(14);
  std::uint32_t worker = 0;
  std::uint64_t connection = 0;
  std::uint8_t outcome = 0;
  bool closes = false;
  std::uint64_t version = 0;
  bool more = false;
  std::string replies;
  static void fields(auto& codec, auto& m) {
    codec(m.worker, m.connection, m.outcome, m.closes, m.version, m.more, m.replies);
  }
};

// A backup's end.
class ForwardClient final : replication::PeerObserver {
 public:
  ForwardClient(replication::PeerNet& peers, replication::Graveyard& graveyard, net::Network& network)
      : peers_(peers), graveyard_(graveyard), network_(network) {}

  void put(net::ForwardBatch batch);  // any thread
  // Sends what there is to the primary at this address; empty: there is none.
  void flush(const std::string& primary);
  // Ends the line; everything is answered.
  void end();

 private:
  void on_up() override;
  void on_message(std::string_view message) override;
  void on_room() override { send_all(); }
  void on_down(std::string_view cause, bool by_peer) override;
  void send_all();
  void answer(const net::ForwardBatch& batch, net::ForwardOutcome outcome);

  replication::PeerNet& peers_;
  replication::Graveyard& graveyard_;
  net::Network& network_;
  std::mutex mutex_;
  std::vector<net::ForwardBatch> arrived_;  // under mutex_
  std::deque<net::ForwardBatch> queued_;
  std::size_t begun_bytes_ = 0;                      // of the first of them, sent
  std::map<std::uint64_t, net::ForwardBatch> sent_;  // by connection, of which each has one under way; without bytes
  std::string to_;
  std::unique_ptr<replication::Peer> peer_;
  bool up_ = false;
  std::string replies_;  // of an answer in several messages
};

// A primary's end of all lines.
class ForwardServer {
 public:
  // `executes`: whether this node is the primary.
  ForwardServer(replication::Graveyard& graveyard, net::Network& network, std::function<bool()> executes);
  ~ForwardServer();

  // A control connection whose first message this is; false: it is none of a forward line.
  [[nodiscard]] bool take(std::unique_ptr<replication::Peer>& peer, std::string_view message);
  void answered(net::ForwardAnswer answer);                      // any thread
  [[nodiscard]] bool takes_answers(std::uint64_t origin) const;  // any thread; workers are told when that changes
  void flush();

 private:
  class Line;
  void sent(std::uint64_t origin, std::size_t bytes);
  void forget(std::uint64_t origin);

  replication::Graveyard& graveyard_;
  net::Network& network_;
  std::function<bool()> executes_;
  mutable std::mutex mutex_;
  std::vector<net::ForwardAnswer> answers_;            // under mutex_
  std::map<std::uint64_t, std::size_t> unsent_bytes_;  // of answers, by origin; under mutex_
  std::map<std::uint64_t, std::unique_ptr<Line>> lines_;
  std::uint64_t next_origin_ = 0;
};

}  // namespace lmc::group

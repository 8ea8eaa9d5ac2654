// What every part of a node is given: the outside as seams, and the settings.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replication/engine/ledger_ring.h"
#include "replication/engine/peers.h"
#include "replication/engine/replicated_log.h"
#include "replication/engine/reports.h"
#include "replication/engine/serving.h"
#include "replication/fabric/fabric.h"
#include "replication/fabric/reactor.h"

namespace lmc::replication {

// What a client's reply waits for: that its write is in the memory of no, one, or every in-sync backup.
enum class Ack : std::uint8_t { kNone, kOne, kAll };

struct Settings {
  std::string address;  // of this node's replication listener, as the others reach it
  Ack ack = Ack::kAll;
  LeaseTimes lease;  // its term is also how far a backup may be behind, in time, before it leaves the in-sync set
  std::size_t ring_slots = kRingSlots;
  std::size_t bulk_chunk_bytes = std::size_t{128} << 10;
};

// Keeps what must not be destroyed within its own call until that is over.
class Graveyard {
 public:
  explicit Graveyard(Reactor& reactor) : timer_(reactor.timer([this] { dead_.clear(); })) {}
  template <class Object>
  void bury(std::unique_ptr<Object> object) {
    if (!object) return;
    dead_.push_back(std::shared_ptr<Object>(std::move(object)));
    timer_->set({});
  }

 private:
  std::vector<std::shared_ptr<void>> dead_;
  std::unique_ptr<Timer> timer_;
};

struct Surroundings {
  Reactor& reactor;
  Fabric& fabric;
  PeerNet& peers;
  ReplicatedLog& log;
  Graveyard& graveyard;
  Serving& serving;
  const Settings& settings;
  std::function<void(const std::string&)> say;  // a line for the log, and for the history
  std::function<Ticket()> draw_ticket;          // an unguessable one
};

}  // namespace lmc::replication

// One command to another node, and its answer, over a control connection of its own.
//
// Threads: the replication thread's. Destroying it gives it up; `done` is called once, otherwise, never from within the
// constructor, and may bury the errand but not destroy it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "replication/engine/lease.h"
#include "replication/engine/messages.h"
#include "replication/engine/peers.h"
#include "replication/fabric/reactor.h"

namespace lmc::replication {

class Errand final : PeerObserver {
 public:
  // `done`: with the answer, or why there is none.
  using Done = std::function<void(const std::optional<Answer>& answer, std::string_view why_none)>;
  Errand(Reactor& reactor, PeerNet& peers, const std::string& address, std::string command, Duration patience,
         Done done);
  ~Errand() override;
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;

 private:
  void on_up() override;
  void on_message(std::string_view message) override;
  void on_down(std::string_view cause, bool by_peer) override;
  void finish(const std::optional<Answer>& answer, std::string_view why_none);

  std::string command_;
  Done done_;
  std::unique_ptr<Timer> timeout_;
  std::unique_ptr<Peer> peer_;
};

}  // namespace lmc::replication

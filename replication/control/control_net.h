// Control connections to wherever they are wanted: what the engine knows as PeerNet.
#pragma once

#include <memory>
#include <string>

#include "replication/control/channel.h"

namespace lmc::replication {

class ControlNet final : public PeerNet {
 public:
  ControlNet(Reactor& reactor, const GroupSecret& secret) : reactor_(reactor), secret_(secret) {}
  [[nodiscard]] std::unique_ptr<Peer> connect(const std::string& address, PeerObserver& observer) override {
    return std::make_unique<Channel>(reactor_, secret_, address, observer);
  }

 private:
  Reactor& reactor_;
  const GroupSecret& secret_;
};

}  // namespace lmc::replication

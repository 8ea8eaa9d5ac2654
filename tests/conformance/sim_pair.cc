// The simulator's fabric, whose promises the simulated runs of the engine rest on.
#include "endpoints.h"
#include "network.h"

namespace lmc::test {
namespace {

using namespace std::chrono_literals;

// Two hosts of a simulated world, whose time goes on with the reactor's turns.
class SimPair final : public FabricPair {
 public:
  explicit SimPair(PollReactor& reactor) : turn_(reactor.timer([this] { turn(); })) { turn_->set({}); }
  replication::Fabric& accepting() override { return accepting_; }
  replication::Fabric& connecting() override { return connecting_; }
  std::string address() const override { return accepting_.address(); }
  std::string dead_address() const override { return "nobody:1"; }
  bool cut() override {
    network_.break_links(accepting_.address(), connecting_.address());
    return true;
  }

 private:
  void turn() {
    world_.run_for(100us);
    turn_->set({});
  }

  std::unique_ptr<replication::Timer> turn_;
  sim::World world_{1};
  sim::Network network_{world_, {.most_in_flight = replication::kMaxOutstandingChains}};
  sim::Process one_{world_};
  sim::Process other_{world_};
  sim::Host accepting_{network_, one_, "a:1", [](std::unique_ptr<replication::Peer>) {}};
  sim::Host connecting_{network_, other_, "b:1", [](std::unique_ptr<replication::Peer>) {}};
};

}  // namespace

std::unique_ptr<FabricPair> make_pair(PollReactor& reactor) {
  return std::make_unique<SimPair>(reactor);
}

}  // namespace lmc::test

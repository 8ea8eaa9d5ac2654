#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "endpoints.h"
#include "replication/fabric/verbs/verbs_fabric.h"

namespace lmc::test {
namespace {

// Two nodes of the guest, each with a fabric on its own RDMA device.
class VerbsPair final : public FabricPair {
 public:
  explicit VerbsPair(PollReactor& reactor)
      : accepting_(reactor, node(0) + ":0", options()), connecting_(reactor, node(1) + ":0", options()) {}
  replication::Fabric& accepting() override { return accepting_; }
  replication::Fabric& connecting() override { return connecting_; }
  std::string address() const override { return node(0) + ":" + std::to_string(accepting_.port()); }
  std::string dead_address() const override { return node(0) + ":1"; }
  bool cut() override { return false; }

 private:
  static std::string node(std::size_t number) {
    const char* listed = std::getenv("LMC_GUEST_ADDRESSES");
    if (listed == nullptr) throw std::runtime_error("LMC_GUEST_ADDRESSES is not set: run this with tests/guest/run");
    std::istringstream words(listed);
    std::string word;
    for (std::size_t i = 0; i <= number; ++i) words >> word;
    return word;
  }

  // Fifty links at once take seconds in a guest that is emulated beside other work.
  static replication::VerbsOptions options() { return {.connect_timeout = std::chrono::seconds(6), .connection = {}}; }

  replication::VerbsFabric accepting_;
  replication::VerbsFabric connecting_;
};

}  // namespace

std::unique_ptr<FabricPair> make_pair(PollReactor& reactor) {
  return std::make_unique<VerbsPair>(reactor);
}

}  // namespace lmc::test

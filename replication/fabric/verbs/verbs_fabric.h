// The fabric over an RDMA device, by reliable connected queue pairs. README.md says what a link is made of.
//
// A chain is one ibv_post_send (one doorbell); its last write carries an immediate, which is how its arrival is told to
// the peer, and its completion to this end. Nothing polls: the device's completion channel is a descriptor of the
// reactor.
//
// A device that goes (pulled, reset, failed) takes the fabric with it: its links go down, later ones at once, and
// nothing listens any more until there is a new fabric.
//
// Threads: the reactor's, but for device_for(). Errors: the constructor and prepare() throw; afterwards everything is
// on_down(), and `say`.
// Fork: none of it survives one; make it after daemonising.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "replication/fabric/address.h"
#include "replication/fabric/fabric.h"
#include "replication/fabric/reactor.h"
#include "replication/fabric/say_once.h"
#include "replication/fabric/verbs/connection.h"
#include "replication/fabric/verbs/device.h"
#include "replication/fabric/verbs/handles.h"
#include "replication/fabric/waiting_links.h"

namespace lmc::replication {

struct VerbsOptions {
  std::uint8_t type_of_service = 0;                 // of the connections' packets; 0: the system's
  std::chrono::milliseconds connect_timeout{2000};  // of each step, and of connecting and keys together
  verbs::ConnectionOptions connection;
};

class VerbsLink;

class VerbsFabric final : public Fabric {
 public:
  // The name of the RDMA device that carries the host of "host:port"; nothing: none does, and `why`. Loopback is
  // carried by none. Threads: any.
  [[nodiscard]] static std::optional<std::string> device_for(std::string_view address, std::string& why);

  // `address`: where the others reach this node, "host:port", the host an address of an RDMA device. Port 0: any.
  // `say`: a line for the log, when the device is gone, or does not take one of the options.
  VerbsFabric(Reactor& reactor, std::string_view address, const VerbsOptions& options = {}, SayOnce::Say say = {});
  ~VerbsFabric() override;  // after its links

  [[nodiscard]] std::string_view name() const override { return "verbs"; }
  [[nodiscard]] FabricCounters counters() const override { return counters_; }
  void prepare(std::span<char> memory) override { device_->add(memory); }
  [[nodiscard]] std::unique_ptr<Link> accept(const LinkPlan& plan, LinkObserver& observer) override;
  [[nodiscard]] std::unique_ptr<Link> connect(std::string_view address, const LinkPlan& plan,
                                              LinkObserver& observer) override;

  [[nodiscard]] std::uint16_t port() const;  // where it listens

 private:
  friend class VerbsLink;
  void set_options(rdma_cm_id& id);
  void set_option(rdma_cm_id& id, int option, std::uint8_t value, std::string_view name);
  void on_connection_event();
  void on_request(verbs::CmId id, std::string_view private_data);
  void on_completion_events();
  void lose(std::string_view why);

  Reactor& reactor_;
  VerbsOptions options_;
  SayOnce say_;
  std::string loss_;  // not empty: the device is gone
  FabricCounters counters_;
  SocketAddress source_;  // this node's, any port
  verbs::EventChannel channel_;
  verbs::CmId listener_;
  std::optional<verbs::Device> device_;
  std::set<VerbsLink*> links_;  // that are not closed
  WaitingLinks<VerbsLink> accepting_;
  std::unique_ptr<Watch> connection_events_;
  std::unique_ptr<Watch> completion_events_;
};

}  // namespace lmc::replication

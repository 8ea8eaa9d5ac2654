#include "server/group/choose_fabric.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include "replication/control/line_limit.h"
#include "replication/fabric/tcp/tcp_fabric.h"
#if LMC_HAS_VERBS
#include "replication/fabric/verbs/verbs_fabric.h"
#endif

namespace lmc::group {

using replication::Reactor;
using replication::TcpFabric;

namespace {

using Say = std::function<void(const std::string&)>;

#if LMC_HAS_VERBS
std::optional<std::string> device_for(std::string_view address, std::string& why) {
  return replication::VerbsFabric::device_for(address, why);
}

std::unique_ptr<replication::Fabric> make_verbs(Reactor& reactor, const GroupOptions& options, std::string_view address,
                                                const Say& say) {
  replication::VerbsOptions verbs;
  verbs.type_of_service = static_cast<std::uint8_t>(options.type_of_service);
  verbs.connection.ack_timeout = static_cast<std::uint8_t>(options.verbs_ack_timeout);
  verbs.connection.retries = static_cast<std::uint8_t>(options.verbs_retries);
  return std::make_unique<replication::VerbsFabric>(reactor, address, verbs, say);
}
#else
std::optional<std::string> device_for(std::string_view, std::string& why) {
  why = "this program is built without libibverbs and librdmacm";
  return std::nullopt;
}

std::unique_ptr<replication::Fabric> make_verbs(Reactor&, const GroupOptions&, std::string_view, const Say&) {
  throw std::logic_error("no verbs");  // there is no device
}
#endif

}  // namespace

ChosenFabric::ChosenFabric(Reactor& reactor, const GroupOptions& options, std::string_view address, const Say& say) {
  if (options.fabric == "tcp") {
    why_ = "as asked for";
    take_tcp(reactor, options, say);
    return;
  }
  std::string why_not;
  const std::optional<std::string> device = device_for(address, why_not);
  if (device.has_value()) {
    fabric_ = make_verbs(reactor, options, address, say);
    why_ = "RDMA device " + *device + " has " + std::string(address);
    return;
  }
  if (options.fabric == "verbs") throw std::runtime_error("--fabric verbs: " + why_not);
  why_ = why_not;
  take_tcp(reactor, options, say);
}

void ChosenFabric::take_tcp(Reactor& reactor, const GroupOptions& options, const Say& say) {
  const replication::TcpOptions tcp{.type_of_service = options.type_of_service};
  fabric_ = std::make_unique<TcpFabric>(
      reactor, tcp, [&reactor, say, lines = replication::LineLimit()](const std::string& line) mutable {
        if (const auto admitted = lines.admit(line, reactor.now())) say(*admitted);
      });
}

void ChosenFabric::adopt(replication::Fd socket) {
  if (auto* const tcp = dynamic_cast<TcpFabric*>(fabric_.get())) tcp->adopt(std::move(socket));
}

}  // namespace lmc::group

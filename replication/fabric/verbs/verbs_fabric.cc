#include "replication/fabric/verbs/verbs_fabric.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <stdexcept>
#include <utility>

#include "replication/fabric/verbs/nonblocking.h"
#include "replication/fabric/verbs/verbs_link.h"

namespace lmc::replication {

using namespace verbs;

namespace {

constexpr int kBacklog = 128;
constexpr unsigned kEventsAtOnce = 64;  // before others are looked after

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

void set_port(sockaddr_storage& address, std::uint16_t port) {
  if (address.ss_family == AF_INET)
    reinterpret_cast<sockaddr_in&>(address).sin_port = htons(port);
  else
    reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(port);
}

SocketAddress require_address(std::string_view address) {
  std::string why;
  const auto found = look_up(address, why);
  if (!found) throw std::runtime_error(why);
  return *found;
}

// `address`: what `at` was asked for as.
ibv_context& bind_to_device(rdma_cm_id& id, SocketAddress at, std::string_view address) {
  require(minus_one_and_errno(rdma_bind_addr(&id, reinterpret_cast<sockaddr*>(&at.storage))),
          {"have " + std::string(address) + " from an RDMA device", "rdma link shows the devices"});
  if (id.verbs == nullptr)
    throw std::runtime_error("no RDMA device carries " + std::string(address) + " (rdma link shows the devices)");
  return *id.verbs;
}

}  // namespace

std::optional<std::string> VerbsFabric::device_for(std::string_view address, std::string& why) {
  try {
    SocketAddress at = require_address(address);
    set_port(at.storage, 0);
    if (is_loopback(at.storage)) {
      why = "no RDMA device carries a loopback address";
      return std::nullopt;
    }
    const EventChannel channel = make_event_channel();
    const CmId id = make_id(*channel);
    return ibv_get_device_name(bind_to_device(*id, at, address).device);
  } catch (const std::exception& error) {
    why = error.what();
  }
  return std::nullopt;
}

VerbsFabric::VerbsFabric(Reactor& reactor, std::string_view address, const VerbsOptions& options, SayOnce::Say say)
    : reactor_(reactor),
      options_(options),
      say_(std::move(say)),
      source_(require_address(address)),
      channel_(make_event_channel()),
      listener_(make_id(*channel_)) {
  set_nonblocking(channel_->fd);
  ibv_context& context = bind_to_device(*listener_, source_, address);
  require(minus_one_and_errno(rdma_listen(listener_.get(), kBacklog)),
          {"listen on " + std::string(address) + " of the RDMA device", ""});
  set_port(source_.storage, 0);
  device_.emplace(context, reactor, [this](std::string_view why) { lose(why); });
  if (device_->max_work_requests() < 2 * kMaxChainWrites)
    throw std::runtime_error("the RDMA device's queues are too short for replication (ibv_devinfo -v, max_qp_wr)");
  connection_events_ = reactor.watch(channel_->fd, [this](Readiness) { on_connection_event(); });
  connection_events_->want({true, false});
  completion_events_ = reactor.watch(device_->wake_ups().fd, [this](Readiness) { on_completion_events(); });
  completion_events_->want({true, false});
}

VerbsFabric::~VerbsFabric() = default;

std::uint16_t VerbsFabric::port() const {
  return ntohs(rdma_get_src_port(listener_.get()));
}

std::unique_ptr<Link> VerbsFabric::accept(const LinkPlan& plan, LinkObserver& observer) {
  auto link = std::make_unique<VerbsLink>(*this, plan, observer);
  if (loss_.empty())
    accepting_.add(plan.ticket, *link);
  else
    link->fail(loss_);
  return link;
}

std::unique_ptr<Link> VerbsFabric::connect(std::string_view address, const LinkPlan& plan, LinkObserver& observer) {
  auto link = std::make_unique<VerbsLink>(*this, plan, observer);
  if (loss_.empty())
    link->connect(address);
  else
    link->fail(loss_);
  return link;
}

// Of an id that is not connected.
void VerbsFabric::set_options(rdma_cm_id& id) {
  if (options_.type_of_service != 0)
    set_option(id, RDMA_OPTION_ID_TOS, options_.type_of_service, "type of service (--replication-tos)");
  if (options_.connection.ack_timeout != 0)
    set_option(id, RDMA_OPTION_ID_ACK_TIMEOUT, options_.connection.ack_timeout, "timeout (--verbs-ack-timeout)");
}

// Kernels that do not know an option go on without, and it is said.
void VerbsFabric::set_option(rdma_cm_id& id, int option, std::uint8_t value, std::string_view name) {
  const Outcome outcome = minus_one_and_errno(rdma_set_option(&id, RDMA_OPTION_ID, option, &value, sizeof value));
  if (outcome.failed())
    say_(failure_text(outcome, {"set the " + std::string(name) + " of RDMA connections", "they go on without"}));
}

// The event is given back before anything is done about it, since that may be to destroy its id.
void VerbsFabric::on_connection_event() {
  NextEvent next = next_event(*channel_);
  if (next.outcome.failed()) return lose(failure_text(next.outcome, {"read the events of its connections", ""}));
  if (!next.event) return;
  rdma_cm_id* const id = next.event->id;
  const rdma_cm_event_type type = next.event->event;
  const int status = next.event->status;
  std::string private_data;
  const bool may_say = type == RDMA_CM_EVENT_CONNECT_REQUEST || type == RDMA_CM_EVENT_REJECTED;
  if (may_say && next.event->param.conn.private_data != nullptr)
    private_data.assign(static_cast<const char*>(next.event->param.conn.private_data),
                        next.event->param.conn.private_data_len);
  next.event.reset();
  if (type == RDMA_CM_EVENT_DEVICE_REMOVAL && id->verbs == &device_->context()) return lose("it was removed");
  if (type == RDMA_CM_EVENT_CONNECT_REQUEST) return on_request(CmId(id), private_data);
  if (id == listener_.get()) return;
  static_cast<VerbsLink*>(id->context)->on_event(type, status, private_data);
}

void VerbsFabric::on_request(CmId id, std::string_view private_data) {
  Hello hello;
  if (private_data.size() >= sizeof hello) std::memcpy(&hello, private_data.data(), sizeof hello);
  const bool known = private_data.size() >= sizeof hello && hello.magic == Hello::kMagic && hello.version == kVersion &&
                     hello.zero == 0 && id->verbs == &device_->context();
  VerbsLink* const link = known ? accepting_.find(hello.ticket, hello.traffic) : nullptr;
  if (link == nullptr) {
    const Refusal refusal;
    (void)rdma_reject(id.get(), &refusal, sizeof refusal);
    return;
  }
  accepting_.remove(hello.ticket, *link);
  link->take(std::move(id));
}

void VerbsFabric::on_completion_events() {
  for (unsigned i = 0; i < kEventsAtOnce; ++i) {
    ibv_cq* queue = nullptr;
    void* owner = nullptr;
    const Outcome outcome = minus_one_and_errno(ibv_get_cq_event(&device_->wake_ups(), &queue, &owner));
    if (outcome.nothing_yet()) return;
    if (outcome.failed()) return lose(failure_text(outcome, {"read of its completions", ""}));
    ibv_ack_cq_events(queue, 1);
    static_cast<VerbsLink*>(owner)->on_completions();
  }
}

// Its descriptors are readable for ever by then, and say nothing any more.
void VerbsFabric::lose(std::string_view why) {
  if (!loss_.empty()) return;
  loss_ = "the RDMA device " + std::string(ibv_get_device_name(device_->context().device)) +
          " is gone: " + std::string(why);
  connection_events_.reset();
  completion_events_.reset();
  for (VerbsLink* const link : links_) link->fail(loss_);
  say_(loss_ + "; this node can have no links until it is restarted with a device");
}

}  // namespace lmc::replication

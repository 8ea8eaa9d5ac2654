#include "endpoint.h"

#include <arpa/inet.h>
#include <poll.h>

#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace lmc::replication::verbs::test {
namespace {

constexpr int kStepMs = 5000;  // the limit of librdmacm's own steps

sockaddr_in socket_address(const std::string& text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, text.c_str(), &address.sin_addr) != 1) throw std::runtime_error("no address: " + text);
  return address;
}

CmEvent wait_for(rdma_event_channel& channel, rdma_cm_event_type expected) {
  pollfd readable{channel.fd, POLLIN, 0};
  if (::poll(&readable, 1, std::chrono::milliseconds(kPatience).count()) != 1) {
    throw std::runtime_error(std::string("no event came, but was waited for: ") + rdma_event_str(expected));
  }
  NextEvent next = next_event(channel);
  require(next.outcome, {"take an event", ""});
  if (!next.event || next.event->event != expected) {
    throw std::runtime_error(std::string(next.event ? rdma_event_str(next.event->event) : "nothing") +
                             " came instead of " + rdma_event_str(expected));
  }
  return std::move(next.event);
}

rdma_conn_param parameters() {
  rdma_conn_param result{};
  result.retry_count = 7;
  result.rnr_retry_count = 7;
  result.responder_resources = 1;  // as those do who leave librdmacm's defaults: then reads are granted too
  result.initiator_depth = 1;
  return result;
}

}  // namespace

void wait_until(std::string_view what, const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("never happened: " + std::string(what));
  }
}

std::vector<std::string> node_addresses() {
  const char* listed = std::getenv("LMC_GUEST_ADDRESSES");
  if (listed == nullptr) throw std::runtime_error("LMC_GUEST_ADDRESSES is not set: run this with tests/guest/run");
  std::istringstream words(listed);
  std::vector<std::string> result;
  for (std::string word; words >> word;) result.push_back(word);
  return result;
}

Endpoint::Endpoint(EventChannel channel, CmId id)
    : memory_(kMemoryBytes, '.'),
      source_(2 * kMemoryBytes),
      channel_(std::move(channel)),
      id_(std::move(id)),
      domain_(make_protection_domain(*id_->verbs)),
      wake_ups_(make_completion_channel(*id_->verbs)),
      completions_(make_completion_queue(*id_->verbs, static_cast<int>(kSizes.sends + kSizes.receives), wake_ups_.get())),
      region_(register_memory(*domain_, memory_, RemoteAccess::kWrite)),
      source_region_(register_memory(*domain_, source_, RemoteAccess::kNone)),
      queue_pair_(make_queue_pair(*id_, *domain_, *completions_, kSizes)) {}

Endpoint::~Endpoint() {
  (void)queue_pair_.move_to_error();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (in_flight_ > 0 && std::chrono::steady_clock::now() < deadline) (void)completion();
}

void Endpoint::post(ibv_send_wr& request) {
  ibv_send_wr* refused = nullptr;
  require(errno_value(ibv_post_send(&queue_pair_.get(), &request, &refused)), {"post a write", ""});
  ++in_flight_;
}

void Endpoint::write(const Endpoint& target, std::string_view bytes, std::size_t offset) {
  if (offset + bytes.size() > source_.size()) throw std::logic_error("a write beyond the test's own source");
  std::memcpy(&source_[offset], bytes.data(), bytes.size());
  ibv_sge piece{reinterpret_cast<std::uintptr_t>(&source_[offset]), static_cast<std::uint32_t>(bytes.size()),
                source_region_->lkey};
  ibv_send_wr request{};
  request.sg_list = &piece;
  request.num_sge = 1;
  request.opcode = IBV_WR_RDMA_WRITE;
  request.send_flags = IBV_SEND_SIGNALED;
  request.wr.rdma.remote_addr = reinterpret_cast<std::uintptr_t>(target.memory_.data()) + offset;
  request.wr.rdma.rkey = target.region_->rkey;
  post(request);
}

void Endpoint::write_inline(const Endpoint& target, std::string_view bytes, std::size_t offset,
                            std::uint32_t immediate) {
  ibv_sge piece{reinterpret_cast<std::uintptr_t>(bytes.data()), static_cast<std::uint32_t>(bytes.size()), 0};
  ibv_send_wr request{};
  request.sg_list = &piece;
  request.num_sge = 1;
  request.opcode = IBV_WR_RDMA_WRITE_WITH_IMM;
  request.send_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE;
  request.imm_data = htonl(immediate);
  request.wr.rdma.remote_addr = reinterpret_cast<std::uintptr_t>(target.memory_.data()) + offset;
  request.wr.rdma.rkey = target.region_->rkey;
  post(request);
}

void Endpoint::post_receive() {
  ibv_recv_wr request{};
  ibv_recv_wr* refused = nullptr;
  require(errno_value(ibv_post_recv(&queue_pair_.get(), &request, &refused)), {"post a receive", ""});
  ++in_flight_;
}

std::optional<ibv_wc> Endpoint::completion() {
  ibv_wc result{};
  const int taken = ibv_poll_cq(completions_.get(), 1, &result);
  require(negative(taken), {"poll for completions", ""});
  if (taken == 0) return {};
  --in_flight_;
  return result;
}

ibv_wc Endpoint::next_completion() {
  std::optional<ibv_wc> result;
  wait_until("a completion", [&] { return (result = completion()).has_value(); });
  return *result;
}

ibv_qp_attr Endpoint::attributes(int mask) {
  ibv_qp_attr result{};
  ibv_qp_init_attr unused{};
  require(errno_value(ibv_query_qp(&queue_pair_.get(), &result, mask, &unused)), {"query a queue pair", ""});
  return result;
}

Connection connect_nodes() {
  const std::vector<std::string> nodes = node_addresses();
  EventChannel listening = make_event_channel();
  CmId listener = make_id(*listening);
  sockaddr_in here = socket_address(nodes.at(1), 0);
  require(minus_one_and_errno(rdma_bind_addr(listener.get(), reinterpret_cast<sockaddr*>(&here))), {"bind", ""});
  require(minus_one_and_errno(rdma_listen(listener.get(), 1)), {"listen", ""});

  EventChannel channel = make_event_channel();
  CmId id = make_id(*channel);
  sockaddr_in from = socket_address(nodes.at(0), 0);
  sockaddr_in to = socket_address(nodes.at(1), ntohs(rdma_get_src_port(listener.get())));
  require(minus_one_and_errno(rdma_resolve_addr(id.get(), reinterpret_cast<sockaddr*>(&from),
                                                reinterpret_cast<sockaddr*>(&to), kStepMs)),
          {"resolve an address", ""});
  wait_for(*channel, RDMA_CM_EVENT_ADDR_RESOLVED);
  require(minus_one_and_errno(rdma_resolve_route(id.get(), kStepMs)), {"resolve a route", ""});
  wait_for(*channel, RDMA_CM_EVENT_ROUTE_RESOLVED);

  Connection result;
  result.writer = std::make_unique<Endpoint>(std::move(channel), std::move(id));
  rdma_conn_param wanted = parameters();
  require(minus_one_and_errno(rdma_connect(&result.writer->id(), &wanted)), {"connect", ""});

  CmId accepted(wait_for(*listening, RDMA_CM_EVENT_CONNECT_REQUEST)->id);
  EventChannel own = make_event_channel();  // the request came on the listener's
  require(minus_one_and_errno(rdma_migrate_id(accepted.get(), own.get())), {"move a connection to its channel", ""});
  result.target = std::make_unique<Endpoint>(std::move(own), std::move(accepted));
  require(minus_one_and_errno(rdma_accept(&result.target->id(), &wanted)), {"accept", ""});
  wait_for(result.writer->channel(), RDMA_CM_EVENT_ESTABLISHED);
  wait_for(result.target->channel(), RDMA_CM_EVENT_ESTABLISHED);
  return result;
}

}  // namespace lmc::replication::verbs::test

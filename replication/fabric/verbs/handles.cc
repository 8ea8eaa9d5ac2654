#include "replication/fabric/verbs/handles.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "replication/fabric/verbs/locked_memory.h"

namespace lmc::replication::verbs {
namespace {

constexpr std::string_view kNoDevice =
    "is there an RDMA device (rdma link), and are the modules ib_uverbs and rdma_ucm loaded?";

// Once the device is gone every call fails with EIO, since the kernel has taken back all that there was. What else
// fails has a wrong order.
void given_back(Outcome outcome, std::string_view what) {
  if (!outcome.failed() || outcome.error() == EIO) return;
  std::fprintf(stderr, "bug: %s\n", failure_text(outcome, {what, "something that uses it is still there"}).c_str());
  std::abort();
}

bool is_gone(ibv_context& device) {
  ibv_device_attr ignored{};
  return errno_value(ibv_query_device(&device, &ignored)).error() == EIO;
}

unsigned flags(RemoteAccess access) {
  switch (access) {
    case RemoteAccess::kNone:
      return 0;
    case RemoteAccess::kWrite:
      return IBV_ACCESS_REMOTE_WRITE;
  }
  std::abort();
}

}  // namespace

void GiveBack::operator()(rdma_event_channel* channel) const {
  rdma_destroy_event_channel(channel);
}

void GiveBack::operator()(rdma_cm_id* id) const {
  given_back(minus_one_and_errno(rdma_destroy_id(id)), "give back a connection");
}

void GiveBack::operator()(rdma_cm_event* event) const {
  given_back(minus_one_and_errno(rdma_ack_cm_event(event)), "acknowledge a connection's event");
}

void GiveBack::operator()(ibv_pd* domain) const {
  given_back(errno_value(ibv_dealloc_pd(domain)), "give back a protection domain");
}

// libibverbs counts a channel's queues itself, and goes on counting one that went with the device.
void GiveBack::operator()(ibv_comp_channel* channel) const {
  const Outcome outcome = errno_value(ibv_destroy_comp_channel(channel));
  if (outcome.error() == EBUSY && is_gone(*channel->context)) return;
  given_back(outcome, "give back a completion channel");
}

void GiveBack::operator()(ibv_cq* queue) const {
  given_back(errno_value(ibv_destroy_cq(queue)), "give back a completion queue");
}

void GiveBack::operator()(ibv_mr* region) const {
  given_back(errno_value(ibv_dereg_mr(region)), "give back registered memory");
}

QueuePair::~QueuePair() {
  if (id_ != nullptr) rdma_destroy_qp(id_);
}

Outcome QueuePair::set_remote_access(RemoteAccess access) {
  ibv_qp_attr wanted{};
  wanted.qp_access_flags = flags(access);
  return errno_value(ibv_modify_qp(id_->qp, &wanted, IBV_QP_ACCESS_FLAGS));
}

Outcome QueuePair::set_receiver_not_ready_timer(std::uint8_t code) {
  ibv_qp_attr wanted{};
  wanted.min_rnr_timer = code;
  return errno_value(ibv_modify_qp(id_->qp, &wanted, IBV_QP_MIN_RNR_TIMER));
}

Outcome QueuePair::move_to_error() {
  return move_to(IBV_QPS_ERR);
}

Outcome QueuePair::reset() {
  return move_to(IBV_QPS_RESET);
}

Outcome QueuePair::move_to(ibv_qp_state state) {
  ibv_qp_attr wanted{};
  wanted.qp_state = state;
  return errno_value(ibv_modify_qp(id_->qp, &wanted, IBV_QP_STATE));
}

EventChannel make_event_channel() {
  EventChannel channel(rdma_create_event_channel());
  require(null_and_errno(channel.get()), {"open a channel for RDMA connections", kNoDevice});
  return channel;
}

CmId make_id(rdma_event_channel& channel) {
  rdma_cm_id* id = nullptr;
  require(minus_one_and_errno(rdma_create_id(&channel, &id, nullptr, RDMA_PS_TCP)),
          {"make an RDMA connection", kNoDevice});
  return CmId(id);
}

ProtectionDomain make_protection_domain(ibv_context& device) {
  ProtectionDomain domain(ibv_alloc_pd(&device));
  require(null_and_errno(domain.get()), {"make a protection domain of the RDMA device", ""});
  return domain;
}

CompletionChannel make_completion_channel(ibv_context& device) {
  CompletionChannel channel(ibv_create_comp_channel(&device));
  require(null_and_errno(channel.get()), {"make a completion channel of the RDMA device", ""});
  return channel;
}

CompletionQueue make_completion_queue(ibv_context& device, int entries, ibv_comp_channel* channel, void* owner) {
  CompletionQueue queue(ibv_create_cq(&device, entries, owner, channel, 0));
  require(null_and_errno(queue.get()), {"make a completion queue of " + std::to_string(entries) + " entries",
                                        "ibv_devinfo -v shows the device's limit, max_cqe"});
  return queue;
}

MemoryRegion register_memory(ibv_pd& domain, std::span<char> memory, RemoteAccess access) {
  const unsigned wanted = IBV_ACCESS_LOCAL_WRITE | flags(access);
  MemoryRegion region(ibv_reg_mr(&domain, memory.data(), memory.size(), static_cast<int>(wanted)));
  require(null_and_errno(region.get()),
          {"register " + std::to_string(memory.size()) + " bytes with the RDMA device", kRaiseTheLimit});
  return region;
}

QueuePair make_queue_pair(rdma_cm_id& id, ibv_pd& domain, ibv_cq& completions, const QueueSizes& sizes) {
  ibv_qp_init_attr wanted{};
  wanted.qp_type = IBV_QPT_RC;
  wanted.send_cq = &completions;
  wanted.recv_cq = &completions;
  wanted.cap.max_send_wr = sizes.sends;
  wanted.cap.max_recv_wr = sizes.receives;
  wanted.cap.max_send_sge = 1;
  wanted.cap.max_recv_sge = 1;
  wanted.cap.max_inline_data = sizes.inline_bytes;
  require(minus_one_and_errno(rdma_create_qp(&id, &domain, &wanted)),
          {"make a queue pair for " + std::to_string(sizes.sends) + " sends and " + std::to_string(sizes.receives) +
               " receives with " + std::to_string(sizes.inline_bytes) + " bytes inline",
           "ibv_devinfo -v shows the device's limits"});
  return QueuePair(id);
}

NextEvent next_event(rdma_event_channel& channel) {
  rdma_cm_event* event = nullptr;
  const Outcome outcome = minus_one_and_errno(rdma_get_cm_event(&channel, &event));
  if (!outcome.failed()) return {CmEvent(event), {}};
  if (outcome.nothing_yet()) return {};
  return {nullptr, outcome};
}

}  // namespace lmc::replication::verbs

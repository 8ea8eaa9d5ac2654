#include "replication/fabric/verbs/connection.h"

#include <algorithm>
#include <array>
#include <thread>

namespace lmc::replication::verbs {

namespace {

constexpr unsigned kSendSlots = 1024;
constexpr unsigned kPolledAtOnce = 32;
constexpr unsigned kPassCompletions = 512;  // before others are looked after
constexpr std::uint8_t kShortTime = 7;      // as a code of waiting for receives: 120 us
constexpr std::uint8_t kTryForEver = 7;  // of rnr_retry_count: how long a peer may be slow is not for the device to say

unsigned send_slots(const Device& device) {
  return std::min(kSendSlots, device.max_work_requests() - 1);
}
unsigned receive_slots(const Device& device) {
  return std::min(Connection::kReceives, device.max_work_requests());
}

// One more send than there are slots: the keys.
QueueSizes sizes(const Device& device) {
  return {send_slots(device) + 1, receive_slots(device), device.inline_bytes()};
}

template <typename T>
std::span<char> bytes_of(T& value) {
  return {reinterpret_cast<char*>(&value), sizeof value};
}

std::string text_of(ibv_wc_status status) {
  switch (status) {
    case IBV_WC_REM_INV_REQ_ERR:
    case IBV_WC_REM_ACCESS_ERR:
      return "the other end does not let this node write (any more)";
    case IBV_WC_RETRY_EXC_ERR:
      return "the other end does not answer";
    case IBV_WC_WR_FLUSH_ERR:
      return "closed, or broken by what one end did";
    default:
      return ibv_wc_status_str(status);
  }
}

}  // namespace

Connection::Connection(const Device& device, CmId id, const ExposedMemory& exposed, void* owner,
                       FabricCounters& counters)
    : device_(device),
      id_(std::move(id)),
      completions_(make_completion_queue(
          device.context(), static_cast<int>(sizes(device).sends + sizes(device).receives), &device.wake_ups(), owner)),
      mine_region_(register_memory(device.domain(), bytes_of(mine_), RemoteAccess::kNone)),
      theirs_region_(register_memory(device.domain(), bytes_of(theirs_), RemoteAccess::kNone)),
      sends_(device, send_slots(device), counters),
      queue_pair_(make_queue_pair(*id_, device.domain(), *completions_, sizes(device))) {
  expose(exposed);
  post_receives();
  require(errno_value(ibv_req_notify_cq(completions_.get(), 0)), {"ask to be told of completions", ""});
}

void Connection::expose(const ExposedMemory& exposed) {
  for (std::size_t i = 0; i < exposed.size(); ++i) {
    if (exposed[i].empty()) continue;
    const ibv_mr* region = device_.exactly(exposed[i]);
    if (region == nullptr) {
      regions_.push_back(register_memory(device_.domain(), exposed[i], RemoteAccess::kWrite));
      region = regions_.back().get();
    }
    mine_.regions[i] = {reinterpret_cast<std::uintptr_t>(region->addr), region->length, region->rkey, 0};
    exposes_ = true;
  }
}

// The first takes the peer's keys, each of the others the news that a chain has landed.
void Connection::post_receives() {
  ibv_sge piece{reinterpret_cast<std::uintptr_t>(&theirs_), sizeof theirs_, theirs_region_->lkey};
  ibv_recv_wr request{};
  request.wr_id = static_cast<std::uint64_t>(Work::kKeysReceived);
  request.sg_list = &piece;
  request.num_sge = 1;
  require(post_receive_list(request), {"post a receive", ""});
  require(post_receive_lists(receive_slots(device_) - 1), {"post receives", ""});
}

// Counts those that the queue pair took.
Outcome Connection::post_receive_list(ibv_recv_wr& first) {
  ibv_recv_wr* refused = nullptr;  // the first that it did not
  const Outcome outcome = errno_value(ibv_post_recv(&queue_pair_.get(), &first, &refused));
  const ibv_recv_wr* const end = outcome.failed() ? refused : nullptr;
  for (const ibv_recv_wr* each = &first; each != nullptr && each != end; each = each->next) ++receives_;
  return outcome;
}

Outcome Connection::post_receive_lists(unsigned count) {
  std::array<ibv_recv_wr, kPolledAtOnce> requests{};
  while (count != 0) {
    const unsigned now = std::min<unsigned>(count, requests.size());
    for (unsigned i = 0; i < now; ++i) {
      requests[i] = {};
      requests[i].wr_id = static_cast<std::uint64_t>(Work::kReceive);
      if (i + 1 < now) requests[i].next = &requests[i + 1];
    }
    if (const Outcome outcome = post_receive_list(requests[0]); outcome.failed()) return outcome;
    count -= now;
  }
  return {};
}

rdma_conn_param Connection::parameters(const ConnectionOptions& options) const {
  rdma_conn_param result{};
  result.retry_count = options.retries;
  result.rnr_retry_count = kTryForEver;
  return result;  // nobody may read, so no resources for that
}

Outcome Connection::connect(const Hello& hello, const ConnectionOptions& options) {
  rdma_conn_param wanted = parameters(options);
  wanted.private_data = &hello;
  wanted.private_data_len = sizeof hello;
  connected_ = true;
  return minus_one_and_errno(rdma_connect(id_.get(), &wanted));
}

Outcome Connection::accept(const ConnectionOptions& options) {
  rdma_conn_param wanted = parameters(options);
  connected_ = true;
  return minus_one_and_errno(rdma_accept(id_.get(), &wanted));
}

Outcome Connection::greet() {
  const RemoteAccess access = exposes_ ? RemoteAccess::kWrite : RemoteAccess::kNone;
  if (const Outcome outcome = queue_pair_.set_remote_access(access); outcome.failed()) return outcome;
  if (const Outcome outcome = queue_pair_.set_receiver_not_ready_timer(kShortTime); outcome.failed()) return outcome;
  ibv_sge piece{reinterpret_cast<std::uintptr_t>(&mine_), sizeof mine_, mine_region_->lkey};
  ibv_send_wr request{};
  request.wr_id = static_cast<std::uint64_t>(Work::kKeysSent);
  request.sg_list = &piece;
  request.num_sge = 1;
  request.opcode = IBV_WR_SEND;
  request.send_flags = IBV_SEND_SIGNALED;
  ibv_send_wr* refused = nullptr;
  const Outcome outcome = errno_value(ibv_post_send(&queue_pair_.get(), &request, &refused));
  if (!outcome.failed()) ++keys_in_queue_;
  return outcome;
}

// --- reports ---

Connection::Reports Connection::take_reports() {
  Reports reports;
  // What comes between the last look and the asking is found by the second look, what comes later is told.
  if (!poll(reports)) return reports;
  if (const Outcome outcome = errno_value(ibv_req_notify_cq(completions_.get(), 0)); outcome.failed()) {
    reports.failure = failure_text(outcome, {"ask to be told of completions", ""});
    return reports;
  }
  reports.all = poll(reports);
  return reports;
}

// True: to the end.
bool Connection::poll(Reports& reports) {
  std::array<ibv_wc, kPolledAtOnce> taken;
  for (unsigned total = 0; total < kPassCompletions; total += kPolledAtOnce) {
    const int count = ibv_poll_cq(completions_.get(), static_cast<int>(taken.size()), taken.data());
    if (negative(count).failed()) {
      reports.failure = "completions cannot be polled for";
      return true;
    }
    const std::size_t arrived = reports.arrived;
    for (int i = 0; i < count; ++i) take(taken[static_cast<std::size_t>(i)], reports);
    const Outcome outcome =
        reports.failure.empty() ? post_receive_lists(static_cast<unsigned>(reports.arrived - arrived)) : Outcome();
    if (outcome.failed()) reports.failure = failure_text(outcome, {"post receives", ""});
    if (count < static_cast<int>(taken.size()) || !reports.failure.empty()) return true;
  }
  return false;
}

void Connection::take(const ibv_wc& completion, Reports& reports) {
  const Work work{completion.wr_id};
  settle(work);
  if (completion.status != IBV_WC_SUCCESS) {
    // That everything else is flushed is said after the cause.
    if (reports.failure.empty()) reports.failure = text_of(completion.status);
  } else if (work == Work::kReceive) {
    if (completion.opcode == IBV_WC_RECV_RDMA_WITH_IMM)
      ++reports.arrived;
    else
      reports.failure = "the other end sends what is no write";
  } else if (work == Work::kKeysReceived) {
    take_keys(completion, reports);
  } else if (work == Work::kChainEnd) {
    ++reports.completed;
    const Outcome outcome = sends_.resume(queue_pair_.get());
    if (outcome.failed() && reports.failure.empty()) reports.failure = failure_text(outcome, {"post a chain", ""});
  }
}

// Work that was posted has been reported, however it went.
void Connection::settle(Work work) {
  if (work == Work::kReceive || work == Work::kKeysReceived) --receives_;
  if (work == Work::kKeysSent) --keys_in_queue_;
  if (work == Work::kChainEnd) sends_.reported();
}

void Connection::take_keys(const ibv_wc& completion, Reports& reports) {
  if (completion.opcode != IBV_WC_RECV || completion.byte_len != sizeof theirs_ || theirs_.magic != Keys::kMagic ||
      theirs_.version != kVersion) {
    reports.failure = "the other end does not begin with its keys";
    return;
  }
  sends_.aim(theirs_);
  reports.keys = true;
}

// --- the end ---

Connection::~Connection() {
  if (!connected_) return;
  (void)queue_pair_.set_remote_access(RemoteAccess::kNone);  // fails if the queue pair is in the error state already
  const Outcome stopped = queue_pair_.move_to_error();
  (void)rdma_disconnect(id_.get());    // tells the peer
  if (stopped.error() == EIO) return;  // the device is gone and will report nothing
  if (!drained()) (void)queue_pair_.reset();
}

// False: kDrainLimit is over.
bool Connection::drained() {
  const auto until = std::chrono::steady_clock::now() + kDrainLimit;
  std::array<ibv_wc, kPolledAtOnce> taken;
  while (unsettled() != 0) {
    const int count = ibv_poll_cq(completions_.get(), static_cast<int>(taken.size()), taken.data());
    if (count < 0) return false;
    for (int i = 0; i < count; ++i) settle(Work{taken[static_cast<std::size_t>(i)].wr_id});
    if (count != 0) continue;
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return true;
}

}  // namespace lmc::replication::verbs

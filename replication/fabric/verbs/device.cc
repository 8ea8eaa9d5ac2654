#include "replication/fabric/verbs/device.h"

#include <algorithm>
#include <utility>

#include "replication/fabric/verbs/locked_memory.h"
#include "replication/fabric/verbs/nonblocking.h"

namespace lmc::replication::verbs {
namespace {

constexpr unsigned kMostInline = 128;
constexpr unsigned kLeastInline = 64;  // a link whose queue pair cannot have that says so

// No attribute tells: it is tried.
unsigned try_inline(ibv_pd& domain) {
  const CompletionQueue queue = make_completion_queue(*domain.context, 1, nullptr);
  ibv_qp_init_attr wanted{};
  wanted.qp_type = IBV_QPT_RC;
  wanted.send_cq = wanted.recv_cq = queue.get();
  wanted.cap = {1, 1, 1, 1, kMostInline};
  ibv_qp* const tried = ibv_create_qp(&domain, &wanted);
  if (tried == nullptr) return kLeastInline;
  (void)ibv_destroy_qp(tried);
  return kMostInline;
}

}  // namespace

Device::Device(ibv_context& context, Reactor& reactor, std::function<void(std::string_view)> lost)
    : context_(context),
      lost_(std::move(lost)),
      domain_(make_protection_domain(context)),
      wake_ups_(make_completion_channel(context)) {
  ibv_device_attr limits{};
  require(errno_value(ibv_query_device(&context, &limits)), {"ask the RDMA device for its limits", ""});
  max_work_requests_ = static_cast<unsigned>(std::max(limits.max_qp_wr, 1));
  inline_bytes_ = try_inline(*domain_);
  set_nonblocking(wake_ups_->fd);
  set_nonblocking(context.async_fd);
  events_ = reactor.watch(context.async_fd, [this](Readiness) { read_event(); });
  events_->want({true, false});
}

// Each link learns by its own completions and connection what the other events say of it; unread they would pile up.
// A device that is gone leaves a descriptor that is readable for ever.
void Device::read_event() {
  ibv_async_event event{};
  const Outcome outcome = minus_one_and_errno(ibv_get_async_event(&context_, &event));
  if (outcome.nothing_yet()) return;
  if (!outcome.failed()) ibv_ack_async_event(&event);
  if (!outcome.failed() && event.event_type != IBV_EVENT_DEVICE_FATAL) return;
  events_.reset();
  lost_(outcome.failed() ? failure_text(outcome, {"read its events", ""}) : "it has failed or was removed");
}

void Device::add(std::span<char> memory) {
  require_lockable(registered_bytes_ + memory.size());
  registered_.push_back(register_memory(*domain_, memory, RemoteAccess::kWrite));
  registered_bytes_ += memory.size();
}

template <typename Condition>
const ibv_mr* Device::latest(Condition condition) const {
  const auto found = std::find_if(registered_.rbegin(), registered_.rend(), condition);
  return found == registered_.rend() ? nullptr : found->get();
}

const ibv_mr* Device::exactly(std::span<const char> memory) const {
  return latest([&](const MemoryRegion& each) { return each->addr == memory.data() && each->length == memory.size(); });
}

const ibv_mr* Device::covering(std::string_view bytes) const {
  return latest([&](const MemoryRegion& each) {
    const char* const begin = static_cast<const char*>(each->addr);
    return bytes.data() >= begin && bytes.data() + bytes.size() <= begin + each->length;
  });
}

}  // namespace lmc::replication::verbs

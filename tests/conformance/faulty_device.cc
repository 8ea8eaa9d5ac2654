#include "faulty_device.h"

#include <fcntl.h>
#include <rdma/rdma_cma.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>

namespace lmc::test {
namespace {

// The functions that replace others can hold nothing.
ibv_context_ops good;
bool refuses = false;
bool refused = false;
unsigned posts_since = 0;
ibv_qp* posted_to = nullptr;

int post_send(ibv_qp* queue_pair, ibv_send_wr* request, ibv_send_wr** first_refused) {
  posted_to = queue_pair;
  if (refused) ++posts_since;
  if (!refuses) return good.post_send(queue_pair, request, first_refused);
  refuses = false;
  refused = true;
  *first_refused = request;
  return ENOMEM;
}

int poll_cq(ibv_cq*, int, ibv_wc*) {
  return 0;
}

}  // namespace

FaultyDevice::FaultyDevice(std::string_view name) : all_(rdma_get_devices(nullptr)) {
  for (ibv_context** each = all_; each != nullptr && *each != nullptr; ++each)
    if (ibv_get_device_name((*each)->device) == name) context_ = *each;
  if (context_ == nullptr) throw std::runtime_error("there is no RDMA device " + std::string(name));
  good = context_->ops;
  refuses = refused = false;
  posts_since = 0;
  posted_to = nullptr;
  context_->ops.post_send = post_send;
}

FaultyDevice::~FaultyDevice() {
  context_->ops = good;
  if (events_ >= 0) {
    ::dup2(events_, context_->async_fd);
    ::close(events_);
  }
  rdma_free_devices(all_);
}

void FaultyDevice::refuse_next_post() {
  refuses = true;
}

unsigned FaultyDevice::posts_after_refusal() const {
  return posts_since;
}

ibv_qp* FaultyDevice::last_posted_to() const {
  return posted_to;
}

// Nothing is mapped where this file begins.
void FaultyDevice::fail_events() {
  const int unreadable = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  events_ = ::dup(context_->async_fd);
  if (unreadable < 0 || events_ < 0) throw std::runtime_error("no descriptor");
  ::dup2(unreadable, context_->async_fd);
  ::close(unreadable);
}

void FaultyDevice::report_nothing() {
  context_->ops.poll_cq = poll_cq;
}

}  // namespace lmc::test

// An RDMA device that fails as soft-RoCE never does: some of what it is asked is answered here, while this lives.
#pragma once

#include <infiniband/verbs.h>

#include <string_view>

namespace lmc::test {

// One at a time.
class FaultyDevice {
 public:
  explicit FaultyDevice(std::string_view name);
  ~FaultyDevice();
  FaultyDevice(const FaultyDevice&) = delete;
  FaultyDevice& operator=(const FaultyDevice&) = delete;

  // The next ibv_post_send takes nothing and fails with ENOMEM.
  void refuse_next_post();
  [[nodiscard]] unsigned posts_after_refusal() const;
  // What it has to say of itself cannot be read any more, as when it is gone: EIO, and the descriptor stays readable.
  void fail_events();
  // The queue pair that was posted to last.
  [[nodiscard]] ibv_qp* last_posted_to() const;
  // No ibv_poll_cq finds anything from now on.
  void report_nothing();

 private:
  ibv_context** all_;
  ibv_context* context_ = nullptr;
  int events_ = -1;  // the descriptor that is replaced
};

}  // namespace lmc::test

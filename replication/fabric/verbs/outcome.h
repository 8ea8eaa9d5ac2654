// Outcome: what a call of libibverbs or librdmacm came to.
//
// The two libraries have four ways to say that something failed. Each has its function here, named for what the call
// returns, so that the choice is made where the call stands and can be checked against its manual page:
//
//   minus_one_and_errno   rdma_bind_addr, rdma_connect, rdma_get_cm_event, rdma_destroy_id, ibv_get_cq_event ...
//   errno_value           ibv_modify_qp, ibv_query_qp, ibv_post_send, ibv_req_notify_cq, ibv_dereg_mr, ibv_destroy_*
//   null_and_errno        ibv_alloc_pd, ibv_create_cq, ibv_reg_mr, rdma_create_event_channel ...
//   negative              ibv_poll_cq, which says nothing of the cause
//
// What to do with a failure depends on when: at start-up require() throws it for the operator to read, at run time the
// link ends and failure_text() is its cause. A completion's status is not an Outcome: it is an event of its link.
//
// Call them directly on the call's result, since some read errno.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lmc::replication::verbs {

class [[nodiscard]] Outcome {
 public:
  constexpr Outcome() = default;  // success
  explicit constexpr Outcome(int error) : error_(error) {}
  [[nodiscard]] constexpr bool failed() const { return error_ != 0; }
  [[nodiscard]] constexpr int error() const { return error_; }  // an errno value
  // Of a descriptor that does not block: there is nothing to read now.
  [[nodiscard]] constexpr bool nothing_yet() const { return error_ == EAGAIN || error_ == EINTR; }

 private:
  int error_ = 0;
};

namespace detail {
// A call that fails without a cause has still failed.
inline Outcome from_errno() {
  return Outcome(errno != 0 ? errno : EIO);
}
}  // namespace detail

inline Outcome minus_one_and_errno(int returned) {
  return returned == 0 ? Outcome() : detail::from_errno();
}
// Some providers negate it.
inline Outcome errno_value(int returned) {
  return Outcome(returned < 0 ? -returned : returned);
}
inline Outcome null_and_errno(const void* returned) {
  return returned != nullptr ? Outcome() : detail::from_errno();
}
inline Outcome negative(int returned) {
  return returned >= 0 ? Outcome() : Outcome(EIO);
}

// What was tried, in words that go on from "cannot": "listen on 10.0.0.1:11300". `remedy` is a sentence without a
// capital, or empty.
struct Attempt {
  std::string_view what;
  std::string_view remedy;
};

// "cannot listen on 10.0.0.1:11300: Address already in use; another process listens there"
[[nodiscard]] std::string failure_text(Outcome outcome, const Attempt& attempt);

// Thrown at start-up only.
class Error : public std::runtime_error {
 public:
  Error(Outcome outcome, const Attempt& attempt)
      : std::runtime_error(failure_text(outcome, attempt)), error_(outcome.error()) {}
  [[nodiscard]] int error() const { return error_; }

 private:
  int error_;
};

inline void require(Outcome outcome, const Attempt& attempt) {
  if (outcome.failed()) throw Error(outcome, attempt);
}

}  // namespace lmc::replication::verbs

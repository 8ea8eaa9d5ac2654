// What the fabric will rest on, tried on a real provider. Each case connects two nodes of the guest anew.
#include <arpa/inet.h>
#include <poll.h>

#include <catch2/catch.hpp>

#include "endpoint.h"

namespace lmc::replication::verbs::test {
namespace {

constexpr unsigned kRound = 16;       // writes kept in flight
constexpr std::size_t kPiece = 4096;  // several packets

// Keeps the writer busy: each write fills the next part of the target's memory with the next letter. Ends at the first
// failure, which it returns, or when `go_on` says so.
std::optional<ibv_wc> write_on(Connection& nodes, const std::function<bool(unsigned completed)>& go_on) {
  unsigned completed = 0;
  unsigned posted = 0;
  std::optional<ibv_wc> failure;
  wait_until("the stream of writes ends", [&] {
    if (!go_on(completed)) return true;
    while (nodes.writer->in_flight() < kRound) {
      const std::string piece(kPiece, static_cast<char>('a' + posted % 26));
      nodes.writer->write(*nodes.target, piece, posted % kRound * kPiece);
      ++posted;
    }
    const auto done = nodes.writer->completion();
    if (!done) return false;
    if (done->status == IBV_WC_SUCCESS) {
      ++completed;
      return false;
    }
    failure = done;
    return true;
  });
  return failure;
}

std::string all_of(Endpoint& node) { return {node.memory().begin(), node.memory().end()}; }

TEST_CASE("a write lands in the other node's registered memory", "[device]") {
  Connection nodes = connect_nodes();
  nodes.writer->write(*nodes.target, "one-sided", 100);
  CHECK(nodes.writer->next_completion().status == IBV_WC_SUCCESS);
  CHECK(nodes.target->text(99, 11) == ".one-sided.");
}

TEST_CASE("a write with immediate wakes the other node and tells a number", "[device]") {
  Connection nodes = connect_nodes();
  nodes.target->post_receive();
  REQUIRE_FALSE(errno_value(ibv_req_notify_cq(&nodes.target->completions(), 0)).failed());
  nodes.writer->write_inline(*nodes.target, std::string(kSizes.inline_bytes, 'i'), 0, 0xabcdef01);
  CHECK(nodes.writer->next_completion().status == IBV_WC_SUCCESS);

  pollfd readable{nodes.target->wake_ups().fd, POLLIN, 0};
  REQUIRE(::poll(&readable, 1, std::chrono::milliseconds(kPatience).count()) == 1);
  ibv_cq* which = nullptr;
  void* context = nullptr;
  REQUIRE_FALSE(minus_one_and_errno(ibv_get_cq_event(&nodes.target->wake_ups(), &which, &context)).failed());
  ibv_ack_cq_events(which, 1);
  const ibv_wc arrived = nodes.target->next_completion();
  CHECK(arrived.status == IBV_WC_SUCCESS);
  CHECK(arrived.opcode == IBV_WC_RECV_RDMA_WITH_IMM);
  CHECK(ntohl(arrived.imm_data) == 0xabcdef01);
  CHECK(nodes.target->text(0, 2) == "ii");
}

TEST_CASE("rdma_cm grants remote writes and reads by itself, until they are taken back", "[device]") {
  Connection nodes = connect_nodes();
  const unsigned by_itself = nodes.target->attributes(IBV_QP_ACCESS_FLAGS).qp_access_flags;
  CHECK((by_itself & IBV_ACCESS_REMOTE_WRITE) != 0);
  CHECK((by_itself & IBV_ACCESS_REMOTE_READ) != 0);
  REQUIRE_FALSE(nodes.target->queue_pair().set_remote_access(RemoteAccess::kNone).failed());
  CHECK(nodes.target->attributes(IBV_QP_ACCESS_FLAGS).qp_access_flags == 0);
}

TEST_CASE("without the grant a write is refused, and the writer is told so", "[device]") {
  Connection nodes = connect_nodes();
  REQUIRE_FALSE(nodes.target->queue_pair().set_remote_access(RemoteAccess::kNone).failed());
  nodes.writer->write(*nodes.target, "too early");
  CHECK(nodes.writer->next_completion().status == IBV_WC_REM_INV_REQ_ERR);
  CHECK(nodes.target->text(0, 9) == ".........");
  CHECK(nodes.target->attributes(IBV_QP_STATE).qp_state == IBV_QPS_ERR);
}

TEST_CASE("with the grant given again a write lands", "[device]") {
  Connection nodes = connect_nodes();
  REQUIRE_FALSE(nodes.target->queue_pair().set_remote_access(RemoteAccess::kNone).failed());
  REQUIRE_FALSE(nodes.target->queue_pair().set_remote_access(RemoteAccess::kWrite).failed());
  CHECK(nodes.target->attributes(IBV_QP_ACCESS_FLAGS).qp_access_flags == IBV_ACCESS_REMOTE_WRITE);
  nodes.writer->write(*nodes.target, "in time");
  CHECK(nodes.writer->next_completion().status == IBV_WC_SUCCESS);
  CHECK(nodes.target->text(0, 7) == "in time");
}

TEST_CASE("a write that goes beyond the registered memory lands nowhere and ends the connection", "[device]") {
  Connection nodes = connect_nodes();
  nodes.writer->write(*nodes.target, "beyond", kMemoryBytes - 3);
  CHECK(nodes.writer->next_completion().status == IBV_WC_REM_ACCESS_ERR);
  CHECK(nodes.target->text(kMemoryBytes - 3, 3) == "...");
  CHECK(nodes.target->attributes(IBV_QP_STATE).qp_state == IBV_QPS_ERR);
}

TEST_CASE("a deposed writer's late write never lands, and the writer learns that it is deposed", "[device]") {
  Connection nodes = connect_nodes();
  std::optional<std::string> at_the_fence;
  const auto failure = write_on(nodes, [&](unsigned completed) {
    if (completed >= 100 && !at_the_fence) {
      REQUIRE(nodes.writer->in_flight() > 0);
      REQUIRE_FALSE(nodes.target->queue_pair().set_remote_access(RemoteAccess::kNone).failed());
      at_the_fence = all_of(*nodes.target);
    }
    return true;
  });
  REQUIRE(failure);
  CHECK(failure->status == IBV_WC_REM_INV_REQ_ERR);
  CHECK(all_of(*nodes.target) == at_the_fence);
  // What it had in flight is lost, and nothing can be posted that would not be.
  while (nodes.writer->in_flight() > 0) CHECK(nodes.writer->next_completion().status == IBV_WC_WR_FLUSH_ERR);
  CHECK(nodes.writer->attributes(IBV_QP_STATE).qp_state == IBV_QPS_ERR);
}

TEST_CASE("a queue pair in the error state takes nothing more and gives back what was posted", "[device]") {
  Connection nodes = connect_nodes();
  nodes.target->post_receive();
  nodes.target->post_receive();
  std::optional<std::string> at_the_end;
  // The writer is told nothing and goes on trying, so the stream is left after a while.
  std::chrono::steady_clock::time_point left;
  const auto failure = write_on(nodes, [&](unsigned completed) {
    const auto now = std::chrono::steady_clock::now();
    if (completed >= 100 && !at_the_end) {
      REQUIRE_FALSE(nodes.target->queue_pair().move_to_error().failed());
      at_the_end = all_of(*nodes.target);
      left = now + std::chrono::milliseconds(300);
    }
    return !at_the_end || now < left;
  });
  CHECK_FALSE(failure);
  CHECK(all_of(*nodes.target) == at_the_end);
  CHECK(nodes.target->next_completion().status == IBV_WC_WR_FLUSH_ERR);
  CHECK(nodes.target->next_completion().status == IBV_WC_WR_FLUSH_ERR);
}

}  // namespace
}  // namespace lmc::replication::verbs::test

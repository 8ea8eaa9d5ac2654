// Owners of what libibverbs and librdmacm give out, and how to get each of them.
//
// Every make_...() throws Error, with what failed, why and what can be done. Every owner is move-only and gives its
// object back when it goes. That fails if the device is gone, and nothing is left to give back; or by an order that is
// wrong (a completion queue before its queue pair), which is a bug and ends the process with a message. So declare
// members in this order, and the compiler takes them down in the right one:
//
//   EventChannel, CmId, ProtectionDomain, CompletionChannel, CompletionQueue, MemoryRegion, QueuePair, CmEvent
//
// Blocking: giving back a CmId waits until all of its CmEvents are given back, a CompletionQueue with a channel until
// all of its events are acknowledged (ibv_ack_cq_events).
// Threads: the objects are the libraries' and as safe as their manual pages say; the owners are plain pointers.
// Fork: none of these survives one; make them after daemonising.
#pragma once

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "replication/fabric/verbs/outcome.h"

namespace lmc::replication::verbs {

struct GiveBack {
  void operator()(rdma_event_channel* channel) const;
  void operator()(rdma_cm_id* id) const;
  void operator()(rdma_cm_event* event) const;
  void operator()(ibv_pd* domain) const;
  void operator()(ibv_comp_channel* channel) const;
  void operator()(ibv_cq* queue) const;
  void operator()(ibv_mr* region) const;
};

using EventChannel = std::unique_ptr<rdma_event_channel, GiveBack>;
using CmId = std::unique_ptr<rdma_cm_id, GiveBack>;  // also for the id that comes with a connection request
using CmEvent = std::unique_ptr<rdma_cm_event, GiveBack>;
using ProtectionDomain = std::unique_ptr<ibv_pd, GiveBack>;
using CompletionChannel = std::unique_ptr<ibv_comp_channel, GiveBack>;
using CompletionQueue = std::unique_ptr<ibv_cq, GiveBack>;
using MemoryRegion = std::unique_ptr<ibv_mr, GiveBack>;

// What the other side may do: with a registered region, and over a queue pair. Both must allow it.
enum class RemoteAccess : std::uint8_t { kNone, kWrite };

// For queue pairs of the reliable connected kind.
struct QueueSizes {
  std::uint32_t sends = 0;     // posted and not completed
  std::uint32_t receives = 0;  // the same
  std::uint32_t inline_bytes = 0;
};

// A queue pair of a CmId, which it must not outlive.
//
// Before it goes, stop it for good: move_to_error(), then poll until everything posted has been reported (as flushed),
// or reset() what takes too long. With work in flight its end is where providers are weakest.
class QueuePair {
 public:
  QueuePair() = default;
  QueuePair(QueuePair&& other) noexcept : id_(std::exchange(other.id_, nullptr)) {}
  QueuePair& operator=(QueuePair&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~QueuePair();

  [[nodiscard]] explicit operator bool() const { return id_ != nullptr; }
  [[nodiscard]] ibv_qp& get() const { return *id_->qp; }

  // Only while connected. Connecting and accepting grant more than was asked for: rdma_cm lets the peer write, and read
  // if responder_resources allow it, whatever was set before. So set this right afterwards, and tell the peer the
  // region's key only then. Taking kWrite away ends the peer's right: its next packet is refused, its queue pair gets a
  // completion with "remote invalid request error", and this one goes to the error state.
  Outcome set_remote_access(RemoteAccess access);
  // How soon the peer tries again when it finds no receive posted here, by the specification's code. rdma_cm leaves it
  // at the longest, 655 ms.
  Outcome set_receiver_not_ready_timer(std::uint8_t code);
  // Nothing is sent or taken any more; what was posted is reported as flushed. The peer is not told and finds out by
  // its retries, in seconds: a fence takes the access away first.
  Outcome move_to_error();
  // What was posted is forgotten without a report. Waits until the device has stopped working on it.
  Outcome reset();

 private:
  friend QueuePair make_queue_pair(rdma_cm_id& id, ibv_pd& domain, ibv_cq& completions, const QueueSizes& sizes);
  explicit QueuePair(rdma_cm_id& id) : id_(&id) {}
  Outcome move_to(ibv_qp_state state);

  rdma_cm_id* id_ = nullptr;
};

[[nodiscard]] EventChannel make_event_channel();
[[nodiscard]] CmId make_id(rdma_event_channel& channel);
[[nodiscard]] ProtectionDomain make_protection_domain(ibv_context& device);
[[nodiscard]] CompletionChannel make_completion_channel(ibv_context& device);
// `channel` may be null: then nothing but polling tells of completions. `owner`: given with the channel's events.
[[nodiscard]] CompletionQueue make_completion_queue(ibv_context& device, int entries, ibv_comp_channel* channel,
                                                    void* owner = nullptr);
// Locks the memory and lets this side's device write to it. Never with relaxed ordering: the order of writes is what
// replication stands on.
[[nodiscard]] MemoryRegion register_memory(ibv_pd& domain, std::span<char> memory, RemoteAccess access);
// Fails if the device cannot have the sizes; it may give more.
[[nodiscard]] QueuePair make_queue_pair(rdma_cm_id& id, ibv_pd& domain, ibv_cq& completions, const QueueSizes& sizes);

// The next event of a channel. Null: none is there (a non-blocking channel), or the outcome says why not.
struct NextEvent {
  CmEvent event;
  Outcome outcome;
};
[[nodiscard]] NextEvent next_event(rdma_event_channel& channel);

}  // namespace lmc::replication::verbs

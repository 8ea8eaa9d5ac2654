// Two nodes of the guest, connected by verbs, both in this process and pumped by the test's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/fabric/verbs/handles.h"

namespace lmc::replication::verbs::test {

inline constexpr std::chrono::seconds kPatience{20};  // for what takes a millisecond, on an emulated processor
inline constexpr std::size_t kMemoryBytes = 64 * 1024;
inline constexpr QueueSizes kSizes{.sends = 64, .receives = 16, .inline_bytes = 64};

// Tries until it holds, or throws after kPatience.
void wait_until(std::string_view what, const std::function<bool()>& holds);

// Addresses of the guest's nodes, from $LMC_GUEST_ADDRESSES.
std::vector<std::string> node_addresses();

// One end of a connection, with memory that the other may be allowed to write to.
class Endpoint {
 public:
  Endpoint(EventChannel channel, CmId id);
  ~Endpoint();  // stops the queue pair, waits for what is in flight
  Endpoint(Endpoint&&) = delete;

  // Posts; each is reported by next_completion(). Offsets are from the begin of the target's memory.
  void write(const Endpoint& target, std::string_view bytes, std::size_t offset = 0);
  void write_inline(const Endpoint& target, std::string_view bytes, std::size_t offset, std::uint32_t immediate);
  void post_receive();
  [[nodiscard]] std::optional<ibv_wc> completion();  // if there is one
  [[nodiscard]] ibv_wc next_completion();            // waits
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

  [[nodiscard]] ibv_qp_attr attributes(int mask);
  [[nodiscard]] std::span<char> memory() { return memory_; }
  [[nodiscard]] std::string_view text(std::size_t offset, std::size_t bytes) const { return {&memory_[offset], bytes}; }
  [[nodiscard]] QueuePair& queue_pair() { return queue_pair_; }
  [[nodiscard]] ibv_comp_channel& wake_ups() { return *wake_ups_; }
  [[nodiscard]] ibv_cq& completions() { return *completions_; }
  [[nodiscard]] rdma_cm_id& id() { return *id_; }
  [[nodiscard]] rdma_event_channel& channel() { return *channel_; }

 private:
  void post(ibv_send_wr& request);

  std::vector<char> memory_;
  std::vector<char> source_;  // by the same offsets; larger, so that a write can go too far at the target only
  EventChannel channel_;
  CmId id_;
  ProtectionDomain domain_;
  CompletionChannel wake_ups_;
  CompletionQueue completions_;
  MemoryRegion region_;
  MemoryRegion source_region_;
  QueuePair queue_pair_;
  std::size_t in_flight_ = 0;
};

struct Connection {
  std::unique_ptr<Endpoint> writer;  // on the first node; it connected
  std::unique_ptr<Endpoint> target;  // on the second; it accepted
};
Connection connect_nodes();

}  // namespace lmc::replication::verbs::test

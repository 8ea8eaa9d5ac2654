// The chains of one link on their way into its queue pair's send queue. A chain is one list of work requests and one
// ibv_post_send: writes, of which only the last, a write with immediate, is reported here and told to the peer. What
// the queue has no room for waits, as descriptions; its bytes are read when the device sends them, as with all.
//
// Threads: the reactor's.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "replication/fabric/fabric.h"
#include "replication/fabric/verbs/device.h"
#include "replication/fabric/verbs/outcome.h"
#include "replication/fabric/verbs/wire.h"

namespace lmc::replication::verbs {

// What a work request is, by its wr_id.
enum class Work : std::uint64_t { kInner, kChainEnd, kReceive, kKeysSent, kKeysReceived };

class SendQueue {
 public:
  // `slots`: work requests that the queue takes.
  SendQueue(const Device& device, unsigned slots, FabricCounters& counters)
      : device_(device), free_(slots), counters_(counters) {}

  // Where the peer's regions are.
  void aim(const Keys& peer) { peer_ = peer; }
  // Within the limits of fabric.h. After a failure nothing more is given to the queue pair (F1), and all fails alike.
  Outcome post(ibv_qp& queue_pair, std::span<const Write> chain);
  // The oldest chain in the queue has been reported.
  void reported();
  // What waited is posted, as far as there is room by now. Fails as post().
  Outcome resume(ibv_qp& queue_pair);
  [[nodiscard]] std::size_t in_queue() const { return in_queue_.size(); }  // chains, to be reported

 private:
  void submit(ibv_qp& queue_pair, std::span<const Write> chain);

  const Device& device_;
  unsigned free_;  // slots
  FabricCounters& counters_;
  Keys peer_;
  Outcome broken_;                 // by the first chain that the queue pair did not take
  std::deque<unsigned> in_queue_;  // by chain: its work requests
  std::deque<std::vector<Write>> waiting_;
  std::vector<ibv_send_wr> requests_;
  std::vector<ibv_sge> pieces_;
};

}  // namespace lmc::replication::verbs

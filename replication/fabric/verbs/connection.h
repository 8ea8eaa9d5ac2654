// The queue pair of a link, with what belongs to it, from its making to its safe end. What it means is the link's
// (verbs_link.h); this is how the libraries want it done.
//
// Its end: the peer's right to write is taken away first, so that from then on its packets are refused; then the queue
// pair goes to the error state and everything posted is waited for, as flushed: less than a millisecond. A device that
// takes longer than kDrainLimit is made to forget the rest (the reset state), for which it must have stopped. Either
// way this queue pair moves no byte once the destructor is through.
//
// Threads: the reactor's. Errors: the constructor throws Error.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "replication/fabric/fabric.h"
#include "replication/fabric/verbs/device.h"
#include "replication/fabric/verbs/send_queue.h"
#include "replication/fabric/verbs/wire.h"

namespace lmc::replication::verbs {

struct ConnectionOptions {
  std::uint8_t ack_timeout = 14;  // 4.096 us * 2^n until a packet is sent again; 0: the provider's
  std::uint8_t retries = 6;       // of a packet, then the link is broken; 7 is for ever with some providers
};

class Connection {
 public:
  static constexpr unsigned kReceives = 256;                  // chains that may have landed and not been taken note of
  static constexpr std::chrono::milliseconds kDrainLimit{5};  // the reactor waits as long

  // Of an id that knows its device and is not connected. `owner`: what completion events are told for.
  Connection(const Device& device, CmId id, const ExposedMemory& exposed, void* owner, FabricCounters& counters);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Outcome connect(const Hello& hello, const ConnectionOptions& options);
  Outcome accept(const ConnectionOptions& options);
  // Once connected: allows the peer to write, and tells it where.
  Outcome greet();
  Outcome post(std::span<const Write> chain) { return sends_.post(queue_pair_.get(), chain); }

  // What has been reported since.
  struct Reports {
    std::size_t completed = 0;  // chains of ours
    std::size_t arrived = 0;    // of the peer's
    bool keys = false;          // the peer's have come, and are used
    std::string failure;        // the end of it; what else is here came before
    bool all = false;           // there is nothing more; it will be told when there is
  };
  [[nodiscard]] Reports take_reports();

 private:
  void expose(const ExposedMemory& exposed);
  void post_receives();
  [[nodiscard]] Outcome post_receive_list(ibv_recv_wr& first);
  [[nodiscard]] Outcome post_receive_lists(unsigned count);
  [[nodiscard]] bool poll(Reports& reports);
  void take(const ibv_wc& completion, Reports& reports);
  void take_keys(const ibv_wc& completion, Reports& reports);
  void settle(Work work);
  [[nodiscard]] std::size_t unsettled() const { return receives_ + keys_in_queue_ + sends_.in_queue(); }
  [[nodiscard]] bool drained();
  [[nodiscard]] rdma_conn_param parameters(const ConnectionOptions& options) const;

  const Device& device_;
  CmId id_;
  Keys mine_;
  Keys theirs_;
  CompletionQueue completions_;
  std::vector<MemoryRegion> regions_;  // of this link alone
  MemoryRegion mine_region_;
  MemoryRegion theirs_region_;
  SendQueue sends_;
  bool exposes_ = false;
  bool connected_ = false;      // or about to be: there may be something to drain
  unsigned receives_ = 0;       // posted and not reported
  unsigned keys_in_queue_ = 0;  // sends of them
  QueuePair queue_pair_;
};

}  // namespace lmc::replication::verbs

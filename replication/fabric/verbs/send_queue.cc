#include "replication/fabric/verbs/send_queue.h"

#include "replication/fabric/chain_limits.h"

namespace lmc::replication::verbs {

Outcome SendQueue::post(ibv_qp& queue_pair, std::span<const Write> chain) {
  if (broken_.failed()) return broken_;
  if (waiting_.empty() && chain.size() <= free_) {
    submit(queue_pair, chain);
    return broken_;
  }
  ++counters_.waits;
  waiting_.emplace_back(chain.begin(), chain.end());
  return {};
}

void SendQueue::reported() {
  free_ += in_queue_.front();
  in_queue_.pop_front();
}

Outcome SendQueue::resume(ibv_qp& queue_pair) {
  while (!broken_.failed() && !waiting_.empty() && waiting_.front().size() <= free_) {
    const std::vector<Write> chain = std::move(waiting_.front());
    waiting_.pop_front();
    submit(queue_pair, chain);
  }
  return broken_;
}

// Bytes that fit go within the work request: the device need not fetch them, and they need not be registered.
void SendQueue::submit(ibv_qp& queue_pair, std::span<const Write> chain) {
  requests_.assign(chain.size(), {});
  pieces_.resize(chain.size());
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Write& write = chain[i];
    ibv_send_wr& request = requests_[i];
    const Key& target = peer_.regions[static_cast<unsigned>(write.region)];
    pieces_[i] = {reinterpret_cast<std::uintptr_t>(write.bytes.data()), static_cast<std::uint32_t>(write.bytes.size()),
                  0};
    if (write.bytes.size() <= device_.inline_bytes()) {
      request.send_flags = IBV_SEND_INLINE;
    } else {
      const ibv_mr* const source = device_.covering(write.bytes);
      if (source == nullptr) end_for_breach("verbs", "a write from memory that was not prepared");
      pieces_[i].lkey = source->lkey;
    }
    request.wr_id = static_cast<std::uint64_t>(Work::kInner);
    request.sg_list = &pieces_[i];
    request.num_sge = 1;
    request.opcode = IBV_WR_RDMA_WRITE;
    request.wr.rdma.remote_addr = target.address + write.offset;
    request.wr.rdma.rkey = target.key;
    if (i != 0) requests_[i - 1].next = &request;
  }
  ibv_send_wr& last = requests_.back();
  last.wr_id = static_cast<std::uint64_t>(Work::kChainEnd);
  last.opcode = IBV_WR_RDMA_WRITE_WITH_IMM;
  last.send_flags |= IBV_SEND_SIGNALED;
  ibv_send_wr* refused = nullptr;
  broken_ = errno_value(ibv_post_send(&queue_pair, requests_.data(), &refused));
  if (broken_.failed()) return;  // of what was taken, if anything, the end is missing that would be reported
  const auto size = static_cast<unsigned>(chain.size());
  free_ -= size;
  in_queue_.push_back(size);
  ++counters_.chains;
  ++counters_.doorbells;
  counters_.work_requests += size;
  for (const Write& write : chain) counters_.bytes += write.bytes.size();
}

}  // namespace lmc::replication::verbs

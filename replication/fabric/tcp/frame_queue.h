// The frames on their way into a socket: each a head of its own, and behind it the bytes of its writes, which are not
// copied but must stay where they are until the frame is consumed or the queue cleared.
//
// Pure: no socket. Threads: one. Limits: none of its own; a link has kMaxOutstandingChains chains in it at most, and
// behind them one acknowledgement.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "replication/fabric/fabric.h"

namespace lmc::replication::tcp {

class FrameQueue {
 public:
  // A link's first bytes, before any frame.
  void add_hello(std::string_view bytes);
  // `landed`: how many of the reader's chains have landed here. A frame without writes says only that.
  void add_frame(std::span<const Write> writes, std::uint64_t landed);

  [[nodiscard]] bool empty() const { return frames_.empty(); }
  // What to send next, in order: how many of `out` were filled.
  [[nodiscard]] std::size_t gather(std::span<iovec> out) const;
  // So many bytes of it are in the socket.
  void consume(std::size_t bytes);
  void clear();

  // Chains of which no byte is in the queue any more: only those can have landed.
  [[nodiscard]] std::uint64_t chains_sent() const { return chains_sent_; }

 private:
  struct Frame {
    std::vector<char> head;
    std::vector<Write> writes;
    std::size_t bytes = 0;  // in all
  };
  std::deque<Frame> frames_;
  std::size_t sent_of_first_ = 0;  // bytes
  std::uint64_t chains_sent_ = 0;
};

}  // namespace lmc::replication::tcp

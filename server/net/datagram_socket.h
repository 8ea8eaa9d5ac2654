// DatagramSocket: one worker's UDP socket. Each datagram is a frame (protocol/udp_frame.h) with whole requests in it;
// their replies together go back to the sender, cut into datagrams.
//
// Like Connection: receive() in the turn, flush() at its end, nothing waits for the socket. A turn takes in no more
// datagrams once kReplyBacklogBytes are to be sent: a line of many keys in a small datagram can ask for a great answer.
// A reply that the socket does not take at once is dropped, as UDP may; so are requests that are not whole, and frames
// of requests that span several datagrams.
//
// Replicated, each reply waits until what it depends on is committed, whatever came before it: datagrams have no order.
// A reply that finds too many waiting (kHeldDatagrams, or kReplyBacklogBytes) is dropped. Threads: one worker.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/net/connection.h"
#include "server/net/endpoint.h"

namespace lmc::net {

inline constexpr std::size_t kMaxDatagramBytes = 64 * 1024;
inline constexpr unsigned kDatagramsPerTurn = 32;
inline constexpr std::size_t kHeldDatagrams = 256;  // each holds a reply block

class DatagramSocket {
 public:
  DatagramSocket(Endpoint endpoint, commands::ConnectionId id, store::UnixSeconds now);
  ~DatagramSocket();

  void receive(Bench& bench);
  void flush(Bench& bench);

  // Replies are left behind by flush(); the version that the first of them to go waits for.
  [[nodiscard]] bool uncommitted() const { return !replies_.empty(); }
  [[nodiscard]] store::Version awaited() const;
  void drop_uncommitted();

  [[nodiscard]] int fd() const { return endpoint_.socket.get(); }
  [[nodiscard]] const std::string& address() const { return endpoint_.address; }
  [[nodiscard]] store::UnixSeconds last_request() const {
    return store::UnixSeconds{last_request_s_.load(std::memory_order_relaxed)};
  }

 private:
  struct Reply;
  void execute(Bench& bench, std::string_view requests, Reply& reply);
  void send(Bench& bench, Reply& reply);

  Endpoint endpoint_;
  commands::Client client_;
  std::unique_ptr<char[]> datagram_;
  std::vector<std::unique_ptr<Reply>> replies_;   // of this turn, and those held
  std::atomic<std::uint32_t> last_request_s_{0};  // written by the worker, read by `stats conns`
};

}  // namespace lmc::net

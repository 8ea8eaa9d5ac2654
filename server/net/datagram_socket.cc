#include "server/net/datagram_socket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "protocol/udp_frame.h"
#include "server/net/refusal.h"

namespace lmc::net {

using commands::ProtocolChoice;
using protocol::Parsed;

namespace {

// Moves the next bytes of `replies` into `out`; returns how many.
std::size_t take(commands::ReplyQueue& replies, std::span<char> out) {
  std::size_t filled = 0;
  while (filled < out.size() && !replies.empty()) {
    iovec piece{};
    if (replies.iovecs({&piece, 1}) == 0) break;
    const std::size_t bytes = std::min(piece.iov_len, out.size() - filled);
    std::memcpy(out.data() + filled, piece.iov_base, bytes);
    replies.consume(bytes);
    filled += bytes;
  }
  return filled;
}

}  // namespace

struct DatagramSocket::Reply {
  explicit Reply(commands::BlockPool& blocks) : queue(blocks) {}
  sockaddr_storage client{};
  socklen_t client_bytes = 0;
  std::uint16_t request_id = 0;
  commands::ReplyQueue queue;
  store::Version dependency;
};

DatagramSocket::DatagramSocket(Endpoint endpoint, commands::ConnectionId id, store::UnixSeconds now)
    : endpoint_(std::move(endpoint)), datagram_(new char[kMaxDatagramBytes]), last_request_s_(now.value) {
  client_.id = id;
  client_.fd = endpoint_.socket.get();
  client_.datagram = true;
}

DatagramSocket::~DatagramSocket() = default;

void DatagramSocket::receive(Bench& bench) {
  std::size_t unsent_bytes = 0;
  for (unsigned i = 0; i < kDatagramsPerTurn && unsent_bytes < commands::kReplyBacklogBytes; ++i) {
    auto reply = std::make_unique<Reply>(bench.reply_blocks);
    iovec into{.iov_base = datagram_.get(), .iov_len = kMaxDatagramBytes};
    msghdr message{};
    message.msg_name = &reply->client;
    message.msg_namelen = sizeof(reply->client);
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    const ssize_t n = bench.sockets.receive_message(fd(), message);
    if (n < 0) return;  // nothing there; or an error of an earlier send, which reading has cleared
    bench.traffic.bytes_read.add(static_cast<std::size_t>(n));

    protocol::UdpFrame frame;
    if (protocol::parse_udp_frame({datagram_.get(), static_cast<std::size_t>(n)}, frame) !=
        protocol::UdpFrameStatus::kRequest) {
      continue;
    }
    if (bench.replicator != nullptr) {
      if (!bench.replicator->committed()) continue;  // it must not serve at this moment: as if it had been lost
      bench.replicator->catch_up();
    }
    reply->client_bytes = message.msg_namelen;
    reply->request_id = frame.request_id;
    last_request_s_.store(bench.now.value, std::memory_order_relaxed);
    execute(bench, frame.data, *reply);
    if (bench.replicator != nullptr) reply->dependency = bench.take_dependency();
    unsent_bytes += reply->queue.pending_bytes();
    if (!reply->queue.empty()) replies_.push_back(std::move(reply));
  }
}

void DatagramSocket::execute(Bench& bench, std::string_view requests, Reply& reply) {
  const bool binary = endpoint_.protocol == ProtocolChoice::kBinary ||
                      (endpoint_.protocol == ProtocolChoice::kNegotiate && protocol::is_binary(requests.front()));
  while (!requests.empty()) {
    std::size_t count = 0;
    Parsed last;
    while (count < bench.requests.size() && !requests.empty()) {
      protocol::Request& request = bench.requests[count];
      last = binary ? protocol::parse_binary(requests, bench.limits, request)
                    : protocol::parse_text(requests, bench.limits, request);
      requests.remove_prefix(last.consumed);
      if (last.status != Parsed::Status::kRequest) break;
      ++count;
    }
    if (count > 0) {
      const auto result = bench.executor.run({bench.requests.data(), count}, client_, reply.queue);
      if (result.executed < count || result.disposition != commands::Disposition::kContinue) return;
    }
    if (last.status == Parsed::Status::kReject || last.status == Parsed::Status::kClose) {
      append_refusal(last, bench.requests[count], reply.queue);
    }
    if (last.status != Parsed::Status::kRequest && last.status != Parsed::Status::kReject) return;
    requests.remove_prefix(static_cast<std::size_t>(std::min<std::uint64_t>(last.swallow, requests.size())));
  }
}

void DatagramSocket::flush(Bench& bench) {
  if (replies_.empty()) return;
  const bool replicated = bench.replicator != nullptr;
  const Replicator::Committed committed = replicated ? bench.replicator->committed() : std::nullopt;
  std::size_t held = 0;
  std::size_t held_bytes = 0;
  for (std::unique_ptr<Reply>& reply : replies_) {
    if (!replicated || reply->dependency <= committed) {
      send(bench, *reply);
    } else if (held < kHeldDatagrams && held_bytes < commands::kReplyBacklogBytes) {
      held_bytes += reply->queue.pending_bytes();
      std::swap(replies_[held++], reply);
    }
  }
  replies_.resize(held);
}

void DatagramSocket::drop_uncommitted() {
  replies_.clear();
}

store::Version DatagramSocket::awaited() const {
  const auto first = std::min_element(replies_.begin(), replies_.end(), [](const auto& one, const auto& other) {
    return one->dependency < other->dependency;
  });
  return (*first)->dependency;
}

void DatagramSocket::send(Bench& bench, Reply& reply) {
  if (reply.queue.pending_bytes() > protocol::kUdpMaxReplyBytes) return;
  const std::size_t datagrams = protocol::udp_datagrams(reply.queue.pending_bytes());
  std::array<char, protocol::kUdpMaxPayloadBytes> datagram;
  const std::span<char> data = std::span<char>(datagram).subspan(protocol::kUdpHeaderBytes);
  for (std::size_t i = 0; i < datagrams; ++i) {
    protocol::write_udp_header(datagram.data(), {.request_id = reply.request_id,
                                                 .sequence = static_cast<std::uint16_t>(i),
                                                 .datagrams = static_cast<std::uint16_t>(datagrams)});
    iovec piece{.iov_base = datagram.data(), .iov_len = protocol::kUdpHeaderBytes + take(reply.queue, data)};
    msghdr message{};
    message.msg_name = &reply.client;
    message.msg_namelen = reply.client_bytes;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    const ssize_t n = bench.sockets.send_message(fd(), message);
    if (n < 0) return;
    bench.traffic.bytes_written.add(static_cast<std::size_t>(n));
  }
}

}  // namespace lmc::net

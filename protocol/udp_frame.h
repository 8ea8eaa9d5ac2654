// UDP frames: the 8-byte header in front of every datagram, both ways.
//
//   0 request id | 2 sequence number | 4 datagrams in this message | 6 reserved 0      (16-bit, big endian)
//
// A request must fit one datagram; its replies together are cut into datagrams of kUdpMaxPayloadBytes that carry the
// request's id, numbered from 0. Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lmc::protocol {

inline constexpr std::size_t kUdpHeaderBytes = 8;
inline constexpr std::size_t kUdpMaxPayloadBytes = 1400;  // of a reply datagram, with our header
inline constexpr std::size_t kUdpMaxDataBytes = kUdpMaxPayloadBytes - kUdpHeaderBytes;
inline constexpr std::size_t kUdpMaxDatagrams = 0xffff;  // of one reply
inline constexpr std::size_t kUdpMaxReplyBytes = kUdpMaxDatagrams * kUdpMaxDataBytes;

enum class UdpFrameStatus : std::uint8_t {
  kRequest,        // `out` is filled
  kTooShort,       // no header, or nothing behind it: drop the datagram
  kMultiDatagram,  // one of several datagrams of a request: drop it
};

struct UdpFrame {
  std::uint16_t request_id = 0;
  std::string_view data;  // view into the datagram: requests of any protocol, never empty
};

[[nodiscard]] UdpFrameStatus parse_udp_frame(std::string_view datagram, UdpFrame& out);

// How many datagrams a reply of `reply_bytes` (at most kUdpMaxReplyBytes) takes; 0 for no reply.
[[nodiscard]] constexpr std::size_t udp_datagrams(std::size_t reply_bytes) {
  return (reply_bytes + kUdpMaxDataBytes - 1) / kUdpMaxDataBytes;
}

// The header of one datagram of a reply.
struct UdpReplyPart {
  std::uint16_t request_id = 0;
  std::uint16_t sequence = 0;   // from 0
  std::uint16_t datagrams = 1;  // udp_datagrams() of the whole reply
};

// Exactly kUdpHeaderBytes; returns the end.
char* write_udp_header(char* out, const UdpReplyPart& part);

}  // namespace lmc::protocol

#include "protocol/udp_frame.h"

#include <catch2/catch.hpp>
#include <string>

namespace lmc::protocol {

using namespace std::string_literals;

TEST_CASE("a request in one datagram is its id and its data") {
  UdpFrame frame;
  const std::string datagram = "\x12\x34\0\0\0\1\0\0get a\r\n"s;
  REQUIRE(parse_udp_frame(datagram, frame) == UdpFrameStatus::kRequest);
  CHECK(frame.request_id == 0x1234);
  CHECK(frame.data == "get a\r\n");
}

TEST_CASE("a datagram without data is dropped") {
  UdpFrame frame;
  CHECK(parse_udp_frame("", frame) == UdpFrameStatus::kTooShort);
  CHECK(parse_udp_frame("\0\1\0\0\0\1\0"s, frame) == UdpFrameStatus::kTooShort);
  CHECK(parse_udp_frame("\0\1\0\0\0\1\0\0"s, frame) == UdpFrameStatus::kTooShort);
}

TEST_CASE("a request of several datagrams is dropped") {
  UdpFrame frame;
  CHECK(parse_udp_frame("\0\1\0\0\0\2\0\0x"s, frame) == UdpFrameStatus::kMultiDatagram);
  CHECK(parse_udp_frame("\0\1\0\0\0\0\0\0x"s, frame) == UdpFrameStatus::kMultiDatagram);
  CHECK(parse_udp_frame("\0\1\0\0\1\1\0\0x"s, frame) == UdpFrameStatus::kMultiDatagram);
}

TEST_CASE("a reply header numbers its datagram: golden bytes") {
  char out[kUdpHeaderBytes];
  CHECK(write_udp_header(out, {.request_id = 0x1234, .sequence = 2, .datagrams = 0x0103}) == out + sizeof out);
  CHECK(std::string(out, sizeof out) == "\x12\x34\0\2\1\3\0\0"s);
}

TEST_CASE("a reply takes as many datagrams as it has pieces of 1392 bytes") {
  CHECK(udp_datagrams(0) == 0);
  CHECK(udp_datagrams(1) == 1);
  CHECK(udp_datagrams(1392) == 1);
  CHECK(udp_datagrams(1393) == 2);
  CHECK(udp_datagrams(kUdpMaxReplyBytes) == kUdpMaxDatagrams);
}

}  // namespace lmc::protocol

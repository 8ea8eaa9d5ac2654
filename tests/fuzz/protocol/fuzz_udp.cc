// A datagram: its data is the rest of it, and its id comes back in a reply's header.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "parse_stream.h"
#include "protocol/udp_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lmc::protocol;
  const std::string datagram(reinterpret_cast<const char*>(data), size);
  UdpFrame frame;
  if (parse_udp_frame(datagram, frame) != UdpFrameStatus::kRequest) return 0;
  testing::require(!frame.data.empty() && testing::is_inside(frame.data, datagram), "the data is in the datagram");
  testing::require(frame.data.size() + kUdpHeaderBytes == datagram.size(), "all of it");
  char header[kUdpHeaderBytes];
  write_udp_header(header, {.request_id = frame.request_id});
  testing::require(std::string_view(header, 2) == std::string_view(datagram).substr(0, 2), "the id comes back");
  return 0;
}

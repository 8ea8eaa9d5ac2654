#include "protocol/udp_frame.h"

#include "protocol/binary_format.h"

namespace lmc::protocol {

UdpFrameStatus parse_udp_frame(std::string_view datagram, UdpFrame& out) {
  if (datagram.size() <= kUdpHeaderBytes) return UdpFrameStatus::kTooShort;
  if (load_be16(datagram.data() + 4) != 1) return UdpFrameStatus::kMultiDatagram;
  out.request_id = load_be16(datagram.data());
  out.data = datagram.substr(kUdpHeaderBytes);
  return UdpFrameStatus::kRequest;
}

char* write_udp_header(char* out, const UdpReplyPart& part) {
  out = store_be16(out, part.request_id);
  out = store_be16(out, part.sequence);
  out = store_be16(out, part.datagrams);
  return store_be16(out, 0);
}

}  // namespace lmc::protocol

// Where to listen, as the command line says it (-l, -p, -U): words in, plain values out. No sockets here.
//
// An argument of -l is a list separated by commas or semicolons. Each element is HOST, HOST:PORT, [IPV6], [IPV6]:PORT
// or a bare IPv6 address, with `*` or nothing for all interfaces; before it may stand, in any order, `notls:` (nothing
// here is TLS), `proto[ascii]:` (or binary, auto) and `tag_NAME_:` (accepted, without meaning). Port 0 lets the kernel
// choose.
//
// Errors: std::invalid_argument that names the argument and says what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/settings.h"

namespace lmc::net {

struct ListenAddress {
  std::string given;                                 // as it stood in the argument, for messages
  std::string host;                                  // empty: all interfaces
  std::optional<std::uint16_t> port;                 // nothing: the port of -p (TCP) or -U (UDP)
  std::optional<commands::ProtocolChoice> protocol;  // nothing: what -B says
};

// All elements of all arguments in order; no argument: all interfaces, once.
[[nodiscard]] std::vector<ListenAddress> parse_listen_addresses(const std::vector<std::string>& arguments);

}  // namespace lmc::net

// Endpoints: sockets that clients reach the server at: TCP and UDP listeners, the unix socket; and how addresses are
// written for people.
//
// Opening happens once, at start-up, and throws std::runtime_error with what failed, on what address, why and what to
// do. Sockets are non-blocking and closed on exec. Threads: endpoints are made by one thread and owned by whoever
// accepts.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "replication/fabric/address.h"
#include "replication/fabric/sockets.h"
#include "server/commands/settings.h"
#include "server/net/fd.h"
#include "server/net/listen_address.h"

namespace lmc::net {

enum class Transport : std::uint8_t { kTcp, kUnix, kUdp };

struct Endpoint {
  Fd socket;
  Transport transport = Transport::kTcp;
  commands::ProtocolChoice protocol = commands::ProtocolChoice::kNegotiate;
  bool ipv6 = false;
  std::uint16_t port = 0;  // as bound
  std::string address;     // "tcp:127.0.0.1:11211", as `stats conns` shows it
};

// One socket for each address the host's name has (all interfaces: IPv4 and IPv6). At least one, or it throws.
[[nodiscard]] std::vector<Endpoint> open_tcp(const ListenAddress& where, std::uint16_t port, unsigned backlog);

// As open_tcp, `copies` sockets for each address, which share its port: the kernel spreads clients over them.
[[nodiscard]] std::vector<std::vector<Endpoint>> open_udp(const ListenAddress& where, std::uint16_t port,
                                                          unsigned copies);

// Replaces a stale socket file. `mask`: permission bits of the file.
[[nodiscard]] Endpoint open_unix(const std::string& path, unsigned mask, unsigned backlog);

// "tcp:10.0.0.1:4711", "tcp6:[::1]:4711", "udp:...", "unix:/path"
[[nodiscard]] std::string address_text(const sockaddr_storage& address, Transport transport);
// Without transport and port: "10.0.0.1", "::1", "/path"
[[nodiscard]] std::string host_text(const sockaddr_storage& address);
using replication::port_of;

// For a server that may not serve.
using replication::set_reset_on_close;

}  // namespace lmc::net

#include "server/net/endpoint.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace lmc::net {
namespace {

struct AddressInfoDeleter {
  void operator()(addrinfo* info) const { ::freeaddrinfo(info); }
};
using AddressInfo = std::unique_ptr<addrinfo, AddressInfoDeleter>;

AddressInfo resolve(const ListenAddress& where, std::uint16_t port, int socket_type) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = socket_type;
  addrinfo* found = nullptr;
  const char* host = where.host.empty() ? nullptr : where.host.c_str();
  const int error = ::getaddrinfo(host, std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    throw std::runtime_error("failed to listen on one of interface(s) " + where.given +
                             ": getaddrinfo(): " + ::gai_strerror(error) + "; give -l an address of this machine");
  }
  return AddressInfo(found);
}

[[noreturn]] void fail(const std::string& what, const std::string& where, int error_number) {
  std::string remedy;
  if (error_number == EADDRINUSE) remedy = "; another server has it: stop that one or choose another port (-p)";
  if (error_number == EADDRNOTAVAIL) remedy = "; give -l an address of this machine";
  if (error_number == EACCES) remedy = "; choose a port above 1023 (-p) or start as root with -u";
  throw std::runtime_error("failed to listen on " + where + ": " + what + ": " + std::strerror(error_number) + remedy);
}

void set_option(int fd, int level, int name) {
  const int on = 1;
  // All of them make things better where they work; none is needed.
  if (::setsockopt(fd, level, name, &on, sizeof(on)) != 0) return;
}

void set_tcp_options(int fd) {
  // Accepted sockets inherit all three.
  set_option(fd, SOL_SOCKET, SO_REUSEADDR);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY);
}

Transport transport_of(const addrinfo& info) {
  return info.ai_socktype == SOCK_DGRAM ? Transport::kUdp : Transport::kTcp;
}

Endpoint bind_endpoint(const addrinfo& info, bool share_port, const ListenAddress& where) {
  Endpoint endpoint;
  endpoint.transport = transport_of(info);
  endpoint.ipv6 = info.ai_family == AF_INET6;
  endpoint.protocol = where.protocol.value_or(commands::ProtocolChoice::kNegotiate);
  endpoint.socket = Fd(::socket(info.ai_family, info.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info.ai_protocol));
  // The port stands at the same place in both families' addresses.
  const unsigned port = ntohs(reinterpret_cast<const sockaddr_in*>(info.ai_addr)->sin_port);
  const std::string name = (where.given.empty() ? "all interfaces" : where.given) + ", port " + std::to_string(port);
  if (!endpoint.socket) fail("socket()", name, errno);
  const int fd = endpoint.socket.get();
  if (endpoint.ipv6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (endpoint.transport == Transport::kTcp) set_tcp_options(fd);
  if (share_port) set_option(fd, SOL_SOCKET, SO_REUSEPORT);
  if (::bind(fd, info.ai_addr, info.ai_addrlen) != 0) fail("bind()", name, errno);

  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) fail("getsockname()", name, errno);
  endpoint.address = address_text(bound, endpoint.transport);
  endpoint.port = port_of(bound);
  return endpoint;
}

void set_port(sockaddr_storage& address, std::uint16_t port) {
  if (address.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in&>(address).sin_port = htons(port);
  }
}

// A name may have addresses that this machine lacks (`localhost` without IPv6): those are passed over.
bool is_local(const addrinfo& info) {
  const Fd probe(::socket(info.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe) return false;
  sockaddr_storage any_port{};
  std::memcpy(&any_port, info.ai_addr, info.ai_addrlen);
  set_port(any_port, 0);
  return ::bind(probe.get(), reinterpret_cast<const sockaddr*>(&any_port), info.ai_addrlen) == 0;
}

}  // namespace

std::vector<Endpoint> open_tcp(const ListenAddress& where, std::uint16_t port, unsigned backlog) {
  std::vector<Endpoint> endpoints;
  const AddressInfo addresses = resolve(where, where.port.value_or(port), SOCK_STREAM);
  for (const addrinfo* info = addresses.get(); info != nullptr; info = info->ai_next) {
    if (!is_local(*info)) continue;
    Endpoint endpoint = bind_endpoint(*info, false, where);
    if (::listen(endpoint.socket.get(), static_cast<int>(backlog)) != 0) fail("listen()", endpoint.address, errno);
    endpoints.push_back(std::move(endpoint));
  }
  if (endpoints.empty()) fail("bind()", where.given, EADDRNOTAVAIL);
  return endpoints;
}

std::vector<std::vector<Endpoint>> open_udp(const ListenAddress& where, std::uint16_t port, unsigned copies) {
  std::vector<std::vector<Endpoint>> endpoints;
  const AddressInfo addresses = resolve(where, where.port.value_or(port), SOCK_DGRAM);
  for (const addrinfo* info = addresses.get(); info != nullptr; info = info->ai_next) {
    if (!is_local(*info)) continue;
    // A shared port can be taken by two servers of one user without any error. So ask for it unshared first.
    sockaddr_storage address{};
    std::memcpy(&address, info->ai_addr, info->ai_addrlen);
    set_port(address, bind_endpoint(*info, false, where).port);
    addrinfo chosen = *info;
    chosen.ai_addr = reinterpret_cast<sockaddr*>(&address);
    std::vector<Endpoint>& group = endpoints.emplace_back();
    for (unsigned i = 0; i < copies; ++i) group.push_back(bind_endpoint(chosen, copies > 1, where));
  }
  if (endpoints.empty()) fail("bind()", where.given, EADDRNOTAVAIL);
  return endpoints;
}

Endpoint open_unix(const std::string& path, unsigned mask, unsigned backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    fail("path too long; choose a shorter one (-s)", "UNIX socket: " + path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);

  Endpoint endpoint;
  endpoint.transport = Transport::kUnix;
  endpoint.address = "unix:" + path;
  endpoint.socket = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!endpoint.socket) fail("socket()", "UNIX socket: " + path, errno);
  struct stat present {};
  if (::lstat(path.c_str(), &present) == 0 && S_ISSOCK(present.st_mode)) ::unlink(path.c_str());
  const mode_t old_umask = ::umask(static_cast<mode_t>(~mask & 0777U));
  const int bound = ::bind(endpoint.socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int bind_error = errno;
  ::umask(old_umask);
  if (bound != 0) fail("bind()", "UNIX socket: " + path, bind_error);
  if (::listen(endpoint.socket.get(), static_cast<int>(backlog)) != 0) fail("listen()", "UNIX socket: " + path, errno);
  return endpoint;
}

std::string host_text(const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return reinterpret_cast<const sockaddr_un&>(address).sun_path;
  return replication::host_text(address);
}

std::string address_text(const sockaddr_storage& address, Transport transport) {
  const std::string kind = transport == Transport::kUdp ? "udp" : "tcp";
  const std::string host = host_text(address);
  if (address.ss_family == AF_INET) return kind + ":" + host + ":" + std::to_string(port_of(address));
  if (address.ss_family == AF_INET6) return kind + "6:[" + host + "]:" + std::to_string(port_of(address));
  if (address.ss_family == AF_UNIX) return "unix:" + host;
  return "<unknown AF>";
}

}  // namespace lmc::net

// "host:port" and "[address]:port": what nodes call each other by.
//
// Names are looked up when asked for, which may take as long as the resolver takes; give addresses where that matters.
// Threads: any. Errors: nothing, with the reason in `why`.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lmc::replication {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// A host, perhaps empty, and a port number.
[[nodiscard]] bool has_port(std::string_view address);
[[nodiscard]] std::optional<SocketAddress> look_up(std::string_view address, std::string& why);

// The host of an IPv4 or IPv6 address, and its port; of others neither.
[[nodiscard]] std::string host_text(const sockaddr_storage& address);
[[nodiscard]] std::uint16_t port_of(const sockaddr_storage& address);
// Both, as look_up() takes them.
[[nodiscard]] std::string address_text(const sockaddr_storage& address);

}  // namespace lmc::replication

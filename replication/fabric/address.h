// "host:port" and "[address]:port": what nodes call each other by.
//
// Names are looked up when asked for, which may take as long as the resolver takes; give addresses where that matters.
// Threads: any. Errors: nothing, with the reason in `why`.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

namespace lmc::replication {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

[[nodiscard]] std::optional<SocketAddress> look_up(std::string_view address, std::string& why);

}  // namespace lmc::replication

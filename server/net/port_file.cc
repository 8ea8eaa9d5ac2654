#include "server/net/port_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace lmc::net {

void write_port_file(const std::string& path, std::span<const Endpoint* const> endpoints) {
  const std::string temporary = path + ".lck";
  {
    std::ofstream out(temporary, std::ios::trunc);
    for (const Endpoint* endpoint : endpoints) {
      if (endpoint->transport == Transport::kUnix) continue;
      out << (endpoint->transport == Transport::kUdp ? "UDP" : "TCP") << (endpoint->ipv6 ? " INET6: " : " INET: ")
          << endpoint->port << '\n';
    }
    out.flush();
    if (!out) {
      throw std::runtime_error("MEMCACHED_PORT_FILENAME: cannot write \"" + temporary + "\": " + std::strerror(errno) +
                               "; name a file in a directory that can be written");
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    throw std::runtime_error("MEMCACHED_PORT_FILENAME: cannot rename \"" + temporary + "\" to \"" + path +
                             "\": " + std::strerror(errno));
  }
}

}  // namespace lmc::net

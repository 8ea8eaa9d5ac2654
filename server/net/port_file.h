// The file that tells tests and scripts which ports the kernel chose (environment variable MEMCACHED_PORT_FILENAME).
#pragma once

#include <span>
#include <string>

#include "server/net/endpoint.h"

namespace lmc::net {

// One line "TCP INET: 11211", "UDP INET6: ..." per endpoint that has a port. Appears whole or not at all: written
// beside its final name and renamed. Throws std::runtime_error.
void write_port_file(const std::string& path, std::span<const Endpoint* const> endpoints);

}  // namespace lmc::net

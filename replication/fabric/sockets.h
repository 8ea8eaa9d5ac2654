// What TCP sockets are asked for in more than one place. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "replication/fabric/fd.h"

namespace lmc::replication {

// A non-blocking socket that connects to "host:port" (address.h); when it is writable, connect_error() says how that
// went (0: well). An empty one: `why` not.
[[nodiscard]] Fd begin_connect(std::string_view address, std::string& why);
[[nodiscard]] int connect_error(int socket);

// When the socket is closed its peer is told by a reset, at once, that nothing more comes.
void set_reset_on_close(int socket);

}  // namespace lmc::replication

#include "replication/fabric/sockets.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "replication/fabric/address.h"

namespace lmc::replication {

Fd begin_connect(std::string_view address, std::string& why) {
  const auto to = look_up(address, why);
  if (!to) return {};
  Fd socket(::socket(to->get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) {
    why = "no socket: " + std::string(std::strerror(errno));
  } else if (::connect(socket.get(), to->get(), to->size) != 0 && errno != EINPROGRESS) {
    why = "connecting to " + std::string(address) + ": " + std::strerror(errno);
    socket.reset();
  }
  return socket;
}

int connect_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void set_reset_on_close(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  // If this fails the peer sees an orderly close instead, and learns the same.
  if (::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0) return;
}

}  // namespace lmc::replication

#include "server/net/socket_ops.h"

namespace lmc::net {

// recv and send skip the file layer that read and writev go through: a few per cent of a small request's whole cost.
ssize_t KernelSocketOps::read(int fd, std::span<char> into) {
  return ::recv(fd, into.data(), into.size(), 0);
}

ssize_t KernelSocketOps::write(int fd, std::span<const iovec> pieces) {
  if (pieces.size() == 1) return ::send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg does not write to it
  message.msg_iovlen = pieces.size();
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

ssize_t KernelSocketOps::receive_message(int fd, msghdr& message) {
  return ::recvmsg(fd, &message, 0);
}

ssize_t KernelSocketOps::send_message(int fd, const msghdr& message) {
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace lmc::net

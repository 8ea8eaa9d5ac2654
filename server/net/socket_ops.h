// The seam between connections and the kernel: the calls that move bytes. Tests count and script them.
//
// Results are the system call's: bytes moved, or -1 with errno set. Threads: the kernel's own rules.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace lmc::net {

class SocketOps {
 public:
  virtual ~SocketOps() = default;
  [[nodiscard]] virtual ssize_t read(int fd, std::span<char> into) = 0;
  [[nodiscard]] virtual ssize_t write(int fd, std::span<const iovec> pieces) = 0;
  // One datagram with its sender's address.
  [[nodiscard]] virtual ssize_t receive_message(int fd, msghdr& message) = 0;
  [[nodiscard]] virtual ssize_t send_message(int fd, const msghdr& message) = 0;
};

// The real ones. Never raise SIGPIPE.
class KernelSocketOps final : public SocketOps {
 public:
  [[nodiscard]] ssize_t read(int fd, std::span<char> into) override;
  [[nodiscard]] ssize_t write(int fd, std::span<const iovec> pieces) override;
  [[nodiscard]] ssize_t receive_message(int fd, msghdr& message) override;
  [[nodiscard]] ssize_t send_message(int fd, const msghdr& message) override;
};

}  // namespace lmc::net

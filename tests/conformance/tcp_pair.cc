#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <stdexcept>

#include "endpoints.h"
#include "replication/fabric/tcp/tcp_fabric.h"

namespace lmc::test {
namespace {

using replication::Fd;

// Listens as the server does: takes the magic off, gives the socket to the fabric.
class TcpPair final : public FabricPair {
 public:
  explicit TcpPair(PollReactor& reactor)
      : reactor_(reactor),
        accepting_(reactor),
        connecting_(reactor),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 16) != 0 ||
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
    watch_ = reactor.watch(socket_.get(), [this](replication::Readiness) { accept(); });
    watch_->want({true, false});
  }
  replication::Fabric& accepting() override { return accepting_; }
  replication::Fabric& connecting() override { return connecting_; }
  std::string address() const override { return "127.0.0.1:" + std::to_string(port_); }
  std::string dead_address() const override { return "127.0.0.1:1"; }
  bool cut() override {
    for (const int fd : accepted_) (void)::shutdown(fd, SHUT_RDWR);
    return true;
  }

 private:
  void accept() {
    Fd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    const int fd = socket.get();
    accepted_.push_back(fd);
    greeting_[fd] = {std::move(socket), reactor_.watch(fd, [this, fd](replication::Readiness) { greet(fd); })};
    greeting_[fd].watch->want({true, false});
  }
  void greet(int fd) {
    char magic[8];
    if (::recv(fd, magic, sizeof magic, MSG_PEEK) < 8) return;
    if (::recv(fd, magic, sizeof magic, 0) != 8 || std::memcmp(magic, "LMCDATA1", 8) != 0)
      throw std::runtime_error("not the magic");
    Greeting greeting = std::move(greeting_[fd]);
    greeting_.erase(fd);
    greeting.watch.reset();
    accepting_.adopt(std::move(greeting.socket));
  }

  struct Greeting {
    Fd socket;
    std::unique_ptr<replication::Watch> watch;
  };
  PollReactor& reactor_;
  replication::TcpFabric accepting_;
  replication::TcpFabric connecting_;
  Fd socket_;
  std::uint16_t port_ = 0;
  std::vector<int> accepted_;
  std::map<int, Greeting> greeting_;
  std::unique_ptr<replication::Watch> watch_;
};

}  // namespace

std::unique_ptr<FabricPair> make_pair(PollReactor& reactor) {
  return std::make_unique<TcpPair>(reactor);
}

}  // namespace lmc::test

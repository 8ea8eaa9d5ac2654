#include "replication/fabric/tcp/tcp_fabric.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "replication/fabric/tcp/frames.h"
#include "replication/fabric/tcp/tcp_link.h"

namespace lmc::replication {

class TcpFabric::Greeter {
 public:
  Greeter(TcpFabric& fabric, Fd socket)
      : socket_(std::move(socket)),
        watch_(fabric.reactor_.watch(socket_.get(), [this, &fabric](Readiness) { fabric.greet(*this); })),
        timeout_(fabric.reactor_.timer([this, &fabric] { fabric.forget(*this); })) {
    watch_->want({true, false});
    timeout_->set(fabric.options_.connect_timeout);
  }
  // 1: it is whole; 0: more is to come; -1: there will be none.
  int read(tcp::Hello& hello) {
    char bytes[sizeof hello];
    const ssize_t got = ::read(socket_.get(), bytes, sizeof hello - received_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) return -1;
    received_.append(bytes, static_cast<std::size_t>(got));
    if (received_.size() < sizeof hello) return 0;
    std::memcpy(&hello, received_.data(), sizeof hello);
    return 1;
  }
  Fd take_socket() {
    watch_.reset();
    return std::move(socket_);
  }

 private:
  Fd socket_;
  std::string received_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timeout_;
};

TcpFabric::TcpFabric(Reactor& reactor, const TcpOptions& options, SayOnce::Say say)
    : reactor_(reactor), options_(options), say_(std::move(say)) {}

TcpFabric::~TcpFabric() = default;

std::unique_ptr<Link> TcpFabric::accept(const LinkPlan& plan, LinkObserver& observer) {
  auto link = std::make_unique<TcpLink>(*this, plan, observer);
  accepting_.add(plan.ticket, *link);
  return link;
}

std::unique_ptr<Link> TcpFabric::connect(std::string_view address, const LinkPlan& plan, LinkObserver& observer) {
  auto link = std::make_unique<TcpLink>(*this, plan, observer);
  link->connect(address);
  return link;
}

void TcpFabric::adopt(Fd socket) {
  if (greeters_.size() >= kMostGreeters) return;
  auto greeter = std::make_unique<Greeter>(*this, std::move(socket));
  Greeter* const key = greeter.get();
  greeters_.emplace(key, std::move(greeter));
}

TcpLink* TcpFabric::waiting_for(const tcp::Hello& hello) const {
  if (hello.version != tcp::kVersion || hello.zero != 0) return nullptr;
  return accepting_.find(hello.ticket, hello.traffic);
}

void TcpFabric::greet(Greeter& greeter) {
  tcp::Hello hello;
  const int outcome = greeter.read(hello);
  if (outcome == 0) return;
  TcpLink* const link = outcome > 0 ? waiting_for(hello) : nullptr;
  if (link == nullptr) return forget(greeter);
  accepting_.remove(hello.ticket, *link);
  Fd socket = greeter.take_socket();
  forget(greeter);
  link->take(std::move(socket));
}

void TcpFabric::forget(Greeter& greeter) {
  greeters_.erase(&greeter);
}

}  // namespace lmc::replication

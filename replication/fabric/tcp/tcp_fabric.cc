#include "replication/fabric/tcp/tcp_fabric.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "replication/fabric/address.h"
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
  enum class Heard { kMoreToCome, kHello, kOtherVersion, kEnd };
  Heard read(tcp::Hello& hello) {
    char bytes[sizeof hello];
    const ssize_t got = ::read(socket_.get(), bytes, refused_ ? sizeof bytes : sizeof hello - received_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Heard::kMoreToCome;
    if (got <= 0) return Heard::kEnd;
    if (refused_) return Heard::kMoreToCome;
    received_.append(bytes, static_cast<std::size_t>(got));
    if (received_.size() < sizeof hello.version) return Heard::kMoreToCome;
    std::memcpy(&hello, received_.data(), received_.size());
    if (hello.version != tcp::kVersion) return Heard::kOtherVersion;
    return received_.size() < sizeof hello ? Heard::kMoreToCome : Heard::kHello;
  }
  // Says this version, and waits for the peer to close: to close with something unread would be a reset, which may
  // overtake what was said.
  void refuse_version() {
    refused_ = true;
    const tcp::Hello own{tcp::kVersion, 0, 0, {}};
    (void)::send(socket_.get(), &own, sizeof own, MSG_NOSIGNAL);
    (void)::shutdown(socket_.get(), SHUT_WR);
  }
  [[nodiscard]] std::string name() const {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return "somebody who is gone";
    return address_text(peer);
  }
  Fd take_socket() {
    watch_.reset();
    return std::move(socket_);
  }

 private:
  Fd socket_;
  std::string received_;
  bool refused_ = false;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timeout_;
};

TcpFabric::TcpFabric(Reactor& reactor, const TcpOptions& options, const Say& say)
    : reactor_(reactor), options_(options), say_(say), say_once_(say) {}

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
  if (hello.zero != 0) return nullptr;
  return accepting_.find(hello.ticket, hello.traffic);
}

void TcpFabric::greet(Greeter& greeter) {
  tcp::Hello hello;
  const Greeter::Heard heard = greeter.read(hello);
  if (heard == Greeter::Heard::kMoreToCome) return;
  if (heard == Greeter::Heard::kOtherVersion) {
    if (say_) say_("refused a data link from " + greeter.name() + ": " + tcp::name_versions(hello.version));
    return greeter.refuse_version();
  }
  TcpLink* const link = heard == Greeter::Heard::kHello ? waiting_for(hello) : nullptr;
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

#include "server/net/acceptor.h"

#include <cerrno>
#include <utility>

#include "protocol/text_replies.h"

namespace lmc::net {
namespace {

constexpr timeval kRetryAfter{.tv_sec = 0, .tv_usec = 100'000};

}  // namespace

struct Acceptor::Listener {
  Acceptor& acceptor;
  Endpoint endpoint;
  Event readable;
};

Acceptor::Acceptor(event_base* base, bool refuse_beyond_limit, ConnectionCount& connections, Log& log,
                   HandOver hand_over)
    : base_(base),
      refuse_beyond_limit_(refuse_beyond_limit),
      connections_(connections),
      log_(log),
      hand_over_(std::move(hand_over)) {
  retry_.assign(
      base_, -1, 0, [](evutil_socket_t, short, void* acceptor) { static_cast<Acceptor*>(acceptor)->room(); }, this);
}

Acceptor::~Acceptor() = default;

void Acceptor::add(Endpoint endpoint) {
  Listener& listener = *listeners_.emplace_back(new Listener{*this, std::move(endpoint), {}});
  endpoints_.push_back(&listener.endpoint);
  listener.readable.assign(
      base_, listener.endpoint.socket.get(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* ready) {
        auto* from = static_cast<Listener*>(ready);
        from->acceptor.accept_from(*from);
      },
      &listener);
}

void Acceptor::start() {
  for (const auto& listener : listeners_) listener->readable.start();
  accepting_.store(true, std::memory_order_relaxed);
}

void Acceptor::stop() {
  for (const auto& listener : listeners_) listener->readable.stop();
  retry_.stop();
}

void Acceptor::room() {
  if (accepting()) return;
  connections_.want_room(false);
  retry_.stop();
  start();
}

void Acceptor::pause(const char* why) {
  if (!accepting()) return;
  if (!std::exchange(out_of_room_, true)) {
    log_.line(LogLevel::kWarning, std::string("Too many open connections: accepting none for now (") + why + ")");
    disabled_.fetch_add(1, std::memory_order_relaxed);
  }
  stop();
  accepting_.store(false, std::memory_order_relaxed);
  connections_.want_room(true);
  retry_.start(&kRetryAfter);
}

void Acceptor::accept_from(Listener& listener) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    if (!refuse_beyond_limit_ && connections_.full()) return pause("the limit of -c is reached");
    sockaddr_in6 peer{};
    socklen_t length = sizeof(peer);
    Fd socket(::accept4(listener.endpoint.socket.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      out_of_room_ = false;
      take(std::move(socket), listener.endpoint, peer);
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return pause("out of descriptors or memory; raise -c or the limit of open files");
      default:  // the client is gone again; the next may be well
        log_.error(LogLevel::kConnections, "accept()", errno);
    }
  }
}

void Acceptor::take(Fd socket, const Endpoint& listener, const sockaddr_in6& peer) {
  if (!serving_.load(std::memory_order_relaxed)) {
    set_reset_on_close(socket.get());
    return;
  }
  if (!connections_.enter()) {
    rejected_.fetch_add(1, std::memory_order_relaxed);
    const std::string_view reply = protocol::reply::kTooManyConnections;
    // A fresh socket has room for a line; a client that is gone does not miss it.
    if (::send(socket.get(), reply.data(), reply.size(), MSG_NOSIGNAL) < 0) return;
    return;
  }
  hand_over_(std::move(socket), listener, peer);
}

}  // namespace lmc::net

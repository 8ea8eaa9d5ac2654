// Acceptor: takes new connections from all listeners, on one thread, and hands them over.
//
// The limit of -c: with max_connections_fast a client beyond it is answered `ERROR Too many open connections` and
// closed; without, nobody is accepted until a connection ends, and clients wait in the kernel's backlog. Out of
// descriptors: as without, and tried again after a moment. It is said and counted once until somebody is accepted.
// While clients are not to be served they are reset.
//
// Threads: one, but for the counters and serve_clients(), which any thread may use. Lifetime: the endpoints live as
// long as the acceptor; connections handed over point at them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "server/net/connection_count.h"
#include "server/net/endpoint.h"
#include "server/net/event_loop.h"
#include "server/net/log.h"
#include "server/net/worker.h"

namespace lmc::net {

inline constexpr int kAcceptsPerEvent = 64;

class Acceptor {
 public:
  using HandOver = std::function<void(Fd socket, const Endpoint& listener, const sockaddr_in6& peer)>;

  Acceptor(event_base* base, bool refuse_beyond_limit, ConnectionCount& connections, Log& log, HandOver hand_over);
  ~Acceptor();

  void add(Endpoint endpoint);
  void start();
  void stop();
  // A connection ended while this waited for it.
  void room();

  // --- any thread ---
  void serve_clients(bool serve) { serving_.store(serve, std::memory_order_relaxed); }
  [[nodiscard]] bool accepting() const { return accepting_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t disabled() const { return disabled_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::vector<const Endpoint*>& endpoints() const { return endpoints_; }

 private:
  struct Listener;
  void accept_from(Listener& listener);
  void take(Fd socket, const Endpoint& listener, const sockaddr_in6& peer);
  void pause(const char* why);

  event_base* base_;
  const bool refuse_beyond_limit_;
  ConnectionCount& connections_;
  Log& log_;
  HandOver hand_over_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<const Endpoint*> endpoints_;  // of listeners_
  Event retry_;
  bool out_of_room_ = false;  // since the last accept that went well
  // Written by the accepting thread (serving_: by anyone), read by stats; relaxed, each stands for itself.
  std::atomic<bool> serving_{true};
  std::atomic<bool> accepting_{true};
  std::atomic<std::uint64_t> rejected_{0};
  std::atomic<std::uint64_t> disabled_{0};
};

}  // namespace lmc::net

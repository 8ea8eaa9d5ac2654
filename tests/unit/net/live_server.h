// A whole Network with its store on ports that the kernel chose, and blocking clients for it. Every wait has a bound.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "server/commands/counters.h"
#include "server/commands/watch.h"
#include "server/net/network.h"
#include "server/store/store.h"
#include "serving.h"

namespace lmc::net::test {

inline constexpr int kPatienceMs = 20000;

template <class Condition>
[[nodiscard]] bool eventually(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    const timeval patience{.tv_sec = kPatienceMs / 1000, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  [[nodiscard]] bool connected() const { return connected_; }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Reads until the bytes end so, the peer closes, or patience ends.
  std::string read_until(std::string_view end) const {
    std::string all;
    char part[65536];
    while (!all.ends_with(end)) {
      const ssize_t n = ::recv(socket_.get(), part, sizeof(part), 0);
      if (n <= 0) break;
      all.append(part, static_cast<std::size_t>(n));
    }
    return all;
  }
  std::string ask(std::string_view request, std::string_view end = "\r\n") const {
    send(request);
    return read_until(end);
  }
  // How the stream ends: 0 orderly, else errno.
  int end_of_stream() const {
    char part[4096];
    while (true) {
      const ssize_t n = ::recv(socket_.get(), part, sizeof(part), 0);
      if (n == 0) return 0;
      if (n < 0) return errno;
    }
  }
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  Fd socket_;
  bool connected_ = false;
};

class LiveServer {
 public:
  explicit LiveServer(const std::function<void(commands::Settings&)>& change = {}, Replicator* replicator = nullptr,
                      const std::function<void(store::Store&)>& prepare = {}) {
    settings.worker_threads = 2;
    if (change) change(settings);
    network.emplace(settings, clock, log);
    network->listen({.addresses = {{.given = "127.0.0.1", .host = "127.0.0.1", .port = {}, .protocol = {}}},
                     .tcp_port = std::uint16_t{0},
                     .udp_port = {},
                     .unix_socket_path = settings.unix_socket_path,
                     .port_file = {}});
    counters.emplace(settings.worker_threads);
    watch.emplace(*network, settings.watcher_buffer_bytes);
    store.emplace(small_store(clock.now()));
    if (prepare) prepare(*store);
    network->start(*store, *counters, *watch, replicator);
    port = network->listeners().front()->port;
    main_thread = std::thread([this] { ended_by = network->run(); });
  }
  ~LiveServer() { end(); }
  void end() {
    if (!main_thread.joinable()) return;
    network->shutdown(commands::Shutdown::kNow);
    main_thread.join();
    network->stop();
  }

  commands::Settings settings;
  Clock clock;
  Log log;
  std::optional<Network> network;
  std::optional<commands::CounterBoard> counters;
  std::optional<commands::WatchHub> watch;
  std::optional<store::Store> store;
  std::uint16_t port = 0;
  std::optional<commands::Shutdown> ended_by;
  std::thread main_thread;
};

}  // namespace lmc::net::test

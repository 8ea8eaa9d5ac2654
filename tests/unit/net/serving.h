// Everything a Connection or a Worker needs around it, for tests: a small store, settings, counters, a control that
// does nothing but remember, and socket calls that are counted and can be made to fail.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/counters.h"
#include "server/commands/executor.h"
#include "server/commands/watch.h"
#include "server/net/clock.h"
#include "server/net/connection.h"
#include "server/net/connection_count.h"
#include "server/net/log.h"
#include "server/net/socket_ops.h"
#include "server/store/store.h"

namespace lmc::net::test {

class CountingSocketOps final : public SocketOps {
 public:
  ssize_t read(int fd, std::span<char> into) override {
    ++reads;
    return kernel_.read(fd, into);
  }
  ssize_t write(int fd, std::span<const iovec> pieces) override {
    ++writes;
    if (write_limit == 0) {
      errno = EAGAIN;
      return -1;
    }
    if (write_limit == std::numeric_limits<std::size_t>::max()) return kernel_.write(fd, pieces);
    const iovec first{.iov_base = pieces[0].iov_base, .iov_len = std::min(pieces[0].iov_len, write_limit)};
    return kernel_.write(fd, {&first, 1});
  }
  ssize_t receive_message(int fd, msghdr& message) override { return kernel_.receive_message(fd, message); }
  ssize_t send_message(int fd, const msghdr& message) override { return kernel_.send_message(fd, message); }

  unsigned reads = 0;
  unsigned writes = 0;
  std::size_t write_limit = std::numeric_limits<std::size_t>::max();  // bytes a write takes; 0: EAGAIN

 private:
  KernelSocketOps kernel_;
};

class IdleControl final : public commands::ServerControl {
 public:
  void shutdown(commands::Shutdown) override {}
  void set_verbosity(unsigned) override {}
  [[nodiscard]] unsigned verbosity() const override { return 0; }
  [[nodiscard]] commands::NetCounters net_counters() const override { return {}; }
  void reset_net_counters() override {}
  void visit_connections(const std::function<void(const commands::ConnectionInfo&)>&) override {}
  void wake(commands::ConnectionId connection) override { woken.push_back(connection); }
  void shift_clock(std::int64_t) override {}
  void pause_clock(bool) override {}
  [[nodiscard]] store::UnixSeconds now() const override { return {1700000000}; }
  [[nodiscard]] store::UnixSeconds started() const override { return {1700000000}; }

  std::vector<commands::ConnectionId> woken;
};

inline constexpr store::UnixSeconds kNow{1700000000};

inline store::StoreOptions small_store(store::UnixSeconds now) {
  store::StoreOptions options;
  options.memory_bytes = std::uint64_t{64} << 20;
  options.now = now;
  return options;
}

struct Serving {
  Serving() : Serving(std::uint64_t{64} << 20) {}
  explicit Serving(std::uint64_t staging_bytes) : staging(staging_bytes) {}

  commands::Settings settings;
  IdleControl control;
  store::Store store{small_store(kNow)};
  commands::CounterBoard counters{1};
  commands::WatchHub watch{control, 1 << 16};
  store::Session session{store};
  commands::Shared shared{store, settings, counters, watch, control};
  commands::Executor executor{shared, session, 0};
  commands::BlockPool blocks;
  StagingBudget staging;
  InputPool inputs{staging};
  Traffic traffic;
  Log log;
  CountingSocketOps sockets;
  Bench bench{.sockets = sockets,
              .executor = executor,
              .session = session,
              .reply_blocks = blocks,
              .input_blocks = inputs,
              .traffic = traffic,
              .log = log,
              .max_requests_per_event = 20,
              .limits = {.max_value_bytes = 1 << 20},
              .now = kNow,
              .replicator = nullptr,
              .forwarding = nullptr,
              .latest_dependency = {},
              .requests = {},
              .ends = {},
              .iovecs = {}};
};

// The client's end of a socket pair, and the connection at the other.
class Pair {
 public:
  explicit Pair(Serving& serving, commands::ProtocolChoice protocol = commands::ProtocolChoice::kNegotiate)
      : Pair(serving.bench, serving, commands::ConnectionId{7}, protocol, make_pair()) {}
  // `bench`: not the one of `serving`.
  Pair(Serving& serving, commands::ConnectionId id, Bench* bench = nullptr)
      : Pair(bench == nullptr ? serving.bench : *bench, serving, id, commands::ProtocolChoice::kNegotiate,
             make_pair()) {}
  ~Pair() { connection.close(bench_); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(client.get(), bytes.data(), bytes.size());
      if (n < 0) return;  // full: the test sees it by what arrives
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // What has arrived by now; never waits.
  std::string received() {
    std::string all;
    char part[65536];
    ssize_t n = 0;
    while ((n = ::recv(client.get(), part, sizeof(part), MSG_DONTWAIT)) > 0)
      all.append(part, static_cast<std::size_t>(n));
    return all;
  }
  void hang_up() { client.reset(); }
  void half_close() { ::shutdown(client.get(), SHUT_WR); }

  // A worker's turn for this one connection.
  Progress turn(bool others_wait = false) {
    serving_.session.begin_turn(kNow);
    static_cast<void>(connection.receive(bench_));
    const Progress progress = connection.execute(bench_, others_wait);
    flushed = connection.flush(bench_);
    serving_.session.end_turn();
    return progress;
  }
  // Without a read: what was left to execute, and to send.
  Progress go_on(bool others_wait = false) {
    serving_.session.begin_turn(kNow);
    const Progress progress = connection.execute(bench_, others_wait);
    flushed = connection.flush(bench_);
    serving_.session.end_turn();
    return progress;
  }
  std::string ask(std::string_view bytes) {
    send(bytes);
    static_cast<void>(turn());
    return received();
  }
  // As many turns as it takes until the replies end so; sends as the socket takes it.
  std::string ask_until(std::string_view bytes, std::string_view end) {
    std::string replies;
    for (int turns = 0; !replies.ends_with(end) && turns < 10000; ++turns) {
      const ssize_t n = bytes.empty() ? 0 : ::write(client.get(), bytes.data(), bytes.size());
      if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
      static_cast<void>(connection.wants_input() ? this->turn() : go_on());
      replies += received();
    }
    return replies;
  }

 private:
  struct Ends {
    Fd client;
    Fd server;
  };
  static Ends make_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) throw std::runtime_error("socketpair");
    return {Fd(ends[0]), Fd(ends[1])};
  }
  Pair(Bench& bench, Serving& serving, commands::ConnectionId id, commands::ProtocolChoice protocol, Ends ends)
      : serving_(serving),
        bench_(bench),
        client(std::move(ends.client)),
        connection(std::move(ends.server), id, protocol, serving.blocks) {}

  Serving& serving_;
  Bench& bench_;

 public:
  Fd client;
  Connection connection;
  Flushed flushed = Flushed::kAll;
};

}  // namespace lmc::net::test

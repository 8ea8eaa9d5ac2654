// floor: the yardstick "nothing on sockets gets below it". A libevent server of one thread that keeps nothing and
// answers constants: a value of fixed size for each key of each get, STORED for each set, in text, meta and binary.
//
// For each socket that is ready: exactly one read into one shared buffer, one pass over the requests that looks at no
// more than it must to count them, one write. It checks nothing: it is a partner for lmc-bench (without --verify), no
// more.
//
// What its figures contain: the kernel's socket work, libevent's dispatch, finding the ends of requests. What they do
// not: hashing, look-ups, memory, a clock.
#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tools/floor/answers.h"
#include "tools/floor/request_counter.h"

namespace lmc::floor {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kMaxRestBytes = 2 * 1024 * 1024;

class Server;

struct Connection {
  Server* server = nullptr;
  int socket = -1;
  event* readable = nullptr;
  event* writable = nullptr;
  RequestCounter counter;
  std::string rest;    // the unfinished line or header of the last read
  std::string unsent;  // what the socket did not take; nothing is read until it is gone
  std::size_t unsent_taken = 0;
};

class Server {
 public:
  Server(event_base* base, std::size_t value_bytes)
      : base_(base), answers_(value_bytes), batch_(answers_), input_(kReadBytes + kMaxRestBytes) {}

  void accept_from(int listener) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto* connection = new Connection;
    connection->server = this;
    connection->socket = socket;
    connection->readable = event_new(
        base_, socket, EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* c) {
          static_cast<Connection*>(c)->server->serve(*static_cast<Connection*>(c));
        },
        connection);
    connection->writable = event_new(
        base_, socket, EV_WRITE | EV_PERSIST,
        [](evutil_socket_t, short, void* c) {
          static_cast<Connection*>(c)->server->resume(*static_cast<Connection*>(c));
        },
        connection);
    event_add(connection->readable, nullptr);
  }

 private:
  void serve(Connection& connection) {
    const std::size_t rest_bytes = connection.rest.size();
    if (rest_bytes > kMaxRestBytes) return end(connection);
    std::memcpy(input_.data(), connection.rest.data(), rest_bytes);
    const ssize_t received = recv(connection.socket, input_.data() + rest_bytes, kReadBytes, 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received <= 0) return end(connection);

    batch_.clear();
    const std::string_view input(input_.data(), rest_bytes + static_cast<std::size_t>(received));
    const auto used = connection.counter.take(input, batch_);
    if (!used.has_value()) return end(connection);
    connection.rest.assign(input.substr(*used));
    if (batch_.empty()) return;
    if (!batch_.send_to(connection.socket, connection.unsent)) return end(connection);
    if (!connection.unsent.empty()) {
      event_del(connection.readable);
      event_add(connection.writable, nullptr);
    }
  }

  void resume(Connection& connection) {
    const std::string_view left = std::string_view(connection.unsent).substr(connection.unsent_taken);
    const ssize_t sent = send(connection.socket, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return end(connection);
    if (sent > 0) connection.unsent_taken += static_cast<std::size_t>(sent);
    if (connection.unsent_taken != connection.unsent.size()) return;
    connection.unsent.clear();
    connection.unsent_taken = 0;
    event_del(connection.writable);
    event_add(connection.readable, nullptr);
  }

  static void end(Connection& connection) {
    event_free(connection.readable);
    event_free(connection.writable);
    close(connection.socket);
    delete &connection;
  }

  event_base* base_;
  Answers answers_;
  Batch batch_;
  std::vector<char> input_;
};

int listen_tcp(const char* port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 || listen(socket, 1024) != 0) {
    std::fprintf(stderr, "floor: cannot listen on 127.0.0.1:%s: %s; give a free port with -p\n", port,
                 std::strerror(errno));
    std::exit(1);
  }
  return socket;
}

int listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    std::fprintf(stderr, "floor: the path '%s' is too long for a unix socket; give a shorter one with -u\n",
                 path.c_str());
    std::exit(1);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  unlink(path.c_str());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 || listen(socket, 1024) != 0) {
    std::fprintf(stderr, "floor: cannot listen on '%s': %s; give another path with -u\n", path.c_str(),
                 std::strerror(errno));
    std::exit(1);
  }
  return socket;
}

constexpr const char* kUsage =
    "floor: answers memcached requests with constants, as cheaply as sockets allow (127.0.0.1, one thread)\n"
    "  -p PORT   TCP port (11211)\n"
    "  -u PATH   a unix socket instead of TCP\n"
    "  -s BYTES  length of the value that answers every key of every get (100)\n";

int run(int argc, char** argv) {
  const char* port = "11211";
  std::string unix_path;
  std::size_t value_bytes = 100;
  for (int option = 0; (option = getopt(argc, argv, "p:u:s:h")) != -1;) {
    switch (option) {
      case 'p':
        port = optarg;
        break;
      case 'u':
        unix_path = optarg;
        break;
      case 's':
        value_bytes = std::strtoul(optarg, nullptr, 10);
        break;
      default:
        std::fputs(kUsage, option == 'h' ? stdout : stderr);
        return option == 'h' ? 0 : 1;
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);

  Server server(base, value_bytes);
  const int listener = unix_path.empty() ? listen_tcp(port) : listen_unix(unix_path);
  event* acceptable = event_new(
      base, listener, EV_READ | EV_PERSIST,
      [](evutil_socket_t socket, short, void* s) { static_cast<Server*>(s)->accept_from(socket); }, &server);
  event_add(acceptable, nullptr);
  const auto stop = [](evutil_socket_t, short, void* b) { event_base_loopbreak(static_cast<event_base*>(b)); };
  event* interrupted = evsignal_new(base, SIGINT, stop, base);
  event* terminated = evsignal_new(base, SIGTERM, stop, base);
  event_add(interrupted, nullptr);
  event_add(terminated, nullptr);
  event_base_dispatch(base);
  return 0;
}

}  // namespace
}  // namespace lmc::floor

int main(int argc, char** argv) {
  return lmc::floor::run(argc, argv);
}

// What only the tcp fabric can be asked: its system calls, and what it does with a peer that says what it likes. The
// peer is the test itself, at the other end of a socket pair.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "bench.h"
#include "replication/fabric/tcp/frames.h"
#include "replication/fabric/tcp/tcp_fabric.h"

namespace lmc::test {
namespace {

using replication::FabricCounters;
using replication::Fd;
using replication::kMaxChainBytes;
using replication::kMaxChainWrites;
using replication::kMaxOutstandingChains;
using replication::Region;
using replication::TcpFabric;
using replication::Traffic;
using replication::Write;
using namespace replication::tcp;

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string hello(std::uint8_t ticket, std::uint8_t traffic = 0, std::uint16_t version = kVersion) {
  return bytes_of(Hello{version, traffic, 0, ticket_of(ticket)});
}

// A frame of one write of `size` bytes to the begin of the log, or of none.
std::string frame(std::uint64_t landed, std::uint32_t size = 0) {
  std::string bytes = bytes_of(FrameHeader{kFrameMagic, static_cast<std::uint16_t>(size == 0 ? 0 : 1), 0, landed});
  if (size != 0) bytes += bytes_of(Descriptor{0, size, 0, {}}) + std::string(size, 'x');
  return bytes;
}

class RawPeer {
 public:
  explicit RawPeer(TcpFabric& fabric) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    socket_ = Fd(ends[0]);
    fabric.adopt(Fd(ends[1]));
  }
  [[nodiscard]] bool say(const std::string& bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // What there is to read now.
  std::string hear() {
    std::string heard;
    char bytes[65536];
    for (;;) {
      const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) ended_ = true;
      if (got <= 0) return heard;
      heard.append(bytes, static_cast<std::size_t>(got));
    }
  }
  [[nodiscard]] bool ended() {
    (void)hear();
    return ended_;
  }
  void go() { socket_.reset(); }

 private:
  Fd socket_;
  bool ended_ = false;
};

// A link of the fabric whose other end is the test.
struct Victim {
  Victim() : fabric(reactor), peer(fabric) {
    link = fabric.accept({ticket_of(1), Traffic::kForeground, memory.exposed()}, observed);
    REQUIRE(peer.say(hello(1)));
    REQUIRE(reactor.run_until([&] { return observed.ups == 1; }));
    REQUIRE(peer.hear() == hello(1));
  }
  void post(std::size_t size) {
    const Write write{Region::kLog, 0, {source.data(), size}};
    link->post({&write, 1});
  }
  [[nodiscard]] bool goes_down() {
    return reactor.run_until([&] { return observed.downs == 1; });
  }

  PollReactor reactor;
  Memory memory;
  std::vector<char> source = std::vector<char>(1 << 20, 'y');
  Observed observed;
  TcpFabric fabric;
  RawPeer peer;
  std::unique_ptr<replication::Link> link;
};

TEST_CASE("tcp: a chain is one sendmsg, and what landed is told by no more than one each") {
  Bench bench;
  bench.connect();
  const FabricCounters before = bench.fabrics->connecting().counters();
  std::vector<Write> chain(kMaxChainWrites, Write{Region::kLog, 0, bench.piece(0, 64)});
  for (std::size_t i = 0; i < 10; ++i) bench.from->post(chain);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 10; }));
  const FabricCounters from = bench.fabrics->connecting().counters();
  CHECK(from.chains == 10);
  CHECK(from.doorbells - before.doorbells == 10);
  CHECK(from.acknowledgements == 0);
  CHECK(from.waits == 0);
  CHECK(from.bytes - before.bytes == 10 * (sizeof(FrameHeader) + kMaxChainWrites * (sizeof(Descriptor) + 64)));
  const FabricCounters to = bench.fabrics->accepting().counters();
  CHECK(to.acknowledgements >= 1);
  CHECK(to.acknowledgements <= 10);
}

TEST_CASE("tcp: a link that nothing is said on makes no system call") {
  const auto calls = [](const FabricCounters& all) { return all.doorbells + all.acknowledgements + all.reads; };
  Bench bench;
  bench.connect();
  bench.post(Region::kLog, 0, bench.piece(0, 8));
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 1; }));
  const std::uint64_t before = calls(bench.fabrics->accepting().counters());
  bench.reactor.run_for(std::chrono::milliseconds(20));
  CHECK(calls(bench.fabrics->accepting().counters()) == before);
}

TEST_CASE("tcp: an acknowledgement of chains that were not sent ends the link and completes none") {
  {
    Victim victim;
    REQUIRE(victim.peer.say(frame(1)));
    CHECK(victim.goes_down());
    CHECK(victim.observed.completed == 0);
  }
  // Posted, but still to be read from where they lie: to call them completed would free that memory.
  Victim victim;
  for (std::size_t i = 0; i < kMaxOutstandingChains; ++i) victim.post(1 << 20);
  REQUIRE(victim.peer.say(frame(kMaxOutstandingChains)));
  CHECK(victim.goes_down());
  CHECK(victim.observed.completed == 0);
  CHECK(victim.peer.ended());
}

TEST_CASE("tcp: a peer that sends and does not read is not answered without bound") {
  Victim victim;
  victim.post(1 << 20);  // more than the socket takes
  REQUIRE(victim.fabric.counters().waits == 1);
  constexpr std::size_t kPasses = 200;
  for (std::size_t pass = 1; pass <= kPasses; ++pass) {
    REQUIRE(victim.peer.say(frame(0, 8)));
    REQUIRE(victim.reactor.run_until([&] { return victim.observed.arrivals == pass; }));
  }
  std::string heard;
  const std::size_t chain = sizeof(FrameHeader) + sizeof(Descriptor) + (1 << 20);
  REQUIRE(victim.reactor.run_until([&] {
    heard += victim.peer.hear();
    return heard.size() > chain;
  }));
  CHECK(heard.substr(chain) == frame(kPasses));
}

TEST_CASE("tcp: of a chain that is cut off what has landed is a prefix, and no arrival is told") {
  Victim victim;
  const std::string whole = frame(0, 1000);
  REQUIRE(victim.peer.say(whole.substr(0, whole.size() - 400)));
  victim.peer.go();
  REQUIRE(victim.goes_down());
  CHECK(victim.observed.arrivals == 0);
  const std::span<char> log = Memory::bytes_of(victim.memory.log);
  CHECK(std::string(log.data(), 600) == std::string(600, 'x'));
  CHECK(std::string(log.data() + 600, 400) == std::string(400, '\0'));
}

TEST_CASE("tcp: after revoke() nothing is read that has already come") {
  Victim victim;
  REQUIRE(victim.peer.say(frame(0, 1000)));
  victim.link->revoke();
  victim.reactor.run_for(std::chrono::milliseconds(20));
  CHECK(victim.memory.log == Memory().log);
  CHECK(victim.peer.ended());
  CHECK(victim.observed.calls() == 1);
}

TEST_CASE("tcp: bytes that are no frame end the link") {
  Victim victim;
  REQUIRE(victim.peer.say(std::string(100, 'z')));
  CHECK(victim.goes_down());
  CHECK(victim.peer.ended());
}

TEST_CASE("tcp: a hello that is not the one waited for is not answered, and takes nothing from who waits") {
  PollReactor reactor;
  Observed observed;
  TcpFabric fabric(reactor);
  const auto link = fabric.accept({ticket_of(1), Traffic::kForeground, {}}, observed);
  for (const std::string& said : {hello(2), hello(1, 1), hello(1, 7)}) {
    RawPeer peer(fabric);
    REQUIRE(peer.say(said));
    CHECK(reactor.run_until([&] { return peer.ended(); }));
  }
  CHECK(observed.calls() == 0);
  // Byte by byte is as good.
  RawPeer peer(fabric);
  for (const char byte : hello(1)) {
    REQUIRE(peer.say(std::string(1, byte)));
    reactor.run_for(std::chrono::milliseconds(1));
  }
  CHECK(reactor.run_until([&] { return observed.ups == 1; }));
  // A ticket is good once.
  RawPeer late(fabric);
  REQUIRE(late.say(hello(1)));
  CHECK(reactor.run_until([&] { return late.ended(); }));
  CHECK(observed.calls() == 1);
}

// A socket that listens on a loopback address, at any port.
class Listening {
 public:
  explicit Listening(int family) : family_(family), socket_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address_);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address_);
    address_.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET)
      v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
      v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    socklen_t size = sizeof address_;
    works_ = ::bind(socket_.get(), at(), size) == 0 && ::listen(socket_.get(), 4) == 0 &&
             ::getsockname(socket_.get(), at(), &size) == 0;
    port_ = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
  }
  [[nodiscard]] bool works() const { return works_; }
  [[nodiscard]] std::string name() const {
    return (family_ == AF_INET ? "127.0.0.1:" : "[::1]:") + std::to_string(port_);
  }
  Fd connect() {
    Fd socket(::socket(family_, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.get(), at(), sizeof address_) == 0);
    return socket;
  }
  Fd accept() { return Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)); }

 private:
  sockaddr* at() { return reinterpret_cast<sockaddr*>(&address_); }

  int family_;
  sockaddr_storage address_{};
  Fd socket_;
  std::uint16_t port_ = 0;
  bool works_ = false;
};

std::string name_of(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (ask(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return {};
  return {reinterpret_cast<const char*>(&name), size};
}

// Of this process, the socket at the other end of `peer`.
int other_end_of(int peer) {
  const std::string ours = name_of(peer, ::getsockname);
  const std::string theirs = name_of(peer, ::getpeername);
  for (int fd = 0; fd < 1024; ++fd)
    if (name_of(fd, ::getsockname) == theirs && name_of(fd, ::getpeername) == ours) return fd;
  return -1;
}

void check_type_of_service(int socket, int family, int expected) {
  int value = 0;
  socklen_t size = sizeof value;
  CHECK(::getsockopt(socket, IPPROTO_IP, IP_TOS, &value, &size) == 0);
  CHECK(value == expected);
  if (family == AF_INET) return;
  CHECK(::getsockopt(socket, IPPROTO_IPV6, IPV6_TCLASS, &value, &size) == 0);
  CHECK(value == expected);
}

TEST_CASE("tcp: both ends of a link have the type of service that was asked for") {
  const int family = GENERATE(AF_INET, AF_INET6);
  Listening listening(family);
  if (!listening.works()) {
    WARN("no IPv6 here");
    return;
  }
  PollReactor reactor;
  std::vector<std::string> said;
  TcpFabric fabric(reactor, {.type_of_service = 0x68}, [&](const std::string& line) { said.push_back(line); });
  Observed observed;
  const auto connecting = fabric.connect(listening.name(), {ticket_of(1), Traffic::kForeground, {}}, observed);
  const Fd met = listening.accept();
  check_type_of_service(other_end_of(met.get()), family, 0x68);

  const auto accepting = fabric.accept({ticket_of(2), Traffic::kForeground, {}}, observed);
  const Fd peer = listening.connect();
  fabric.adopt(listening.accept());
  REQUIRE(::send(peer.get(), hello(2).data(), hello(2).size(), MSG_NOSIGNAL) == static_cast<ssize_t>(hello(2).size()));
  REQUIRE(reactor.run_until([&] { return observed.ups == 1; }));
  check_type_of_service(other_end_of(peer.get()), family, 0x68);
  CHECK(said.empty());
}

TEST_CASE("tcp: an option that the kernel does not take is said once, with its reason, and the link goes on") {
  PollReactor reactor;
  std::vector<std::string> said;
  TcpFabric fabric(reactor, {.type_of_service = 0x68}, [&](const std::string& line) { said.push_back(line); });
  Observed observed;
  std::vector<std::unique_ptr<replication::Link>> links;
  for (std::uint8_t number = 1; number <= 2; ++number) {
    links.push_back(fabric.accept({ticket_of(number), Traffic::kForeground, {}}, observed));
    RawPeer peer(fabric);  // at a local socket, which knows nothing of IP
    REQUIRE(peer.say(hello(number)));
    REQUIRE(reactor.run_until([&] { return observed.ups == number; }));
  }
  REQUIRE(said.size() == 3);
  CHECK(said[2] ==
        "cannot set IP_TOS (--replication-tos) of the data links' sockets: Operation not supported; they go on "
        "without");
}

TEST_CASE("tcp: a hello of another version is told this one's, and both are named") {
  PollReactor reactor;
  Observed observed;
  std::vector<std::string> lines;
  TcpFabric fabric(reactor, {}, [&lines](const std::string& line) { lines.push_back(line); });
  const auto link = fabric.accept({ticket_of(1), Traffic::kForeground, {}}, observed);
  for (const std::string& said : {hello(1, 0, 2), hello(1, 0, 2) + std::string(300, 'x'), std::string("\2\0", 2)}) {
    RawPeer peer(fabric);
    REQUIRE(peer.say(said));
    std::string heard;
    CHECK(reactor.run_until([&] {
      heard += peer.hear();
      return peer.ended();
    }));
    CHECK(heard == bytes_of(Hello{kVersion, 0, 0, {}}));
  }
  CHECK(observed.calls() == 0);
  REQUIRE(lines.size() == 3);
  for (const std::string& line : lines) {
    CHECK(line.starts_with("refused a data link from "));
    CHECK(line.ends_with(": version 2 of data links there, 1 here"));
  }
}

TEST_CASE("tcp: who connects names both versions, if it is answered in another one") {
  PollReactor reactor;
  Observed observed;
  TcpFabric fabric(reactor);
  Listening listening(AF_INET);
  const auto link = fabric.connect(listening.name(), {ticket_of(1), Traffic::kForeground, {}}, observed);
  const Fd accepted = listening.accept();
  REQUIRE(accepted);
  const std::string answer = bytes_of(Hello{7, 0, 0, {}});
  REQUIRE(::send(accepted.get(), answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size()));
  CHECK(reactor.run_until([&] { return observed.downs == 1; }));
  CHECK(observed.cause == "version 7 of data links there, 1 here");
}

TEST_CASE("tcp: sockets that say nothing are few, and not kept") {
  PollReactor reactor;
  replication::TcpOptions options;
  options.connect_timeout = std::chrono::milliseconds(200);
  TcpFabric fabric(reactor, options);
  std::vector<RawPeer> silent;
  for (std::size_t i = 0; i < TcpFabric::kMostGreeters; ++i) silent.emplace_back(fabric);
  RawPeer one_more(fabric);
  CHECK(one_more.ended());
  CHECK(reactor.run_until(
      [&] { return std::all_of(silent.begin(), silent.end(), [](auto& each) { return each.ended(); }); }));
  Observed observed;
  const auto link = fabric.accept({ticket_of(1), Traffic::kForeground, {}}, observed);
  RawPeer known(fabric);
  REQUIRE(known.say(hello(1)));
  CHECK(reactor.run_until([&] { return observed.ups == 1; }));
}

// Whether doing so ends the process, tried in a child. What that sends the parent must not read.
template <typename What>
bool ends_the_process(What what) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{};
    (void)::setrlimit(RLIMIT_CORE, &none);
    (void)::signal(SIGABRT, SIG_DFL);  // the test framework's would report
    (void)::close(STDERR_FILENO);
    what();
    ::_exit(0);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST_CASE("tcp: what breaks a limit is a bug that ends the process") {
  Bench bench;
  bench.connect();
  CHECK_FALSE(ends_the_process([&] { bench.post(Region::kLog, 0, bench.piece(0, 8)); }));
  CHECK(ends_the_process([&] { bench.from->post({}); }));
  CHECK(ends_the_process([&] { bench.post(Region::kLog, 0, {}); }));
  const std::vector<Write> too_many(kMaxChainWrites + 1, Write{Region::kLog, 0, bench.piece(0, 8)});
  CHECK(ends_the_process([&] { bench.from->post(too_many); }));
  const std::vector<Write> too_large(kMaxChainBytes / (1 << 20) + 1, Write{Region::kLog, 0, bench.piece(0, 1 << 20)});
  CHECK(ends_the_process([&] { bench.from->post(too_large); }));
  CHECK(ends_the_process([&] {
    for (std::size_t i = 0; i <= kMaxOutstandingChains; ++i) bench.post(Region::kLog, 0, bench.piece(0, 8));
  }));
}

}  // namespace
}  // namespace lmc::test

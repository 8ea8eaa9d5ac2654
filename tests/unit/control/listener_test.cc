#include "replication/control/listener.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

#include "raw_socket.h"
#include "stepped_reactor.h"

namespace lmc::replication {
namespace {

using test::is_closed;
using test::SteppedReactor;

void say(const Fd& socket, std::string_view bytes) {
  REQUIRE(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

struct Bench {
  [[nodiscard]] Fd connect() const { return test::connect_raw(listener.address()); }
  // What came before has been seen when this has been handed out.
  void wait_for_a_data_link() {
    const std::size_t before = data.size();
    const Fd socket = connect();
    say(socket, "LMCDATA1");
    REQUIRE(reactor.run_until([&] { return data.size() == before + 1; }));
  }

  SteppedReactor reactor;
  GroupSecret secret{"a secret of the group"};
  std::vector<Fd> data;
  std::vector<std::string> log;
  int controls = 0;
  Listener listener{
      reactor,
      secret,
      "127.0.0.1:0",
      {[this](std::unique_ptr<Peer>) { ++controls; }, [this](Fd socket) { data.push_back(std::move(socket)); },
       [this](const std::string& line) { log.push_back(line); }}};
};

// Fewer descriptors cannot be had than are open, while it lives.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest = ::dup(0);
    REQUIRE(lowest >= 0);
    ::close(lowest);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_CASE("who does not say what he is within the limit is closed") {
  Bench bench;
  const Fd silent = bench.connect();
  const Fd slow = bench.connect();
  say(slow, "LMCC");
  bench.wait_for_a_data_link();
  bench.reactor.advance(kHandshakeLimit - std::chrono::milliseconds(1));
  CHECK_FALSE(is_closed(silent));
  CHECK_FALSE(is_closed(slow));
  bench.reactor.advance(std::chrono::milliseconds(1));
  CHECK(bench.reactor.run_until([&] { return is_closed(silent) && is_closed(slow); }));
}

TEST_CASE("bytes that trickle in do not win time: one limit holds for magic and handshake") {
  Bench bench;
  const Fd slow = bench.connect();
  bench.wait_for_a_data_link();
  bench.reactor.advance(kHandshakeLimit - std::chrono::milliseconds(1));
  say(slow, kControlMagic);
  say(slow, "and a part of the handshake");
  bench.wait_for_a_data_link();
  CHECK_FALSE(is_closed(slow));
  bench.reactor.advance(std::chrono::milliseconds(1));
  CHECK(bench.reactor.run_until([&] { return is_closed(slow); }));
  CHECK(bench.controls == 0);
  CHECK(bench.log.size() == 1);
}

TEST_CASE("a magic may come byte by byte") {
  Bench bench;
  const Fd socket = bench.connect();
  for (const char byte : std::string("LMCDATA1")) {
    CHECK(bench.data.empty());
    say(socket, {&byte, 1});
    bench.reactor.advance(std::chrono::milliseconds(1));
  }
  CHECK(bench.reactor.run_until([&] { return bench.data.size() == 1; }));
}

TEST_CASE("the oldest of too many undecided connections goes, the others stay") {
  Bench bench;
  std::vector<Fd> silent;
  for (int i = 0; i < 129; ++i) {
    silent.push_back(bench.connect());
    if (i % 32 == 0) bench.wait_for_a_data_link();
  }
  REQUIRE(bench.reactor.run_until([&] { return is_closed(silent.front()); }));
  CHECK_FALSE(is_closed(silent.back()));
}

TEST_CASE("strangers do not fill the log") {
  Bench bench;
  constexpr std::size_t kStrangers = 50;
  std::vector<Fd> strangers;
  for (std::size_t i = 0; i < kStrangers; ++i) {
    strangers.push_back(bench.connect());
    say(strangers.back(), "GET / HT");
    REQUIRE(bench.reactor.run_until([&] { return is_closed(strangers.back()); }));
  }
  CHECK(bench.log.size() == LineLimit::kMostLines);
}

TEST_CASE("without descriptors it pauses, and goes on when there are some again") {
  Bench bench;
  const Fd waiting = bench.connect();
  say(waiting, "LMCDATA1");
  {
    const NoMoreDescriptors none;
    REQUIRE(bench.reactor.run_until([&] { return bench.log.size() == 1; }));
    CHECK(bench.data.empty());
  }
  bench.reactor.advance(std::chrono::seconds(1));
  CHECK(bench.reactor.run_until([&] { return bench.data.size() == 1; }));
}

TEST_CASE("a listener that ends closes who was not decided on") {
  auto bench = std::make_unique<Bench>();
  const Fd silent = bench->connect();
  const Fd shaking = bench->connect();
  say(shaking, kControlMagic);
  bench->wait_for_a_data_link();
  bench.reset();
  CHECK(is_closed(silent));
  CHECK(is_closed(shaking));
}

}  // namespace
}  // namespace lmc::replication

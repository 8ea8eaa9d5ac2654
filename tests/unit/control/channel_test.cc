#include "replication/control/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <vector>

#include "poll_reactor.h"
#include "raw_socket.h"
#include "replication/control/control_net.h"
#include "replication/control/listener.h"

namespace lmc::replication {
namespace {

using test::PollReactor;

struct Ear final : PeerObserver {
  void on_up() override { ++ups; }
  void on_message(std::string_view message) override {
    messages.emplace_back(message);
    if (in_message) in_message();
  }
  void on_room() override { ++rooms; }
  void on_down(std::string_view why, bool peer) override {
    ++downs;
    cause = why;
    by_peer = peer;
  }
  int ups = 0;
  int downs = 0;
  int rooms = 0;
  bool by_peer = false;
  std::string cause;
  std::vector<std::string> messages;
  std::function<void()> in_message;
};

struct Bench {
  Bench()
      : listener(reactor, secret, "127.0.0.1:0",
                 {[this](std::unique_ptr<Peer> peer) {
                    peer->observe(server_ear);
                    server = std::move(peer);
                  },
                  [this](Fd socket) { data.push_back(std::move(socket)); },
                  [this](const std::string& line) { log.push_back(line); }}) {}
  void connect() {
    client = ControlNet(reactor, secret).connect(listener.address(), client_ear);
    REQUIRE(reactor.run_until([&] { return client_ear.ups == 1 && server != nullptr; }));
  }
  [[nodiscard]] Fd raw() const { return test::connect_raw(listener.address()); }

  PollReactor reactor;
  GroupSecret secret{"a secret of the group"};
  Ear client_ear;
  Ear server_ear;
  std::unique_ptr<Peer> server;
  std::unique_ptr<Peer> client;
  std::vector<Fd> data;
  std::vector<std::string> log;
  Listener listener;
};

TEST_CASE("messages come whole and in order, both ways") {
  Bench bench;
  bench.connect();
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < 200; ++i) sent.push_back(std::string(i * 97 % 3000, static_cast<char>('a' + i % 26)));
  sent.push_back(std::string(kMaxMessageBytes, 'z'));
  for (const std::string& message : sent) {
    REQUIRE(bench.client->send(message));
    REQUIRE(bench.server->send(message));
  }
  REQUIRE(bench.reactor.run_until([&] {
    return bench.server_ear.messages.size() == sent.size() && bench.client_ear.messages.size() == sent.size();
  }));
  CHECK(bench.server_ear.messages == sent);
  CHECK(bench.client_ear.messages == sent);
}

TEST_CASE("the other end's closing is told as its doing") {
  Bench bench;
  bench.connect();
  REQUIRE(bench.client->send("last words"));
  bench.client->close();
  REQUIRE(bench.reactor.run_until([&] { return bench.server_ear.downs == 1; }));
  CHECK(bench.server_ear.by_peer);
  CHECK(bench.server_ear.messages == std::vector<std::string>{"last words"});
  CHECK(bench.client_ear.downs == 0);
}

TEST_CASE("a reset is told as one, and not as the other end's doing") {
  Bench bench;
  bench.connect();
  bench.server_ear.in_message = [&] { bench.server->close(); };  // with bytes unread: the kernel resets
  REQUIRE(bench.client->send("one"));
  for (int i = 0; i < 4; ++i) REQUIRE(bench.client->send(std::string(kMaxMessageBytes, 'x')));
  REQUIRE(bench.reactor.run_until([&] { return bench.client_ear.downs == 1; }));
  CHECK_THAT(bench.client_ear.cause, Catch::StartsWith("Connection reset by peer ("));
  CHECK_FALSE(bench.client_ear.by_peer);
}

TEST_CASE("a connection may be closed within a message's call") {
  Bench bench;
  bench.connect();
  bench.server_ear.in_message = [&] { bench.server->close(); };
  REQUIRE(bench.client->send("one"));
  REQUIRE(bench.client->send("two"));
  REQUIRE(bench.reactor.run_until([&] { return bench.client_ear.downs == 1; }));
  CHECK(bench.server_ear.messages.size() == 1);
}

TEST_CASE("what does not fit is not sent") {
  Bench bench;
  bench.connect();
  CHECK_FALSE(bench.client->send(std::string(kMaxMessageBytes + 1, 'x')));
  std::size_t taken = 0;
  while (bench.client->send(std::string(kMaxMessageBytes, 'x')) && taken < 1000) ++taken;
  CHECK(taken < 1000);
  REQUIRE(bench.reactor.run_until([&] { return bench.server_ear.messages.size() == taken; }));
  CHECK(bench.client_ear.rooms == 1);
  CHECK(bench.client->send(std::string(kMaxMessageBytes, 'x')));
}

TEST_CASE("who holds another secret is refused and logged") {
  Bench bench;
  const GroupSecret other("a secret of another group");
  bench.client = ControlNet(bench.reactor, other).connect(bench.listener.address(), bench.client_ear);
  REQUIRE(bench.reactor.run_until([&] { return bench.client_ear.downs == 1; }));
  CHECK(bench.client_ear.ups == 0);
  CHECK(bench.client_ear.cause == "the peer does not hold the group secret");
  CHECK(bench.server == nullptr);
}

TEST_CASE("a message that was altered on its way ends the connection") {
  Bench bench;
  const Fd upstream = bench.raw();
  REQUIRE(::fcntl(upstream.get(), F_SETFL, O_NONBLOCK) == 0);
  // The client's side by hand: a handshake, then a frame with a false tag.
  Handshake client(Handshake::Side::kClient, bench.secret, std::string(kNonceBytes, 'n'));
  std::string out = client.take_output();
  REQUIRE(::send(upstream.get(), out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()));
  std::string in;
  REQUIRE(bench.reactor.run_until([&] {
    char bytes[200];
    const ssize_t got = ::recv(upstream.get(), bytes, sizeof bytes, 0);
    if (got > 0) in.append(bytes, static_cast<std::size_t>(got));
    std::string_view input = in;
    client.feed(input);
    in = input;
    return client.state() == Handshake::State::kDone;
  }));
  out = client.take_output();
  REQUIRE(::send(upstream.get(), out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()));
  REQUIRE(bench.reactor.run_until([&] { return bench.server != nullptr; }));
  const std::uint32_t size = 5;
  std::string frame(reinterpret_cast<const char*>(&size), sizeof size);
  frame += "hello";
  frame += std::string(kTagBytes, 't');
  REQUIRE(::send(upstream.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()));
  REQUIRE(bench.reactor.run_until([&] { return bench.server_ear.downs == 1; }));
  CHECK(bench.server_ear.messages.empty());
  CHECK_FALSE(bench.server_ear.by_peer);
}

TEST_CASE("the first bytes decide what a connection is") {
  Bench bench;
  const Fd data = bench.raw();
  REQUIRE(::send(data.get(), "LMCDATA1rest", 12, 0) == 12);
  REQUIRE(bench.reactor.run_until([&] { return bench.data.size() == 1; }));
  char rest[4];
  CHECK(::recv(bench.data[0].get(), rest, sizeof rest, 0) == 4);
  CHECK(std::string_view(rest, 4) == "rest");

  const Fd stranger = bench.raw();
  REQUIRE(::send(stranger.get(), "GET / HTTP/1.0\r\n", 16, 0) == 16);
  REQUIRE(bench.reactor.run_until([&] { return test::is_closed(stranger); }));
  REQUIRE(bench.log.size() == 1);
  CHECK(bench.log[0].find("does not speak replication") != std::string::npos);
}

TEST_CASE("connections that say nothing do not keep others out") {
  Bench bench;
  std::vector<Fd> silent;
  for (int i = 0; i < 200; ++i) {
    silent.push_back(bench.raw());
    bench.reactor.run_for(std::chrono::milliseconds(1));
  }
  bench.connect();
  CHECK(bench.client_ear.ups == 1);
}

TEST_CASE("an address that is not to be had is an error") {
  Bench bench;
  CHECK_THROWS_WITH(Listener(bench.reactor, bench.secret, bench.listener.address(), {}),
                    Catch::Contains("Address already in use"));
  CHECK_THROWS_WITH(Listener(bench.reactor, bench.secret, "nonsense", {}), Catch::Contains("is not host:port"));
}

}  // namespace
}  // namespace lmc::replication

#include "client/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace lmc::client;
using lmc::protocol::Dialect;
using namespace std::string_view_literals;

// A peer that expects certain bytes, answers others, and closes. One connection.
class ScriptedPeer {
 public:
  struct Turn {
    std::string expect;
    std::string answer;
  };

  ScriptedPeer(std::initializer_list<Turn> turns) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(listener_, 1) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, script = std::vector<Turn>(turns)] { play(script); });
  }
  ~ScriptedPeer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    CHECK(unexpected_.empty());
  }

  [[nodiscard]] Endpoint endpoint() const { return Endpoint::tcp("127.0.0.1", port_); }

 private:
  void play(const std::vector<Turn>& turns) {
    const int socket = accept(listener_, nullptr, nullptr);
    if (socket < 0) return;
    for (const Turn& turn : turns) {
      std::string got;
      char byte = 0;
      while (got.size() < turn.expect.size() && recv(socket, &byte, 1, 0) == 1) got.push_back(byte);
      if (got != turn.expect) unexpected_ = got;
      (void)!::send(socket, turn.answer.data(), turn.answer.size(), MSG_NOSIGNAL);
    }
    char rest = 0;
    while (turns.back().answer.empty() && recv(socket, &rest, 1, 0) == 1) {
    }
    ::close(socket);
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::string unexpected_;
  std::thread thread_;
};

Connection connected(const ScriptedPeer& peer, milliseconds patience = milliseconds(5000)) {
  Result<Connection> opened = Connection::open(peer.endpoint(), Dialect::kText, patience);
  REQUIRE(opened.ok());
  return std::move(opened.value);
}

}  // namespace

TEST_CASE("a client's calls come back as typed results") {
  ScriptedPeer peer{{"get k\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n"},
                    {"get missing\r\n", "END\r\n"},
                    {"gets k\r\n", "VALUE k 5 3 77\r\nabc\r\nEND\r\n"},
                    {"cas k 0 0 1 77\r\nx\r\n", "EXISTS\r\n"},
                    {"incr n 2\r\n", "12\r\n"},
                    {"add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
                    {"delete k\r\n", "DELETED\r\n"},
                    {"version\r\n", "VERSION 1.6.45\r\n"},
                    {"stats\r\n", "STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n"},
                    {"set k 0 0 1\r\nx\r\n", "SERVER_ERROR out of memory storing object\r\n"}};
  Connection connection = connected(peer);
  const auto got = connection.get("k");
  REQUIRE(got.ok());
  CHECK(got.value.value == "abc");
  CHECK(got.value.client_flags == 5);
  CHECK(connection.get("missing").outcome == Outcome::kNotFound);
  CHECK(connection.gets("k").value.cas == 77);
  CHECK(connection.cas("k", "x", 77).outcome == Outcome::kExists);
  CHECK(connection.incr("n", 2).value == 12);
  CHECK(connection.store(lmc::protocol::StoreMode::kAdd, "k", "x").outcome == Outcome::kNotStored);
  CHECK(connection.remove("k").ok());
  CHECK(connection.version().value == "1.6.45");
  CHECK(connection.stats().value.size() == 2);
  const Status refused = connection.set("k", "x");
  CHECK(refused.outcome == Outcome::kRefused);
  CHECK(refused.message == "out of memory storing object");
  CHECK(connection.is_open());
}

TEST_CASE("a multiget says for each key whether it was found") {
  ScriptedPeer peer{{"get a b c\r\n", "VALUE a 0 1\r\n1\r\nVALUE c 0 1\r\n3\r\nEND\r\n"}};
  Connection connection = connected(peer);
  const auto got = connection.multiget(std::vector{"a"sv, "b"sv, "c"sv});
  REQUIRE(got.ok());
  REQUIRE(got.value.size() == 3);
  CHECK(got.value[0]->value == "1");
  CHECK_FALSE(got.value[1].has_value());
  CHECK(got.value[2]->value == "3");
}

TEST_CASE("an answer that does not come in time closes the connection") {
  ScriptedPeer peer{{"get k\r\n", ""}};
  Connection connection = connected(peer, milliseconds(50));
  CHECK(connection.get("k").outcome == Outcome::kTimedOut);
  CHECK_FALSE(connection.is_open());
  CHECK(connection.get("k").outcome == Outcome::kClosed);
}

TEST_CASE("a peer that closes, or speaks something else, is reported as that") {
  SECTION("closes in the middle of an answer") {
    ScriptedPeer peer{{"get k\r\n", "VALUE k 0 10\r\nabc"}};
    Connection connection = connected(peer);
    CHECK(connection.get("k").outcome == Outcome::kClosed);
  }
  SECTION("malformed") {
    ScriptedPeer peer{{"get k\r\n", "VALUE k 0 1\r\nabcdef\r\n"}};
    Connection connection = connected(peer);
    CHECK(connection.get("k").outcome == Outcome::kMalformed);
    CHECK_FALSE(connection.is_open());
  }
}

TEST_CASE("raw exchange returns what came, up to the end asked for") {
  ScriptedPeer peer{{"foo\r\n", "ERROR\r\nmore"}};
  Connection connection = connected(peer);
  CHECK(connection.exchange("foo\r\n", "\r\n").value == "ERROR\r\n");
  const auto rest = connection.receive_until("never");
  CHECK(rest.outcome == Outcome::kClosed);
  CHECK(rest.value == "more");
}

TEST_CASE("nobody listening is an outcome with the reason") {
  const auto opened = Connection::open(Endpoint::unix_socket("/nonexistent/socket"));
  CHECK(opened.outcome == Outcome::kClosed);
  CHECK_FALSE(opened.message.empty());
}

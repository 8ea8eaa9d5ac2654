#include "server/net/datagram_socket.h"

#include <arpa/inet.h>
#include <poll.h>

#include <catch2/catch.hpp>
#include <string>

#include "fake_replicator.h"
#include "protocol/udp_frame.h"
#include "serving.h"

using namespace lmc;
using namespace lmc::net;
using namespace lmc::net::test;

namespace {

struct Udp {
  Udp()
      : server(std::move(open_udp({.given = "127.0.0.1", .host = "127.0.0.1", .port = {}, .protocol = {}}, 0, 1)[0][0]),
               {1}, kNow) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string text = server.address();
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1))));
    client = Fd(::socket(AF_INET, SOCK_DGRAM, 0));
    const int many = 1 << 20;
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &many, sizeof(many));
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  }
  void send(std::uint16_t id, std::string_view data, std::uint16_t datagrams = 1) {
    std::string datagram(protocol::kUdpHeaderBytes, '\0');
    protocol::write_udp_header(datagram.data(), {.request_id = id, .sequence = 0, .datagrams = datagrams});
    datagram.append(data);
    REQUIRE(::send(client.get(), datagram.data(), datagram.size(), 0) == static_cast<ssize_t>(datagram.size()));
    serving.session.begin_turn(kNow);
    server.receive(serving.bench);
    server.flush(serving.bench);
    serving.session.end_turn();
  }
  // The datagrams that came back, without waiting.
  std::vector<std::string> replies() {
    std::vector<std::string> all;
    char datagram[65536];
    ssize_t n = 0;
    while ((n = ::recv(client.get(), datagram, sizeof(datagram), MSG_DONTWAIT)) >= 0) {
      all.emplace_back(datagram, static_cast<std::size_t>(n));
    }
    return all;
  }
  Serving serving;
  DatagramSocket server;
  Fd client;
};

std::string header(std::uint16_t id, std::uint16_t sequence, std::uint16_t datagrams) {
  std::string bytes(protocol::kUdpHeaderBytes, '\0');
  protocol::write_udp_header(bytes.data(), {.request_id = id, .sequence = sequence, .datagrams = datagrams});
  return bytes;
}

}  // namespace

TEST_CASE("the requests of one datagram are answered in one, with its id") {
  Udp udp;
  udp.send(77, "set k 3 0 1\r\nv\r\nget k\r\n");
  CHECK(udp.replies() == std::vector<std::string>{header(77, 0, 1) + "STORED\r\nVALUE k 3 1\r\nv\r\nEND\r\n"});
}

TEST_CASE("a long answer is cut into numbered datagrams of at most 1400 bytes") {
  Udp udp;
  udp.send(1, "set k 0 0 5000\r\n" + std::string(5000, 'x') + "\r\n");
  REQUIRE(udp.replies().size() == 1);
  udp.send(2, "get k\r\n");
  const auto replies = udp.replies();
  REQUIRE(replies.size() == 4);
  std::string whole;
  for (std::uint16_t i = 0; i < 4; ++i) {
    CHECK(replies[i].size() <= 1400);
    CHECK(replies[i].substr(0, 8) == header(2, i, 4));
    whole += replies[i].substr(8);
  }
  CHECK(whole == "VALUE k 0 5000\r\n" + std::string(5000, 'x') + "\r\nEND\r\n");
}

TEST_CASE("binary requests are answered in binary") {
  Udp udp;
  udp.send(5, std::string_view("\x80\x0a\0\0\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0", 24));
  const auto replies = udp.replies();
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].substr(8, 2) == "\x81\x0a");
}

TEST_CASE("a binary request of a wrong shape is answered over UDP too") {
  Udp udp;
  udp.send(5, std::string_view("\x80\0\0\0\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0", 24));
  const auto replies = udp.replies();
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].substr(8, 8) == std::string("\x81\0\0\0\0\0\0\4", 8));
  CHECK(replies[0].substr(32) == "Invalid arguments");
}

TEST_CASE("what is no whole request in one datagram is dropped") {
  Udp udp;
  udp.send(1, "get k\r\n", 2);
  udp.send(2, "");
  udp.send(3, "set k 0 0 10\r\nhalf");
  udp.send(4, "get unfinished");
  CHECK(udp.replies().empty());
  udp.send(5, "mn\r\n");
  CHECK(udp.replies().size() == 1);
}

TEST_CASE("datagrams that ask for great answers are taken in one by one") {
  Udp udp;
  udp.send(1, "set k 0 0 7000\r\n" + std::string(7000, 'x') + "\r\n");
  REQUIRE(udp.replies().size() == 1);
  std::string datagram = header(2, 0, 1) + "get";
  for (int i = 0; i < 100; ++i) datagram += " k";
  datagram += "\r\n";
  for (int i = 0; i < 3; ++i) REQUIRE(::send(udp.client.get(), datagram.data(), datagram.size(), 0) > 0);
  for (std::uint64_t taken = 1; taken <= 3; ++taken) {
    const std::uint64_t before = udp.serving.traffic.bytes_read.value();
    udp.serving.session.begin_turn(kNow);
    udp.server.receive(udp.serving.bench);
    udp.server.flush(udp.serving.bench);
    udp.serving.session.end_turn();
    CHECK(udp.serving.traffic.bytes_read.value() - before == datagram.size());
  }
  CHECK(udp.replies().front().substr(0, 8) == header(2, 0, 505));
}

TEST_CASE("quit ends the datagram, not the socket") {
  Udp udp;
  udp.send(1, "mn\r\nquit\r\nmn\r\n");
  udp.send(2, "mn\r\n");
  CHECK(udp.replies() == std::vector<std::string>{header(1, 0, 1) + "MN\r\n", header(2, 0, 1) + "MN\r\n"});
}

TEST_CASE("a datagram's answer is held until what it depends on is committed, others pass it") {
  Udp udp;
  FakeReplicator replicator;
  udp.serving.store.begin_announcing([] {});
  udp.serving.bench.replicator = &replicator;
  udp.send(1, "set k 0 0 1\r\nv\r\n");
  CHECK(udp.replies().empty());
  REQUIRE(udp.server.uncommitted());
  const store::Version stored = udp.server.awaited();
  udp.send(2, "set l 0 0 1\r\nv\r\n");
  udp.send(3, "mn\r\n");
  CHECK(udp.replies() == std::vector<std::string>{header(3, 0, 1) + "MN\r\n"});
  CHECK(udp.server.awaited() == stored);
  replicator.committed_version = stored.value;
  udp.server.flush(udp.serving.bench);
  CHECK(udp.replies() == std::vector<std::string>{header(1, 0, 1) + "STORED\r\n"});
  CHECK(udp.server.awaited() > stored);
  udp.server.drop_uncommitted();
  CHECK_FALSE(udp.server.uncommitted());
  udp.serving.store.end_announcing();
}

TEST_CASE("no more datagrams' answers are held than the limit") {
  Udp udp;
  FakeReplicator replicator;
  udp.serving.store.begin_announcing([] {});
  udp.serving.bench.replicator = &replicator;
  for (std::uint16_t i = 0; i < kHeldDatagrams + 20; ++i) udp.send(i, "set k 0 0 1\r\nv\r\n");
  replicator.committed_version = FakeReplicator::kAll.value;
  udp.server.flush(udp.serving.bench);
  std::vector<std::string> replies = udp.replies();
  CHECK(replies.size() == kHeldDatagrams);
  CHECK(replies.front().substr(0, 8) == header(0, 0, 1));
  CHECK_FALSE(udp.server.uncommitted());
  udp.serving.store.end_announcing();
}

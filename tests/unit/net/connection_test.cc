#include "server/net/connection.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "serving.h"

using namespace lmc;
using namespace lmc::net;
using namespace lmc::net::test;

namespace {

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string set_command(std::string_view key, std::size_t bytes) {
  return "set " + std::string(key) + " 0 0 " + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\n";
}

}  // namespace

TEST_CASE("a pipelined batch of 50 gets costs one read and one write") {
  Serving serving;
  Pair pair(serving);
  REQUIRE(pair.ask("set k 0 0 1\r\nv\r\n") == "STORED\r\n");
  serving.sockets.reads = serving.sockets.writes = 0;
  CHECK(pair.ask(repeated("get k\r\n", 50)) == repeated("VALUE k 0 1\r\nv\r\nEND\r\n", 50));
  CHECK(serving.sockets.reads == 1);
  CHECK(serving.sockets.writes == 1);
}

TEST_CASE("replies come in request order over text, meta and rejected lines") {
  Serving serving;
  Pair pair(serving);
  CHECK(pair.ask("set a 0 0 1\r\n1\r\nmn\r\nbogus\r\nget a\r\nmg a v\r\n") ==
        "STORED\r\nMN\r\nERROR\r\nVALUE a 0 1\r\n1\r\nEND\r\nVA 1\r\n1\r\n");
}

TEST_CASE("a request is executed whole however it is cut") {
  Serving serving;
  Pair pair(serving);
  const std::string request = "set key 5 0 10\r\n0123456789\r\nget key\r\n";
  std::string replies;
  for (const char byte : request) replies += pair.ask({&byte, 1});
  CHECK(replies == "STORED\r\nVALUE key 5 10\r\n0123456789\r\nEND\r\n");
}

TEST_CASE("an idle connection holds no input buffer") {
  Serving serving;
  Pair one(serving);
  Pair two(serving);
  REQUIRE(one.ask("mn\r\n") == "MN\r\n");
  REQUIRE(two.ask("set big 0 0 100000\r\nbbb").empty());
  static_cast<void>(two.turn());
  CHECK(serving.staging.used_bytes() > 100000);
  REQUIRE(two.ask_until(std::string(99997, 'b') + "\r\n", "\r\n") == "STORED\r\n");
  CHECK(serving.staging.used_bytes() == 0);
}

TEST_CASE("values of every size up to the limit arrive unharmed") {
  Serving serving;
  Pair pair(serving);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{8191}, std::size_t{16384},
                                  std::size_t{16385}, std::size_t{200000}, std::size_t{1000000}}) {
    REQUIRE(pair.ask_until(set_command("k", bytes), "\r\n") == "STORED\r\n");
    const std::string value = pair.ask_until("get k\r\n", "\r\nEND\r\n");
    CHECK(value == "VALUE k 0 " + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\nEND\r\n");
  }
}

TEST_CASE("a value beyond the limit is discarded unseen and the next request is served") {
  Serving serving;
  Pair pair(serving);
  REQUIRE(pair.ask("set k 0 0 3\r\nold\r\n") == "STORED\r\n");
  const std::string replies = pair.ask_until(set_command("k", 2'000'000) + "get k\r\nmn\r\n", "MN\r\n");
  CHECK(replies == "SERVER_ERROR object too large for cache\r\nEND\r\nMN\r\n");
  CHECK(serving.staging.used_bytes() == 0);
}

TEST_CASE("where staging memory is exhausted a large set is refused, its old value goes, and the stream goes on") {
  Serving serving(1000);
  Pair pair(serving);
  REQUIRE(pair.ask("set k 0 0 3\r\nold\r\n") == "STORED\r\n");
  const std::string replies = pair.ask_until(set_command("k", 500'000) + "get k\r\nmn\r\n", "MN\r\n");
  CHECK(replies == "SERVER_ERROR out of memory storing object\r\nEND\r\nMN\r\n");
}

TEST_CASE("a connection yields after -R requests only while others wait") {
  Serving serving;
  Pair pair(serving);
  pair.send(repeated("mn\r\n", 50));
  CHECK(pair.turn(true) == Progress::kYielded);
  CHECK(pair.received() == repeated("MN\r\n", 20));
  CHECK(serving.traffic.yields.value() == 1);
  CHECK(pair.go_on(false) == Progress::kNeedsInput);
  CHECK(pair.received() == repeated("MN\r\n", 30));
  CHECK(serving.traffic.yields.value() == 1);
}

TEST_CASE("a client that does not read its replies is not read from") {
  Serving serving;
  Pair pair(serving);
  REQUIRE(pair.ask(set_command("k", 7000)) == "STORED\r\n");
  serving.sockets.write_limit = 0;
  std::string gets = repeated("get k\r\n", 1000);
  pair.send(gets);
  CHECK(pair.turn() == Progress::kBacklogged);
  CHECK(pair.flushed == Flushed::kBlocked);
  CHECK_FALSE(pair.connection.wants_input());

  serving.sockets.write_limit = std::numeric_limits<std::size_t>::max();
  std::size_t bytes = 0;
  for (int turns = 0; turns < 1000 && bytes < 1000 * 7022; ++turns) {
    static_cast<void>(pair.go_on());
    bytes += pair.received().size();
  }
  CHECK(bytes == 1000 * (std::string("VALUE k 0 7000\r\n\r\nEND\r\n").size() + 7000));
  CHECK(pair.connection.wants_input());
}

TEST_CASE("the line of a get may be longer than any value, as long as staging memory holds it") {
  const std::string line = "get" + repeated(" missing-key", 500'000) + " k\r\n";
  const std::string hit = "VALUE k 0 1\r\nx\r\nEND\r\n";
  Serving serving;
  Pair pair(serving);
  REQUIRE(pair.ask(set_command("k", 1)) == "STORED\r\n");
  CHECK(pair.ask_until("mn\r\n" + line + line + "mn\r\n", hit + "MN\r\n") == "MN\r\n" + hit + hit + "MN\r\n");
  CHECK(serving.staging.used_bytes() == 0);

  Serving scarce(4'000'000);
  Pair refused(scarce);
  const std::string text = "SERVER_ERROR out of memory reading request\r\n";
  CHECK(refused.ask_until(line, text) == text);
  CHECK(refused.connection.state() == ConnectionState::kClosed);
}

TEST_CASE("a get of many keys answers no faster than its client reads, and then completely") {
  Serving serving;
  Pair pair(serving);
  REQUIRE(pair.ask(set_command("k", 7000)) == "STORED\r\n");
  serving.sockets.write_limit = 0;
  pair.send("get" + repeated(" k", 5000) + "\r\nmn\r\n");
  CHECK(pair.turn() == Progress::kStopped);
  CHECK(pair.connection.unsent_bytes() < kReplyBacklogBytes + 8000);
  pair.send("mn\r\n");  // must not take the place of the keys
  CHECK(pair.turn() == Progress::kStopped);

  serving.sockets.write_limit = std::numeric_limits<std::size_t>::max();
  const std::string replies = pair.ask_until("", "MN\r\nMN\r\n");
  const std::string hit = "VALUE k 0 7000\r\n" + std::string(7000, 'x') + "\r\n";
  CHECK(replies == repeated(hit, 5000) + "END\r\nMN\r\nMN\r\n");
  CHECK(pair.connection.idle());
}

TEST_CASE("a batch of requests with long answers stops when its client has enough to read") {
  Serving serving;
  Pair pair(serving);
  REQUIRE(pair.ask_until(set_command("k", 100'000), "\r\n") == "STORED\r\n");
  serving.sockets.write_limit = 0;
  pair.send(repeated("get k\r\n", 60) + "bogus\r\n");
  CHECK(pair.turn() == Progress::kBacklogged);
  CHECK(pair.connection.unsent_bytes() < kReplyBacklogBytes + 100'100);

  serving.sockets.write_limit = std::numeric_limits<std::size_t>::max();
  const std::string replies = pair.ask_until("", "ERROR\r\n");
  const std::string hit = "VALUE k 0 100000\r\n" + std::string(100'000, 'x') + "\r\nEND\r\n";
  CHECK(replies == repeated(hit, 60) + "ERROR\r\n");
}

TEST_CASE("partial writes lose and double nothing") {
  Serving serving;
  Pair pair(serving);
  REQUIRE(pair.ask_until(set_command("k", 30000), "\r\n") == "STORED\r\n");
  serving.sockets.write_limit = 777;
  const std::string value = pair.ask_until("get k\r\n", "END\r\n");
  CHECK(value == "VALUE k 0 30000\r\n" + std::string(30000, 'x') + "\r\nEND\r\n");
}

TEST_CASE("the first byte tells the protocol, unless it is forced") {
  Serving serving;
  const std::string noop("\x80\x0a\0\0\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0", 24);
  {
    Pair pair(serving);
    const std::string reply = pair.ask(noop);
    REQUIRE(reply.size() == 24);
    CHECK(reply.substr(0, 2) == "\x81\x0a");
    CHECK(reply.substr(12, 4) == "\1\2\3\4");
  }
  Pair forced(serving, commands::ProtocolChoice::kBinary);
  static_cast<void>(forced.ask("mn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\n"));
  CHECK(forced.connection.state() == ConnectionState::kClosed);
}

TEST_CASE("a binary request of a wrong shape is answered behind what came before it, then its connection ends") {
  Serving serving;
  Pair pair(serving);
  const std::string noop("\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
  const std::string get_without_key("\x80\0\0\0\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\0\0\0\0", 24);
  const std::string replies = pair.ask(noop + get_without_key + noop);
  const std::string text = "Invalid arguments";
  REQUIRE(replies.size() == 24 + 24 + text.size());
  CHECK(replies.substr(24, 8) == std::string("\x81\0\0\0\0\0\0\4", 8));
  CHECK(replies.substr(36, 4) == "\1\2\3\4");
  CHECK(replies.substr(48) == text);
  CHECK(pair.connection.state() == ConnectionState::kClosed);
}

TEST_CASE("quit closes when the replies before it are sent, and executes nothing behind it") {
  Serving serving;
  Pair pair(serving);
  CHECK(pair.ask("mn\r\nquit\r\nmn\r\n") == "MN\r\n");
  CHECK(pair.connection.state() == ConnectionState::kClosed);
}

TEST_CASE("a client that half-closes gets its replies first") {
  Serving serving;
  Pair pair(serving);
  serving.sockets.write_limit = 0;
  pair.send("mn\r\n");
  pair.half_close();
  static_cast<void>(pair.turn());
  static_cast<void>(pair.turn());
  CHECK(pair.connection.state() == ConnectionState::kDraining);
  serving.sockets.write_limit = std::numeric_limits<std::size_t>::max();
  static_cast<void>(pair.go_on());
  CHECK(pair.received() == "MN\r\n");
  CHECK(pair.connection.state() == ConnectionState::kClosed);
}

TEST_CASE("a client that goes in the middle of a value leaves nothing behind") {
  Serving serving;
  Pair pair(serving);
  pair.send("set k 0 0 500000\r\nabc");
  static_cast<void>(pair.turn());
  static_cast<void>(pair.turn());
  pair.hang_up();
  static_cast<void>(pair.turn());
  CHECK(pair.connection.state() == ConnectionState::kClosed);
  pair.connection.close(serving.bench);
  CHECK(serving.staging.used_bytes() == 0);
  Pair other(serving);
  CHECK(other.ask("get k\r\n") == "END\r\n");
}

TEST_CASE("a line that is too long closes the connection, unless it is a get") {
  Serving serving;
  Pair pair(serving);
  static_cast<void>(pair.ask(std::string(10000, 'a')));
  CHECK(pair.connection.state() == ConnectionState::kClosed);

  Pair multiget(serving);
  const std::string reply = multiget.ask_until("get" + repeated(" key", 30000) + "\r\n", "\r\n");
  CHECK(reply == "END\r\n");
}

TEST_CASE("a reply source is asked for more as its connection drains, and later requests wait for it") {
  Serving serving;
  Pair pair(serving);
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(pair.ask("set key" + std::to_string(i) + " 0 0 1 \r\nx\r\n") == "STORED\r\n");
  }
  pair.send("lru_crawler metadump all\r\n");
  static_cast<void>(pair.turn());
  const std::string dump = pair.ask_until("mn\r\n", "MN\r\n");
  CHECK(std::count(dump.begin(), dump.end(), '=') >= 5000);
  CHECK(dump.ends_with("END\r\nMN\r\n"));
}

TEST_CASE("a watcher waits, is woken, and goes when its client does") {
  Serving serving;
  Pair watcher(serving);
  Pair client(serving);
  REQUIRE(watcher.ask("watch fetchers\r\n") == "OK\r\n");
  static_cast<void>(watcher.go_on());
  REQUIRE(watcher.connection.state() == ConnectionState::kWaiting);
  REQUIRE(client.ask("get nothing\r\n") == "END\r\n");
  REQUIRE(serving.control.woken.size() == 1);
  CHECK(serving.control.woken.front() == watcher.connection.id());
  watcher.connection.wake();
  static_cast<void>(watcher.go_on());
  CHECK(watcher.received().find("type=item_get key=nothing status=not_found") != std::string::npos);
  static_cast<void>(watcher.go_on());
  watcher.hang_up();
  static_cast<void>(watcher.turn());
  CHECK(watcher.connection.state() == ConnectionState::kClosed);
}

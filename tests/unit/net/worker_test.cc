#include "server/net/worker.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "live_server.h"

using namespace lmc;
using namespace lmc::net::test;

namespace {

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("clients on all workers see each other's items") {
  LiveServer server;
  const Client one(server.port);
  const Client two(server.port);
  CHECK(one.ask("set k 0 0 1\r\nv\r\n") == "STORED\r\n");
  CHECK(two.ask("get k\r\n", "END\r\n") == "VALUE k 0 1\r\nv\r\nEND\r\n");
}

TEST_CASE("many clients that pipeline at the same time get all their replies in order") {
  LiveServer server;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const Client client(server.port);
      const std::string key = "key" + std::to_string(t);
      for (int round = 0; round < 20; ++round) {
        std::string requests;
        std::string expected;
        for (int i = 0; i < 100; ++i) {
          const std::string value = std::to_string(round * 1000 + i);
          const std::string bytes = std::to_string(value.size());
          requests += "set " + key + " 0 0 " + bytes + "\r\n" + value + "\r\nget " + key + "\r\n";
          expected += "STORED\r\nVALUE " + key + " 0 " + bytes + "\r\n" + value + "\r\nEND\r\n";
        }
        requests += "mn\r\n";
        expected += "MN\r\n";
        if (client.ask(requests, "MN\r\n") == expected) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 160);
}

TEST_CASE("a client that reads nothing does not hold up the others") {
  LiveServer server([](commands::Settings& settings) { settings.worker_threads = 1; });
  const Client slow(server.port);
  const Client quick(server.port);
  REQUIRE(slow.ask("set k 0 0 100000\r\n" + std::string(100000, 'x') + "\r\n") == "STORED\r\n");
  slow.send(repeated("get k\r\n", 2000));
  for (int i = 0; i < 100; ++i) REQUIRE(quick.ask("mn\r\n") == "MN\r\n");
  slow.send("mn\r\n");
  CHECK(slow.read_until("MN\r\n").size() ==
        2000 * (std::string("VALUE k 0 100000\r\n\r\nEND\r\n").size() + 100000) + 4);
}

TEST_CASE("an idle client is closed after the timeout, a busy one is not") {
  LiveServer server([](commands::Settings& settings) { settings.idle_timeout_s = 5; });
  const Client idle(server.port);
  const Client busy(server.port);
  REQUIRE(idle.ask("mn\r\n") == "MN\r\n");
  std::atomic<int> end_of_idle{-1};  // Catch's macros are for one thread
  std::thread watcher([&] { end_of_idle = idle.end_of_stream(); });
  REQUIRE(busy.ask("mn\r\n") == "MN\r\n");
  server.clock.shift(4);
  REQUIRE(busy.ask("mn\r\n") == "MN\r\n");
  server.clock.shift(2);
  watcher.join();
  CHECK(end_of_idle == 0);
  CHECK(busy.ask("mn\r\n") == "MN\r\n");
  CHECK(server.network->net_counters().idle_kicks == 1);
}

TEST_CASE("a watcher on one worker is told of what happens on another") {
  LiveServer server;
  const Client watcher(server.port);
  const Client other(server.port);
  REQUIRE(other.ask("mn\r\n") == "MN\r\n");
  REQUIRE(watcher.ask("watch fetchers connevents\r\n") == "OK\r\n");
  REQUIRE(other.ask("get nothing\r\n") == "END\r\n");
  CHECK(watcher.read_until("\n").find("key=nothing status=not_found") != std::string::npos);
  {
    const Client third(server.port);
    CHECK(watcher.read_until("\n").find("type=conn_new rip=127.0.0.1") != std::string::npos);
  }
  CHECK(watcher.read_until("\n").find("type=conn_close rip=127.0.0.1") != std::string::npos);
}

TEST_CASE("a dump of many items arrives whole while its client reads slowly") {
  LiveServer server;
  const Client client(server.port);
  std::string sets;
  for (int i = 0; i < 20000; ++i) sets += "set key" + std::to_string(i) + " 0 0 1 noreply\r\nx\r\n";
  REQUIRE(client.ask(sets + "mn\r\n") == "MN\r\n");
  client.send("lru_crawler metadump all\r\nmn\r\n");
  const std::string dump = client.read_until("MN\r\n");
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = dump.find("key=key", at)) != std::string::npos; ++at) ++lines;
  CHECK(lines == 20000);
}

#include "server/net/network.h"

#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "live_server.h"

using namespace lmc;
using namespace lmc::net;
using namespace lmc::net::test;

TEST_CASE("beyond the limit of -c a client is told so and closed, and room comes back") {
  LiveServer server([](commands::Settings& settings) { settings.max_connections = 6; });
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(server.port));
    REQUIRE(clients.back()->ask("mn\r\n") == "MN\r\n");
  }
  const Client beyond(server.port);
  CHECK(beyond.read_until("\n") == "ERROR Too many open connections\r\n");
  CHECK(beyond.end_of_stream() == 0);
  CHECK(server.network->net_counters().rejected_connections == 1);
  CHECK(server.network->net_counters().curr_connections == 4);
  clients.pop_back();
  REQUIRE(eventually([&] { return server.network->net_counters().curr_connections == 3; }));
  const Client next(server.port);
  CHECK(next.ask("mn\r\n") == "MN\r\n");
}

TEST_CASE("without maxconns_fast a client beyond the limit waits until another leaves") {
  LiveServer server([](commands::Settings& settings) {
    settings.max_connections = 6;
    settings.max_connections_fast = false;
  });
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(server.port));
    REQUIRE(clients.back()->ask("mn\r\n") == "MN\r\n");
  }
  const Client waiting(server.port);
  REQUIRE(waiting.connected());
  waiting.send("mn\r\n");
  REQUIRE(eventually([&] { return server.network->net_counters().listen_disabled >= 1; }));
  CHECK(server.network->net_counters().rejected_connections == 0);
  clients.pop_back();
  CHECK(waiting.read_until("\r\n") == "MN\r\n");
  CHECK(server.network->net_counters().total_connections == 5);
}

TEST_CASE("clients that may not be served are reset, the present ones and the new") {
  LiveServer server;
  const Client present(server.port);
  REQUIRE(present.ask("mn\r\n") == "MN\r\n");
  server.network->serve_clients(false);
  CHECK(present.end_of_stream() == ECONNRESET);
  const Client later(server.port);
  CHECK(later.end_of_stream() == ECONNRESET);
  server.network->serve_clients(true);
  const Client served(server.port);
  CHECK(served.ask("mn\r\n") == "MN\r\n");
}

TEST_CASE("stats conns shows listeners and clients of all workers") {
  LiveServer server;
  const Client one(server.port);
  const Client two(server.port);
  REQUIRE(two.ask("mn\r\n") == "MN\r\n");
  const std::string conns = one.ask("stats conns\r\n", "END\r\n");
  const std::string listener = "tcp:127.0.0.1:" + std::to_string(server.port);
  CHECK(conns.find(":addr " + listener + "\r\n") != std::string::npos);
  CHECK(conns.find(":state conn_listening") != std::string::npos);
  std::size_t clients = 0;
  for (std::size_t at = 0; (at = conns.find(":listen_addr " + listener, at)) != std::string::npos; ++at) ++clients;
  CHECK(clients == 2);
}

TEST_CASE("traffic is counted, and counted anew after a reset") {
  LiveServer server;
  const Client client(server.port);
  REQUIRE(client.ask("mn\r\n") == "MN\r\n");
  CHECK(server.network->net_counters().bytes_read == 4);
  CHECK(eventually([&] { return server.network->net_counters().bytes_written == 4; }));
  server.network->reset_net_counters();
  CHECK(server.network->net_counters().bytes_read == 0);
  CHECK(server.network->net_counters().total_connections == 0);
  CHECK(server.network->net_counters().curr_connections == 1);
}

TEST_CASE("the shutdown command ends the server in the way that was asked for") {
  for (const bool graceful : {false, true}) {
    LiveServer server([](commands::Settings& settings) { settings.shutdown_enabled = true; });
    const Client client(server.port);
    client.send(graceful ? "shutdown graceful\r\n" : "shutdown\r\n");
    server.main_thread.join();
    CHECK(server.ended_by == (graceful ? commands::Shutdown::kGraceful : commands::Shutdown::kNow));
    server.network->stop();
    CHECK(client.end_of_stream() == 0);
  }
}

TEST_CASE("a unix socket serves instead of TCP") {
  const std::string path = "/tmp/lmc-network-test-" + std::to_string(::getpid());
  {
    LiveServer server([&](commands::Settings& settings) { settings.unix_socket_path = path; });
    REQUIRE(server.network->listeners().size() == 1);
    const Fd client(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::send(client.get(), "mn\r\n", 4, 0) == 4);
    char reply[8];
    CHECK(::recv(client.get(), reply, sizeof(reply), 0) == 4);
  }
  ::unlink(path.c_str());
}

TEST_CASE("a thousand connections come, ask once and go, and none is left") {
  LiveServer server([](commands::Settings& settings) { settings.max_connections = 2000; });
  for (int round = 0; round < 10; ++round) {
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<Client>(server.port));
    for (const auto& client : clients) client->send("mn\r\n");
    for (const auto& client : clients) REQUIRE(client->read_until("\r\n") == "MN\r\n");
  }
  CHECK(eventually([&] { return server.network->net_counters().curr_connections == 0; }));
  CHECK(server.network->net_counters().total_connections == 1000);
}

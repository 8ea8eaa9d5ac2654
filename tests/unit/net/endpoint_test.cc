#include "server/net/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "server/net/port_file.h"

using namespace lmc::net;

namespace {

ListenAddress loopback() {
  return {.given = "127.0.0.1", .host = "127.0.0.1", .port = {}, .protocol = {}};
}

Fd connect_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return socket;
}

struct Directory {
  Directory() {
    char name[] = "/tmp/lmc-endpoint-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("port 0 lets the kernel choose, and the endpoint says what it chose") {
  const auto endpoints = open_tcp(loopback(), 0, 16);
  REQUIRE(endpoints.size() == 1);
  CHECK(endpoints[0].port != 0);
  CHECK(endpoints[0].address == "tcp:127.0.0.1:" + std::to_string(endpoints[0].port));
  static_cast<void>(connect_to(endpoints[0].port));
}

TEST_CASE("a port of the address itself wins over the general one") {
  const auto first = open_tcp(loopback(), 0, 16);
  ListenAddress address = loopback();
  address.port = std::uint16_t{0};
  CHECK(open_tcp(address, first[0].port, 16)[0].port != first[0].port);
}

TEST_CASE("a taken port is refused by name with a remedy") {
  const auto taken = open_tcp(loopback(), 0, 16);
  CHECK_THROWS_WITH(open_tcp(loopback(), taken[0].port, 16),
                    Catch::Contains("127.0.0.1") && Catch::Contains("Address already in use") && Catch::Contains("-p"));
}

TEST_CASE("an address that is not ours is refused") {
  CHECK_THROWS_WITH(open_tcp({.given = "192.0.2.1", .host = "192.0.2.1", .port = {}, .protocol = {}}, 0, 16),
                    Catch::Contains("192.0.2.1"));
}

TEST_CASE("the copies of a UDP endpoint share one port that nobody else can have") {
  const auto groups = open_udp(loopback(), 0, 3);
  REQUIRE(groups.size() == 1);
  REQUIRE(groups[0].size() == 3);
  CHECK(groups[0][0].port == groups[0][2].port);
  CHECK(groups[0][0].address == "udp:127.0.0.1:" + std::to_string(groups[0][0].port));
  CHECK_THROWS(open_udp(loopback(), groups[0][0].port, 3));
}

TEST_CASE("a unix socket has the mask's permissions and replaces a stale one, but no other file") {
  const Directory directory;
  const std::string path = directory.path + "/socket";
  static_cast<void>(open_unix(path, 0700, 16));
  const Endpoint again = open_unix(path, 0770, 16);
  struct stat present {};
  REQUIRE(::stat(path.c_str(), &present) == 0);
  CHECK((present.st_mode & 0777) == 0770);
  CHECK(again.address == "unix:" + path);

  const std::string file = directory.path + "/file";
  std::ofstream(file) << "precious";
  CHECK_THROWS_WITH(open_unix(file, 0700, 16), Catch::Contains(file));
  CHECK(std::filesystem::file_size(file) == 8);
}

TEST_CASE("the port file has a line per TCP and UDP endpoint and no temporary is left") {
  const Directory directory;
  const auto tcp = open_tcp(loopback(), 0, 16);
  const auto udp = open_udp(loopback(), 0, 1);
  const Endpoint local = open_unix(directory.path + "/socket", 0700, 16);
  const std::vector<const Endpoint*> endpoints{&tcp[0], &udp[0][0], &local};
  const std::string path = directory.path + "/ports";
  write_port_file(path, endpoints);
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  CHECK(text == "TCP INET: " + std::to_string(tcp[0].port) + "\nUDP INET: " + std::to_string(udp[0][0].port) + "\n");
  CHECK_FALSE(std::filesystem::exists(path + ".lck"));
  CHECK_THROWS_WITH(write_port_file(directory.path + "/no/ports", endpoints),
                    Catch::Contains("MEMCACHED_PORT_FILENAME"));
}

TEST_CASE("a socket set to reset on close ends with a reset") {
  const auto endpoints = open_tcp(loopback(), 0, 16);
  const Fd client = connect_to(endpoints[0].port);
  {
    const Fd accepted(::accept(endpoints[0].socket.get(), nullptr, nullptr));
    set_reset_on_close(accepted.get());
  }
  char byte = 0;
  CHECK(::recv(client.get(), &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
}

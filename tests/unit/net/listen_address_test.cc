#include "server/net/listen_address.h"

#include <catch2/catch.hpp>

using namespace lmc;
using net::parse_listen_addresses;

TEST_CASE("no -l means all interfaces, once") {
  const auto all = parse_listen_addresses({});
  REQUIRE(all.size() == 1);
  CHECK(all[0].host.empty());
  CHECK_FALSE(all[0].port.has_value());
}

TEST_CASE("lists, repetitions, ports and IPv6 are understood") {
  const auto all = parse_listen_addresses({"127.0.0.1,10.0.0.1:11222", "[::1]:5;::1", "*:7", "localhost"});
  REQUIRE(all.size() == 6);
  CHECK(all[0].host == "127.0.0.1");
  CHECK_FALSE(all[0].port.has_value());
  CHECK(all[1].host == "10.0.0.1");
  CHECK(all[1].port == 11222);
  CHECK(all[2].host == "::1");
  CHECK(all[2].port == 5);
  CHECK(all[3].host == "::1");
  CHECK_FALSE(all[3].port.has_value());
  CHECK(all[4].host.empty());
  CHECK(all[4].port == 7);
  CHECK(all[5].host == "localhost");
}

TEST_CASE("an address given twice is listened on once") {
  CHECK(parse_listen_addresses({"127.0.0.1", "127.0.0.1", "127.0.0.2,127.0.0.1"}).size() == 2);
  CHECK(parse_listen_addresses({"127.0.0.1:1", "127.0.0.1:2"}).size() == 2);
}

TEST_CASE("prefixes of memcached are accepted in any order") {
  const auto all = parse_listen_addresses({"notls:tag_inner_:proto[binary]:127.0.0.1:1", "proto[ascii]:[::1]"});
  REQUIRE(all.size() == 2);
  CHECK(all[0].host == "127.0.0.1");
  CHECK(all[0].port == 1);
  CHECK(all[0].protocol == commands::ProtocolChoice::kBinary);
  CHECK(all[1].protocol == commands::ProtocolChoice::kText);
}

TEST_CASE("what cannot be listened on is refused by name") {
  for (const char* bad : {"127.0.0.1:abc", "127.0.0.1:70000", "[::1", "[::1]x", "btls:127.0.0.1", "mtls:127.0.0.1",
                          "proto[http]:127.0.0.1", "proto[ascii", "tag_x:1.2.3.4", "127.0.0.1:"}) {
    INFO(bad);
    CHECK_THROWS_WITH(parse_listen_addresses({bad}), Catch::Contains(bad));
  }
}

#include "server/commands/prefix_counters.h"

#include <catch2/catch.hpp>

using lmc::commands::kMaxPrefixes;
using lmc::commands::PrefixCounters;

TEST_CASE("keys are counted under what stands before the first delimiter") {
  PrefixCounters prefixes;
  prefixes.count_get("user:1:name", ':', true);
  prefixes.count_get("user:2", ':', false);
  prefixes.count_set("user:2", ':');
  prefixes.count_delete("a:b", ':');
  prefixes.count_get("none", ':', true);
  CHECK(prefixes.dump() == "PREFIX a get 0 hit 0 set 0 del 1\r\nPREFIX user get 2 hit 1 set 1 del 0\r\nEND\r\n");
  prefixes.clear();
  CHECK(prefixes.dump() == "END\r\n");
}

TEST_CASE("a client that invents prefixes cannot make the table grow without bound") {
  PrefixCounters prefixes;
  for (std::size_t i = 0; i < kMaxPrefixes + 10; ++i) prefixes.count_set(std::to_string(i) + ":", ':');
  prefixes.count_set("1:x", ':');
  const std::string dump = prefixes.dump();
  CHECK(static_cast<std::size_t>(std::count(dump.begin(), dump.end(), '\n')) == kMaxPrefixes + 1);
  CHECK(dump.find("PREFIX 1 get 0 hit 0 set 2 del 0") != std::string::npos);
}

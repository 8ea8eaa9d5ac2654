#include "server/net/reply_gate.h"

#include <catch2/catch.hpp>

using lmc::net::ReplyGate;
using lmc::store::Version;

TEST_CASE("a gate that was told nothing is open") {
  const ReplyGate gate;
  CHECK(gate.open());
  CHECK(gate.limit() == ReplyGate::kNoLimit);
}

TEST_CASE("replies leave up to the first that depends on more than is committed") {
  ReplyGate gate;
  gate.depend(0, Version{5});
  gate.depend(100, Version{7});
  gate.depend(250, Version{9});
  CHECK(gate.limit() == 0);
  CHECK(gate.awaited() == Version{5});
  gate.admit(Version{4});
  CHECK(gate.limit() == 0);
  gate.admit(Version{8});
  CHECK(gate.limit() == 250);
  CHECK(gate.awaited() == Version{9});
  gate.admit(Version{9});
  CHECK(gate.open());
}

TEST_CASE("what depends on less waits behind what depends on more") {
  ReplyGate gate;
  gate.depend(0, Version{9});
  gate.depend(10, Version{3});
  gate.admit(Version{5});
  CHECK(gate.limit() == 0);
  gate.admit(Version{9});
  CHECK(gate.open());
}

TEST_CASE("a quiet request counts for the reply behind it") {
  ReplyGate gate;
  gate.depend(40, Version{2});  // wrote nothing
  gate.depend(40, Version{3});
  gate.depend(45, Version{3});
  gate.admit(Version{2});
  CHECK(gate.limit() == 40);
  gate.admit(Version{3});
  CHECK(gate.open());
}

TEST_CASE("a gate that is never open forgets what it has admitted") {
  ReplyGate gate;
  for (std::uint64_t i = 1; i <= 10000; ++i) {
    gate.depend(i * 10, Version{i});
    if (i > 3) gate.admit(Version{i - 3});
    REQUIRE_FALSE(gate.open());
    CHECK(gate.limit() == (i > 3 ? (i - 2) * 10 : 10));
  }
}

TEST_CASE("a gate that is shut lets nothing through, also what depends on nothing that is missing") {
  ReplyGate gate;
  gate.depend(0, Version{5});
  gate.admit(Version{5});
  REQUIRE(gate.open());
  gate.depend(10, Version{});
  gate.admit(std::nullopt);
  CHECK_FALSE(gate.open());
  CHECK(gate.limit() == 0);
  CHECK(gate.awaited() == Version{});
  gate.depend(20, Version{6});
  gate.admit(Version{5});
  CHECK(gate.limit() == 20);
}

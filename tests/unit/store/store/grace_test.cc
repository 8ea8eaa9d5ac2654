#include "server/store/grace.h"

#include <catch2/catch.hpp>

using namespace lmc::store;

TEST_CASE("without readers a grace period is over at once") {
  Grace grace(2);
  CHECK(grace.passed(grace.retire()));
}

TEST_CASE("a reader that was in a turn at the retirement holds it until it leaves") {
  Grace grace(2);
  grace.enter(1);
  const Grace::Ticket ticket = grace.retire();
  CHECK_FALSE(grace.passed(ticket));
  grace.leave(1);
  CHECK(grace.passed(ticket));
}

TEST_CASE("a reader that comes after the retirement does not hold it") {
  Grace grace(2);
  const Grace::Ticket ticket = grace.retire();
  grace.enter(0);
  CHECK(grace.passed(ticket));
  const Grace::Ticket next = grace.retire();
  CHECK_FALSE(grace.passed(next));
}

TEST_CASE("a reader that begins anew in the middle of a turn gives up what it held") {
  Grace grace(1);
  grace.enter(0);
  const Grace::Ticket ticket = grace.retire();
  grace.enter(0);
  CHECK(grace.passed(ticket));
}

TEST_CASE("the slowest reader decides") {
  Grace grace(3);
  grace.enter(0);
  const Grace::Ticket first = grace.retire();
  grace.enter(1);
  const Grace::Ticket second = grace.retire();
  grace.leave(0);
  CHECK(grace.passed(first));
  CHECK_FALSE(grace.passed(second));
  grace.leave(1);
  CHECK(grace.passed(second));
}

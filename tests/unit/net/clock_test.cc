#include "server/net/clock.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <ctime>
#include <list>
#include <thread>

using namespace lmc;

TEST_CASE("the clock starts at the wall clock's time") {
  const auto before = static_cast<std::uint32_t>(::time(nullptr));
  const net::Clock clock;
  const auto after = static_cast<std::uint32_t>(::time(nullptr));
  CHECK(clock.started().value >= before);
  CHECK(clock.started().value <= after);
  CHECK(clock.now().value - clock.started().value <= 1);
}

TEST_CASE("clocks started at any moment of a second agree about when the next one begins") {
  std::list<net::Clock> clocks;
  for (int started = 0; started < 12; ++started) {
    clocks.emplace_back();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  // A second may begin while they are asked: then all of them are asked again.
  for (;;) {
    const auto before = clocks.front().now();
    bool agree = true;
    for (const net::Clock& clock : clocks) agree = agree && clock.now() == before;
    if (clocks.front().now() != before) continue;
    CHECK(agree);
    break;
  }
}

TEST_CASE("shifting moves the clock both ways, also while it is paused") {
  net::Clock clock;
  const auto before = clock.now().value;
  clock.shift(1000);
  CHECK(clock.now().value - before - 1000 <= 1);
  clock.pause(true);
  const auto stopped = clock.now().value;
  clock.shift(-500);
  CHECK(clock.now().value == stopped - 500);
  clock.pause(true);
  CHECK(clock.now().value == stopped - 500);
  clock.pause(false);
  CHECK(clock.now().value - (stopped - 500) <= 1);
}

#include "replication/engine/lease.h"

#include <catch2/catch.hpp>

using namespace lmc::replication;
using namespace std::chrono_literals;

namespace {
constexpr Duration kTerm = 1000ms;
constexpr Duration kBeat = 100ms;
constexpr TimePoint kStart{10s};
}  // namespace

TEST_CASE("a lease is held for a term from the sending of the beat that was echoed") {
  Lease lease(kTerm);
  CHECK(lease.held_until() < kStart);
  const std::uint64_t first = lease.beat(kStart, kBeat);
  CHECK(lease.beat(kStart + 99ms, kBeat) == first);
  lease.echo(first);
  CHECK(lease.held_until() == kStart + kTerm);
  lease.echo(first);
  CHECK(lease.held_until() == kStart + kTerm);
  const std::uint64_t second = lease.beat(kStart + 100ms, kBeat);
  CHECK(second == first + 1);
  CHECK(lease.held_until() == kStart + kTerm);
  lease.echo(second);
  CHECK(lease.held_until() == kStart + 100ms + kTerm);
}

TEST_CASE("who is not echoed is heard of") {
  Lease backup(kTerm);
  Lease primary(kTerm);
  for (Duration at{}; at < 5 * kTerm; at += kBeat / 2) {
    primary.hear(backup.beat(kStart + at, kBeat), kStart + at);
    CHECK(primary.given_until() > kStart + at + kTerm - kBeat);
  }
  CHECK(backup.held_until() < kStart);
}

TEST_CASE("a late echo is worth what its own beat was") {
  Lease lease(kTerm);
  const std::uint64_t first = lease.beat(kStart, kBeat);
  const std::uint64_t second = lease.beat(kStart + 100ms, kBeat);
  const std::uint64_t third = lease.beat(kStart + 200ms, kBeat);
  lease.echo(second);
  CHECK(lease.held_until() == kStart + 100ms + kTerm);
  lease.echo(first);
  CHECK(lease.held_until() == kStart + 100ms + kTerm);
  lease.echo(third);
  CHECK(lease.held_until() == kStart + 200ms + kTerm);
}

TEST_CASE("an echo of what was not sent, or of what was sent a term ago, gives no lease") {
  Lease lease(kTerm);
  lease.echo(0);
  lease.echo(1);
  CHECK(lease.held_until() < kStart);
  const std::uint64_t first = lease.beat(kStart, kBeat);
  lease.echo(first + 1);
  lease.echo(~std::uint64_t{0});
  CHECK(lease.held_until() < kStart);
  const std::uint64_t later = lease.beat(kStart + kTerm, kBeat);
  lease.echo(first);
  CHECK(lease.held_until() < kStart);
  lease.echo(later);
  CHECK(lease.held_until() == kStart + 2 * kTerm);
}

TEST_CASE("a beat that was heard already prolongs nothing") {
  Lease lease(kTerm);
  lease.hear(5, kStart);
  lease.hear(5, kStart + 10ms);
  lease.hear(4, kStart + 20ms);
  CHECK(lease.heard() == 5);
  CHECK(lease.given_until() == kStart + kTerm);
}

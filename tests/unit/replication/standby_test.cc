// What a backup takes from who says that it is its primary, which is the test.
#include "replication/engine/standby.h"

#include <catch2/catch.hpp>

#include "still_world.h"

namespace lmc::replication {
namespace {

using namespace std::chrono_literals;
using test::StillWorld;
using test::Wire;

class CalmOwner final : public StandbyOwner {
 public:
  void begin_copy() override {}
  void on_view(const GroupView&) override {}
  void on_commit() override {}
  void on_service_lost() override {}
  void on_view_elsewhere(const GroupView&) override {}
  void on_moved(const std::string&) override {}
  [[nodiscard]] Epoch seen() const override { return {}; }
};

// A backup of p:1.
struct Backup {
  // Its connection, as soon as there is one, with the Join that it said.
  std::shared_ptr<Wire> session() {
    while (!world.peers.to("p:1")) world.reactor.advance(1ms);
    const auto wire = world.peers.to("p:1");
    wire->observer->on_up();
    REQUIRE(wire->last<Join>());
    return wire;
  }
  // Whether the session goes on behind a Welcome with these.
  bool takes(std::uint64_t lease_us, std::uint64_t beat_us) {
    const auto wire = session();
    Welcome welcome;
    welcome.lease_us = lease_us;
    welcome.beat_us = beat_us;
    wire->say(welcome);
    const bool taken = !wire->closed;
    wire->observer->on_down("the test is through with it", true);
    world.reactor.advance(1ms);
    return taken;
  }

  StillWorld world;
  const Surroundings around = world.surroundings();
  CalmOwner owner;
  LedgerRing ring{256};
  Applier applier{ring, world.log};
  Standby standby{around, owner, ring, applier, "p:1"};
};

TEST_CASE("a backup takes the lease's times within their bounds, and no others") {
  constexpr std::uint64_t kMost = 600'000'000;
  Backup backup;
  CHECK(backup.takes(1'000'000, 200'000));
  CHECK(backup.takes(kMost, kMost / 2));
  CHECK(backup.takes(2000, 1000));
  CHECK_FALSE(backup.takes(kMost + 1, 200'000));
  CHECK_FALSE(backup.takes(~std::uint64_t{0}, 200'000));
  CHECK_FALSE(backup.takes(~std::uint64_t{0}, ~std::uint64_t{0}));
  CHECK_FALSE(backup.takes(1'000'000, ~std::uint64_t{0}));
  CHECK_FALSE(backup.takes(1'000'000, 500'001));
  CHECK_FALSE(backup.takes(1'000'000, 999));
  CHECK_FALSE(backup.takes(1'000'000, 0));
  CHECK_FALSE(backup.takes(0, 0));
  CHECK(backup.takes(1'000'000, 200'000));
}

TEST_CASE("times that are refused are named, with what they may be") {
  Backup backup;
  CHECK_FALSE(backup.takes(600'000'001, 7));
  CHECK(backup.standby.last_cause() ==
        "a lease of 600000001 us with a beat of 7 us cannot be: at most 600000000, with two beats or more of 1000 at "
        "least");
}

}  // namespace
}  // namespace lmc::replication

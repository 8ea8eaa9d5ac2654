// What a primary does about its backups, of which the test is the other end.
#include "replication/engine/leader.h"

#include <catch2/catch.hpp>

#include "still_world.h"

namespace lmc::replication {
namespace {

using namespace std::chrono_literals;
using test::SlowAuthority;
using test::StillWorld;
using test::Wire;
using test::WirePeer;

constexpr Epoch kEpoch{0x10001};
constexpr Position kBegin{kEpoch, {10}};
const std::string kBackup = "b:1";

class NoOwner final : public LeaderOwner {
 public:
  void on_commit() override {}
  void on_view(const GroupView&) override {}
  void on_deposed(Epoch) override {}
};

// The primary a:1, and b:1 in its set.
struct Primary {
  Primary() {
    leader.emplace(world.surroundings(), owner, authority, ring,
                   Leader::Start{kBegin, {}, true, {kEpoch, "a:1", {kBackup}}, {{kBackup, kBegin.sequence}}});
  }

  // The backup goes on from where the ledger began, and holds leases.
  std::shared_ptr<Wire> join() {
    auto wire = std::make_shared<Wire>();
    std::unique_ptr<Peer> peer = std::make_unique<WirePeer>(wire);
    Join join;
    join.address = kBackup;
    join.has_copy = true;
    join.position = kBegin;
    join.seen = kEpoch;
    REQUIRE_FALSE(leader->join(peer, join));
    REQUIRE(leader->members().size() == 1);
    REQUIRE(leader->members()[0]->state() == Member::State::kInSync);
    world.fabric.made.back()->observer->on_up();
    beat();
    return wire;
  }
  void beat() {
    test::Cable& cable = *world.fabric.made.back();
    cable.complete();
    cable.write({kEpoch, cable.report.beat + 1, cable.report.beat, leader->ledger().last(), {}, world.log.latest});
  }
  void write() {
    ++world.log.latest.value;
    leader->collect();
  }
  void tick() {
    world.reactor.advance(std::chrono::duration_cast<std::chrono::milliseconds>(world.settings.lease.tick()) + 1ms);
  }
  [[nodiscard]] bool serves() const { return world.serving.may_serve(world.reactor.now()); }

  StillWorld world;
  SlowAuthority authority;
  NoOwner owner;
  LedgerRing ring{256};
  std::optional<Leader> leader;
};

TEST_CASE("a primary answers nothing from before its backup can know that the session has ended") {
  for (const bool ended : {true, false}) {
    Primary primary;
    const auto wire = primary.join();
    CHECK(primary.serves());
    bool served_at_close = true;
    wire->on_close = [&] { served_at_close = primary.serves(); };
    wire->observer->on_down("gone", ended);
    CHECK(wire->closed);
    CHECK_FALSE(served_at_close);
    CHECK_FALSE(primary.serves());
  }
}

TEST_CASE("when the loss has been decided the primary serves again") {
  Primary primary;
  const auto wire = primary.join();
  primary.write();
  wire->observer->on_down("gone", true);
  CHECK(primary.authority.asked.in_sync.empty());
  CHECK(primary.world.serving.committed() < primary.world.log.latest);
  primary.authority.decided(true, primary.authority.asked);
  CHECK(primary.serves());
  CHECK(primary.world.serving.committed() >= primary.world.log.latest);
}

TEST_CASE(
    "while a backup that counts is away and nobody decides, the ledger goes on and what is kept for it does not grow") {
  Primary primary;
  const auto wire = primary.join();
  wire->observer->on_down("gone", true);
  for (int i = 0; i < 10'000; ++i) {
    primary.write();
    if (i % 100 == 0) primary.world.reactor.advance(1ms);
  }
  CHECK(primary.leader->ledger().last().value > 10'000);
  CHECK(primary.leader->kept().heads <= 256 + 1);
  CHECK(primary.world.serving.committed().value == 0);
  CHECK_FALSE(primary.serves());
  primary.authority.decided(true, primary.authority.asked);
  CHECK(primary.world.serving.committed() >= primary.world.log.latest);
  CHECK(primary.leader->kept().heads == 0);
}

TEST_CASE("what was told counts as landed when it has landed at all that count") {
  Primary primary;
  const Extent nothing{};
  CHECK(primary.world.log.landed == nothing);
  const auto wire = primary.join();
  primary.write();
  const Extent first = primary.world.log.told();
  primary.beat();
  primary.tick();
  primary.tick();
  CHECK(primary.world.log.landed == first);
  primary.write();
  primary.tick();
  CHECK(primary.world.log.landed == first);
  wire->observer->on_down("gone", true);
  primary.write();
  CHECK(primary.world.log.landed == first);  // it may come back, and be sent the rest
  primary.authority.decided(true, primary.authority.asked);
  CHECK(primary.world.log.landed == Extent::everything());
}

TEST_CASE("when somebody new counts, nothing counts as landed until it has landed there too") {
  Primary primary;
  const auto wire = primary.join();
  primary.write();
  primary.beat();
  primary.tick();
  primary.tick();
  const auto first = primary.world.fabric.made.back();
  REQUIRE(primary.world.log.landed == primary.world.log.told());

  std::unique_ptr<Peer> peer = std::make_unique<WirePeer>(std::make_shared<Wire>());
  Join join;
  join.address = "c:1";
  join.has_copy = true;
  join.position = primary.leader->ledger().end();
  join.seen = kEpoch;
  REQUIRE_FALSE(primary.leader->join(peer, join));
  const auto second = primary.world.fabric.made.back();
  primary.write();
  second->observer->on_up();
  second->write({kEpoch, 1, second->report.beat, join.position.sequence, {}, {}});  // it has nearly caught up
  CHECK(primary.world.log.landed == Extent{});
  first->complete();
  CHECK(primary.world.log.landed == Extent{});
  second->complete();
  first->complete();
  primary.tick();
  first->complete();
  second->complete();
  primary.tick();
  CHECK(primary.world.log.landed == primary.world.log.told());
}

TEST_CASE("in a new term only who has a session is continued") {
  Primary primary;
  const auto wire = primary.join();
  primary.write();
  const Epoch next{kEpoch.value + kEpochsOfTerm};
  CHECK(primary.leader->begin_term(next));
  CHECK_FALSE(primary.leader->begin_term(next));  // it is being decided
  primary.authority.decided(true, primary.authority.asked);
  CHECK(primary.leader->view() == GroupView{next, "a:1", {kBackup}});
  REQUIRE(primary.leader->members().size() == 1);
  CHECK(primary.leader->members()[0]->state() == Member::State::kInSync);

  // Of a history whose epoch had the same number.
  auto stranger = std::make_shared<Wire>();
  std::unique_ptr<Peer> peer = std::make_unique<WirePeer>(stranger);
  Join join;
  join.address = "c:1";
  join.has_copy = true;
  join.position = {kEpoch, {kBegin.sequence.value + 1}};
  join.seen = kEpoch;
  REQUIRE_FALSE(primary.leader->join(peer, join));
  CHECK(stranger->last<Welcome>()->copy);
}

TEST_CASE("the cause of a loss is said, in its own words") {
  Primary primary;
  const auto wire = primary.join();
  wire->observer->on_down("Connection reset by peer (why)", false);
  CHECK(primary.world.says("b:1 is lost: Connection reset by peer (why)"));
}

}  // namespace
}  // namespace lmc::replication

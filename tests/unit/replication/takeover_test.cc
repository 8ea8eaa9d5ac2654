// What must be true before a backup calls itself primary; the others of its group are the test.
#include "replication/engine/takeover.h"

#include <catch2/catch.hpp>

#include "still_world.h"

namespace lmc::replication {
namespace {

using namespace std::chrono_literals;
using test::StillWorld;

constexpr Epoch kNext{0x20000};
const GroupView kOld{{0x10002}, "p:1", {"a:1", "b:1", "c:1"}};

// a:1 takes over.
struct Taking {
  explicit Taking(std::chrono::milliseconds lease = 0ms)
      : takeover(world.surroundings(), kNext, kOld, world.reactor.now() + lease,
                 [this](std::vector<FencedNode> who, const std::string& why) {
                   ++times_done;
                   fenced = std::move(who);
                   refused = why;
                 }) {
    takeover.begin();
  }
  void answer(const std::string& address, const Answer& answer) const {
    const auto wire = world.peers.to(address);
    REQUIRE(wire != nullptr);
    wire->observer->on_up();
    CHECK(wire->last<Command>()->text == "fence 131072");
    wire->say(answer);
  }
  StillWorld world;
  int times_done = 0;
  std::vector<FencedNode> fenced;
  std::string refused;
  Takeover takeover;
};

const Answer kFenced{true, "copy 65538 258 epoch 65538 primary p:1 in_sync a:1,b:1,c:1"};

TEST_CASE("a fence that is refused ends the takeover, when all have answered, and says by whom and why") {
  Taking taking;
  CHECK(taking.world.peers.to("a:1") == nullptr);
  taking.answer("c:1", {false, "has seen epoch 196608"});
  taking.world.reactor.advance(10ms);
  CHECK(taking.times_done == 0);
  taking.answer("b:1", kFenced);
  taking.answer("p:1", kFenced);
  taking.world.reactor.advance(10ms);
  CHECK(taking.times_done == 1);
  CHECK(taking.refused == "c:1 is not fenced: has seen epoch 196608");
  taking.world.reactor.advance(10s);
  CHECK(taking.times_done == 1);
}

TEST_CASE("a refusal is not waited for longer than others are, nor a lease for its sake") {
  Taking taking(60s);
  taking.answer("c:1", {false, "has seen epoch 196608"});
  taking.world.reactor.advance(1100ms);  // nobody else answers within a term
  CHECK(taking.times_done == 1);
  CHECK_FALSE(taking.refused.empty());
}

TEST_CASE("an answer to a fence that makes no sense is a refusal") {
  for (const std::string text :
       {"of course", "copy 65538", "copy 65538 258", "copies 65538 258 epoch 65538 primary p:1 in_sync b:1",
        "copy 65538 258 epoch 65538 primary p:1"}) {
    Taking taking;
    taking.answer("b:1", {true, text});
    taking.answer("c:1", kFenced);
    taking.answer("p:1", kFenced);
    taking.world.reactor.advance(10ms);
    CHECK(taking.refused == "b:1 is not fenced: " + text);
  }
}

TEST_CASE("who does not answer is no refusal, and not among the fenced; what it may have been promised is waited for") {
  Taking taking(500ms);
  taking.answer("b:1", kFenced);
  taking.world.peers.to("c:1")->observer->on_down("Connection refused", false);
  taking.world.peers.to("p:1")->observer->on_down("Connection refused", false);
  taking.world.reactor.advance(1400ms);  // the lease of this node's, and a term more for c:1
  CHECK(taking.times_done == 0);
  taking.world.reactor.advance(200ms);
  CHECK(taking.times_done == 1);
  CHECK(taking.refused.empty());
  REQUIRE(taking.fenced.size() == 1);
  CHECK(taking.fenced[0].address == "b:1");
  CHECK(taking.fenced[0].has_copy);
  CHECK(taking.fenced[0].position == Position{{65538}, {258}});
  CHECK(taking.fenced[0].view == kOld);
}

}  // namespace
}  // namespace lmc::replication

// What a node answers to commands, of which the other nodes are the test.
#include "replication/engine/node.h"

#include <catch2/catch.hpp>

#include "pair.h"

namespace lmc::replication {
namespace {

using namespace std::chrono_literals;
using test::Alone;
using test::SlowAuthority;
using test::Wire;

TEST_CASE("of two primaries of one epoch each says what ends it, and a later term does") {
  Alone one;
  one.node.start_primary();
  const std::string epoch = one.ask("epoch")->text;
  const Answer refusal = one.ask("follow " + epoch + " b:1").value_or(Answer{});
  CHECK_FALSE(refusal.ok);
  CHECK(refusal.text.find("is itself primary of epoch " + epoch) == 0);
  CHECK(refusal.text.find("`promote force`") != std::string::npos);

  CHECK_FALSE(one.ask("add b:1"));  // not before it has answered
  CHECK(one.asked("b:1") == "follow " + epoch + " a:1");
  one.reply("b:1", refusal);
  REQUIRE(one.answer);
  CHECK_FALSE(one.answer->ok);
  CHECK(one.answer->text == "b:1 does not follow: " + refusal.text);
  CHECK(one.says("b:1 does not follow: is itself primary"));
  CHECK(one.ask("status")->text.find("does_not_follow:b:1 " + refusal.text) != std::string::npos);

  CHECK(one.ask("promote")->text == "is the primary already");
  const Answer promoted = one.ask("promote force").value_or(Answer{});
  CHECK(promoted.ok);
  const std::string later = std::to_string(std::stoull(epoch) + kEpochsOfTerm);
  CHECK(promoted.text == "primary of epoch " + later);
  CHECK(one.node.serving().service() == Service::kAll);
  one.world.reactor.advance(10ms);
  CHECK(one.asked("b:1") == "follow " + later + " a:1");
  one.reply("b:1", {true, "follows a:1"});
  CHECK(one.ask("status")->text.find("does_not_follow") == std::string::npos);
}

TEST_CASE("a refusal to follow is said once, however often it is asked for") {
  Alone one;
  one.node.start_primary();
  (void)one.ask("add b:1");
  for (int times = 0; times < 10; ++times) {
    if (!one.asked("b:1").empty()) one.reply("b:1", {false, "no"});
    one.world.reactor.advance(600ms);
  }
  CHECK(std::count(one.world.lines.begin(), one.world.lines.end(), "b:1 does not follow: no") == 1);
}

TEST_CASE("a primary that has heard of an epoch from a backup is still fenced by it, once") {
  Alone one;
  one.node.start_primary();
  const Epoch later{std::stoull(one.ask("epoch")->text) + kEpochsOfTerm};
  auto wire = std::make_shared<Wire>();
  one.node.accept(std::make_unique<test::WirePeer>(wire));
  Join join;
  join.address = "b:1";
  join.fabric = "cables";
  join.geometry = one.world.log.geometry();
  join.ring_slots = one.world.settings.ring_slots;
  join.seen = later;
  wire->say(join);
  CHECK(one.node.role() == Role::kNone);
  const std::string fence = "fence " + std::to_string(later.value);
  CHECK_FALSE(one.ask("fence " + std::to_string(later.value - 1))->ok);
  CHECK(one.ask(fence)->ok);
  CHECK_FALSE(one.ask(fence)->ok);
}

TEST_CASE("a primary that is fenced while it asks whom it drops remembers nothing of that") {
  test::Pair one;
  one.wire->observer->on_down("gone", true);
  one.world.reactor.advance(200ms);
  REQUIRE(one.asked("b:1") == "epoch");
  const Epoch later{one.node.seen().value + kEpochsOfTerm};
  CHECK(one.ask("fence " + std::to_string(later.value))->ok);
  one.reply("b:1", {true, "1"});
  one.world.reactor.advance(10ms);
  CHECK(one.owner.remembered.first == later);
  CHECK(one.owner.remembered.second.in_set("b:1"));
  CHECK(one.node.seen() == later);
  CHECK(one.node.role() == Role::kNone);
}

TEST_CASE("who is fenced says which group it knew until then") {
  test::Pair one;
  const Epoch epoch = one.node.seen();
  const std::string before = one.ask("view")->text;
  CHECK(before.find(" primary a:1 in_sync b:1") != std::string::npos);
  const Answer fenced = one.ask("fence " + std::to_string(epoch.value + kEpochsOfTerm)).value_or(Answer{});
  CHECK(fenced.ok);
  const auto node = parse_fenced(fenced.text);
  REQUIRE(node);
  CHECK(describe_view(node->view) == before);
}

TEST_CASE("who learns from the fenced of a later group without it does not lead, unless by force") {
  for (const bool force : {false, true}) {
    test::Pair one;
    const Epoch epoch = one.node.seen();
    CHECK(one.ask("demote")->ok);
    CHECK_FALSE(one.ask(force ? "promote force" : "promote"));
    if (!force) {  // it asks for views first: that of then has it
      CHECK(one.asked("b:1") == "view");
      one.reply("b:1", {true, describe_view({epoch, "a:1", {"b:1"}})});
    }
    const std::string fence = one.asked("b:1");
    CHECK(fence.find("fence ") == 0);
    const GroupView later{{epoch.value + 1}, "b:1", {"c:1"}};
    one.reply("b:1", {true, describe_fenced({"b:1", true, {epoch, {1}}, later})});
    one.world.reactor.advance(5s);
    REQUIRE(one.answer);
    CHECK(one.answer->ok == force);
    CHECK((one.node.role() == Role::kPrimary) == force);
    if (force) continue;
    const std::string why = "b:1 knows of a group without this node, " + describe_view(later);
    CHECK(one.answer->text == why + ": promote one of that, or force");
  }
}

TEST_CASE("while a promotion is decided no other one is begun") {
  SlowAuthority authority;
  Alone one(&authority);
  one.ask_to_lead_again();
  const Epoch term = authority.asked.epoch;
  std::exchange(authority.decided, nullptr)(true, authority.asked);
  one.world.reactor.advance(5s);  // until no lease of its own former role is left
  REQUIRE(authority.decided);
  CHECK(authority.asked == GroupView{{term.value + 1}, "a:1", {}});
  const Answer second = one.ask("promote").value_or(Answer{true, ""});
  CHECK_FALSE(second.ok);
  CHECK(second.text == "is being promoted already");
  authority.decided(true, authority.asked);
  CHECK(one.node.role() == Role::kPrimary);
}

TEST_CASE("a node that knows of a takeover whose fence comes later still knows whose it is") {
  SlowAuthority authority;
  Alone one(&authority);
  one.ask_to_lead_again();
  const Epoch others{authority.asked.epoch.value + 5 * kEpochsOfTerm};
  authority.decided(false, {others, "c:1", {"a:1", "b:1"}});
  CHECK(one.ask("fence " + std::to_string(others.value))->ok);
  // It comes to nothing: this node asks again for the whole of the group.
  CHECK_FALSE(one.ask("promote"));
  CHECK(authority.asked == GroupView{{others.value + kEpochsOfTerm}, "a:1", {"b:1", "c:1"}});
}

TEST_CASE("a primary of an epoch that is over follows who has a later one") {
  Alone one;
  one.node.start_primary();
  const std::uint64_t epoch = std::stoull(one.ask("epoch")->text);
  CHECK_FALSE(one.ask("follow " + std::to_string(epoch - 1) + " b:1")->ok);
  CHECK(one.ask("follow " + std::to_string(epoch + 1) + " b:1")->ok);
  CHECK(one.node.role() == Role::kBackup);
}

}  // namespace
}  // namespace lmc::replication

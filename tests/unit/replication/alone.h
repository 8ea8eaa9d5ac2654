// One whole node, of which the test is all the others.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>

#include "replication/engine/node.h"
#include "still_world.h"

namespace lmc::replication::test {

class CalmOwner final : public NodeOwner {
 public:
  void change_role(const std::function<void()>& change) override { change(); }
  void on_serving() override {}
  void on_room_wanted() override {}
  void remember(Epoch seen, const GroupView& view) override { remembered = {seen, view}; }
  std::pair<Epoch, GroupView> remembered;
};

// The node a:1.
struct Alone {
  explicit Alone(Authority* decider = nullptr) : authority(decider) {}
  std::optional<Answer> ask(const std::string& command) {
    answer.reset();
    node.command(command, [this](const Answer& told) { answer = told; });
    return answer;
  }
  // It has been primary, and the authority has been asked whether it is to be again.
  void ask_to_lead_again() {
    node.start_primary();
    CHECK(ask("demote")->ok);
    CHECK_FALSE(ask("promote"));
  }
  // What another node was asked last, in words.
  [[nodiscard]] std::string asked(const std::string& address) const {
    const auto wire = world.peers.to(address);
    if (wire == nullptr) return {};
    wire->observer->on_up();
    const auto command = wire->last<Command>();
    return command ? command->text : std::string();
  }
  void reply(const std::string& address, const Answer& to) const { world.peers.to(address)->say(to); }
  [[nodiscard]] bool says(const std::string& part) const { return world.says(part); }

  StillWorld world;
  CalmOwner owner;
  Authority* authority;
  Node node{{world.reactor, world.fabric, world.peers, world.log, owner, authority,
             [this](const std::string& line) { world.lines.push_back(line); }, [] { return Ticket{}; }},
            world.settings};
  std::optional<Answer> answer;
};

}  // namespace lmc::replication::test

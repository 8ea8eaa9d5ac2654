// A primary and its backup, of which the test is the backup.
#pragma once

#include <chrono>
#include <memory>

#include "alone.h"

namespace lmc::replication::test {

// The primary a:1 and its backup b:1, in sync, of which the test is the other end.
class Pair : public Alone {
 public:
  Pair() {
    node.start_primary();
    epoch = node.seen();
    node.accept(std::make_unique<test::WirePeer>(wire));
    Join join;
    join.address = "b:1";
    join.fabric = "cables";
    join.geometry = world.log.geometry();
    join.ring_slots = world.settings.ring_slots;
    join.has_copy = true;
    join.position = node.leader()->ledger().end();
    join.seen = epoch;
    wire->say(join);
    world.fabric.made.back()->observer->on_up();
    complete();
    world.reactor.advance(std::chrono::milliseconds(600));
    complete();
    report_applied(0);
    complete();
  }
  void write(std::uint32_t bytes, std::uint64_t version) {
    Entry appended;
    appended.kind = EntryKind::kAppended;
    appended.from = end_;
    appended.to = end_ += bytes;
    world.log.news.push_back(appended);
    world.log.latest = {version};
    node.collect();
  }
  void complete() { world.fabric.made.back()->complete(); }
  void report_applied(std::uint64_t version) {
    const Leader& leader = *node.leader();
    const Report& heard = world.fabric.made.back()->report;
    world.fabric.made.back()->write({node.seen(), heard.beat + 1, heard.beat, leader.ledger().last(), {}, {version}});
  }

  Epoch epoch;
  std::shared_ptr<Wire> wire = std::make_shared<Wire>();

 private:
  std::uint32_t end_ = 0;
};

}  // namespace lmc::replication::test

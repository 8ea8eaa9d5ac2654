// Groups under faults, from seeds. A failing seed names itself, and the command that runs it again: whether it breaks a
// rule, ends the process, or hangs.
#include <catch2/catch.hpp>

#include "scenario.h"
#include "seeds.h"

namespace lmc::sim {

using replication::Ack;

namespace {

void for_seeds(std::uint64_t count, const Scenario& run) {
  const Seeds seeds = seeds_asked_for(count);
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    INFO("again, with its log: " << command_for(seed));
    const Watchdog watchdog(seeds);
    try {
      run(seed, seeds.loud);
    } catch (const std::exception& violation) {
      FAIL_CHECK("seed " << seed << ": " << violation.what());
      return;
    }
  }
  SUCCEED();
}

TEST_CASE("a group forms, and all nodes hold the same") {
  for_seeds(50, run_forming);
}

TEST_CASE("while nothing goes wrong no answer waits for a timer") {
  for_seeds(100, run_calm);
}

TEST_CASE("backups join while the log is full and is written at full speed") {
  for_seeds(60, run_joins);
}

TEST_CASE("a backup joins while more is written than the copy's link takes") {
  for_seeds(20, run_slow_copies);
}

TEST_CASE("a backup has ended, and the authority that could drop it is away for long") {
  for_seeds(20, run_waiting);
}

TEST_CASE("a backup is parted from the others together with the authority, and promoted") {
  for_seeds(100, run_parted);
}

TEST_CASE("links break") {
  for_seeds(250, with({.breaks = true}));
}

TEST_CASE("processes are stopped and go on") {
  for_seeds(250, with({.stops = true}));
}

TEST_CASE("processes end and are started again") {
  for_seeds(250, with(kKills));
}

TEST_CASE("the network is cut") {
  for_seeds(250, with(kCuts));
}

TEST_CASE("the network is cut for long, and an operator promotes though a primary works") {
  for_seeds(100, with(kHasty));
}

TEST_CASE("processes get to run now and then only") {
  for_seeds(150, with({.slows = true}));
}

TEST_CASE("sessions are lost while a copy is indexed") {
  for_seeds(100, with(kIndexing));
}

TEST_CASE("everything goes wrong") {
  for_seeds(600, with(kAll));
}

TEST_CASE("everything goes wrong for long, and an operator promotes though a primary works") {
  for_seeds(300, with(kAllHasty));
}

TEST_CASE("everything goes wrong whenever the group changes") {
  for_seeds(300, with(kAmbush));
}

TEST_CASE("everything goes wrong while the group forms") {
  Faults faults = kAll;
  faults.joining = true;
  for_seeds(200, with(faults));
}

TEST_CASE("with no coordinator everything goes wrong") {
  for_seeds(150, with_no_coordinator(kAll));
}

TEST_CASE("with no coordinator everything goes wrong for long, and an operator promotes though a primary works") {
  for_seeds(100, with_no_coordinator(kAllHasty));
}

TEST_CASE("with --ack=one nothing acknowledged is lost if only primaries end") {
  for_seeds(150, with(kPrimaries, Ack::kOne));
}

TEST_CASE("with --ack=one everything goes wrong") {
  for_seeds(200, with(kAll, Ack::kOne));
}

TEST_CASE("with --ack=none everything goes wrong") {
  for_seeds(200, with(kAll, Ack::kNone));
}

TEST_CASE("everything goes wrong while the log is full") {
  for_seeds(100, with(kAllFull));
}

}  // namespace
}  // namespace lmc::sim

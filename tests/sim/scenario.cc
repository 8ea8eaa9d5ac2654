#include "scenario.h"

#include <array>

#include "load.h"
#include "operator.h"

namespace lmc::sim {

using replication::Ack;

namespace {

ClusterOptions usual_options(bool loud) {
  ClusterOptions options;
  options.settings.lease = {200ms, 20ms};
  options.settings.ring_slots = 512;
  options.settings.bulk_chunk_bytes = 32 << 10;
  options.loud = loud;
  return options;
}

void start_group(Cluster& cluster) {
  cluster.start("a:1").node().start_primary();
  cluster.start("b:1").node().start_backup("a:1");
  cluster.start("c:1").node().start_backup("a:1");
}

// Now and then, when clients are quiet for a moment.
void look_meanwhile(Cluster& cluster, Load& load) {
  if (!cluster.world.chance(300)) return;
  load.pause(10ms);
  cluster.world.run_for(10ms);
  cluster.check_equal_now();
}

void check_last_values(Cluster& cluster) {
  for (auto& [address, node] : cluster.nodes)
    for (const std::string& key : cluster.keys) {
      const Seconds now = cluster.seconds();
      cluster.book.shown(key, cluster.book.ask(key, address, true, now), 0, node->peek(key), now, address,
                         [where = address] { return where; });
    }
}

}  // namespace

void run_forming(std::uint64_t seed, bool loud) {
  Cluster cluster(seed, usual_options(loud));
  start_group(cluster);
  Load load(cluster, {});
  cluster.world.run_for(300ms);
  load.end();
  cluster.await_all_in_sync(2);
  cluster.check_equal();
  check_last_values(cluster);
  if (cluster.book.acknowledged() < 20) throw Violation("hardly anything happened");
}

void run_calm(std::uint64_t seed, bool loud) {
  ClusterOptions options = usual_options(loud);
  options.settings.lease = {2s, 400ms};  // whose timers are every 200 ms
  options.settings.ring_slots = 128;     // little room: it must be told in time that there is more
  options.weather.late = 0;
  options.settings.ack = std::array{Ack::kAll, Ack::kOne, Ack::kNone}[seed % 3];
  Cluster cluster(seed, options);
  start_group(cluster);
  cluster.await_all_in_sync(2);
  Load load(cluster, {.clients = 1 + cluster.world.pick(4), .patient = 0, .most_wait = 15ms});
  cluster.world.run_for(300ms);
  load.end();
  if (cluster.book.acknowledged() < 100) throw Violation("hardly anything happened");
}

void run_joins(std::uint64_t seed, bool loud) {
  ClusterOptions options = usual_options(loud);
  options.evicts = true;
  Cluster cluster(seed, options);
  cluster.start("a:1").node().start_primary();
  Load load(cluster, {.clients = 4, .keys = 200, .value_bytes = 3000, .flushes = false});
  cluster.world.run_for(600ms);
  cluster.start("b:1").node().start_backup("a:1");
  cluster.world.run_for(100ms);
  cluster.start("c:1").node().start_backup("a:1");
  cluster.world.run_for(400ms);
  load.end();
  cluster.await_all_in_sync(2);
  cluster.check_equal();
  check_last_values(cluster);
}

void run_slow_copies(std::uint64_t seed, bool loud) {
  ClusterOptions options = usual_options(loud);
  options.evicts = true;
  options.weather.speed = 3000 + 1000 * (seed % 20);
  Cluster cluster(seed, options);
  cluster.start("a:1").node().start_primary();
  Load load(cluster, {.clients = 4, .keys = 200, .value_bytes = 3000, .flushes = false});
  cluster.world.run_for(600ms);
  cluster.start("b:1").node().start_backup("a:1");
  cluster.await_in_sync(1);
  load.end();
  cluster.await_all_in_sync(1);
  cluster.check_equal();
  check_last_values(cluster);
}

void run_waiting(std::uint64_t seed, bool loud) {
  ClusterOptions options = usual_options(loud);
  options.settings.ring_slots = 128;
  Cluster cluster(seed, options);
  start_group(cluster);
  Load load(cluster, {.flushes = false});  // while one is awaited nothing is changed
  cluster.await_in_sync(2);
  for (const std::string& address : kNodes) cluster.network.cut(address, kAuthority);
  cluster.world.run_for(cluster.world.delay(10'000us));
  cluster.end("c:1");
  cluster.world.run_for(3s);
  cluster.network.mend_all();
  cluster.await_in_sync(1);
  cluster.start("c:1").node().start_backup("a:1");
  cluster.await_in_sync(2);
  load.end();
  cluster.await_all_in_sync(2);
  cluster.check_equal();
  check_last_values(cluster);
}

void run_parted(std::uint64_t seed, bool loud) {
  Cluster cluster(seed, usual_options(loud));
  start_group(cluster);
  Operator watcher(cluster, false);
  Harm harm(cluster, watcher, {.lasting = true});
  Load load(cluster, {});
  cluster.await_in_sync(2);
  cluster.world.run_for(cluster.world.delay(50'000us));
  harm.part("b:1", false);
  cluster.find("b:1")->command("promote", [](const replication::Answer&) {});
  cluster.world.run_for(1500ms);
  harm.end();
  cluster.world.run_for(500ms);
  load.end();
  cluster.await_all_in_sync(2);
  cluster.check_equal();
  check_last_values(cluster);
}

void run_with_faults(std::uint64_t seed, bool loud, const Faults& faults, Ack ack, Decider decider) {
  ClusterOptions options = usual_options(loud);
  options.evicts = faults.full;
  options.settings.ack = ack;
  options.decider = decider;
  options.keeps_acked = ack == Ack::kAll || (ack == Ack::kOne && faults.primaries);
  Cluster cluster(seed, options);
  cluster.start("a:1").node().start_primary();
  Operator watcher(cluster, faults.impatient);
  Harm harm(cluster, watcher, faults);
  LoadOptions usual;
  LoadOptions large{.keys = 200, .value_bytes = 3000, .flushes = false};
  usual.pause = ack == Ack::kNone ? 500us : 250us;
  Load load(cluster, faults.full ? large : usual);
  watcher.begin();
  watcher.restart("b:1");
  watcher.restart("c:1");
  if (!faults.joining) cluster.await("a group", 5s, [&] { return cluster.authorities.view().in_sync.size() == 2; });
  harm.begin();
  if (faults.full) cluster.world.run_for(600ms);  // until the log is full
  for (int i = 0; i < 12; ++i) {
    cluster.world.run_for(cluster.world.delay(faults.lasting && cluster.world.chance(300) ? 600'000us : 60'000us));
    look_meanwhile(cluster, load);
    harm.do_some();
  }
  harm.end();
  load.calm();
  for (const std::string& address : kNodes) watcher.restart(address);
  watcher.calm();
  cluster.world.run_for(500ms);
  load.end();
  cluster.await_all_in_sync(2);
  watcher.end();
  cluster.check_equal();
  check_last_values(cluster);
}

Scenario with(const Faults& faults, Ack ack) {
  return [=](std::uint64_t seed, bool loud) { run_with_faults(seed, loud, faults, ack, Decider::kCoordinator); };
}

Scenario with_no_coordinator(const Faults& faults) {
  return [=](std::uint64_t seed, bool loud) { run_with_faults(seed, loud, faults, Ack::kAll, Decider::kPrimary); };
}

}  // namespace lmc::sim

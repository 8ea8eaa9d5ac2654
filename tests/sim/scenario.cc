#include "scenario.h"

#include <algorithm>

#include "load.h"

namespace lmc::sim {
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

// What an operator does who watches: when there is no primary that does its work, one of the in-sync nodes is promoted;
// nodes that ended are started again.
class Operator {
 public:
  Operator(Cluster& cluster, bool impatient) : cluster_(cluster), impatient_(impatient) {}
  void begin() { look(); }
  void end() { ended_ = true; }
  void calm() { impatient_ = false; }

  // Ends the process, unless the last copy of acknowledged writes would go with it.
  void kill(const std::string& address) {
    if (cluster_.find(address) == nullptr) return;
    bool another = false;
    for (const std::string& other : kNodes) another = another || (other != address && holds(other));
    if (!another) return;
    restarted_[address] = cluster_.authorities.view().epoch;
    cluster_.end(address);
    cluster_.world.after(cluster_.world.delay(50'000us), [this, address] { restart(address); });
  }
  void restart(const std::string& address) {
    if (cluster_.find(address) != nullptr) return;
    restarted_[address] = cluster_.authorities.view().epoch;
    const std::string primary = cluster_.authorities.view().primary;
    const std::string other = address == kNodes[0] ? kNodes[1] : kNodes[0];
    cluster_.start(address).node().start_backup(primary == address ? other : primary);
  }

 private:
  // A living process that was in the group's latest set, or its primary, from then on.
  [[nodiscard]] bool holds(const std::string& address) const {
    const replication::GroupView& view = cluster_.authorities.view();
    const auto restarted = restarted_.find(address);
    if (restarted != restarted_.end() && restarted->second >= since_[address]) return false;
    return view.has(address) && cluster_.find(address) != nullptr;
  }
  void note_set() {
    const replication::GroupView& view = cluster_.authorities.view();
    for (const std::string& address : kNodes) {
      if (!view.has(address))
        since_.erase(address);
      else
        since_.try_emplace(address, view.epoch);
    }
  }
  void look() {
    if (ended_) return;
    cluster_.world.after(5ms, [this] { look(); });
    note_set();
    SimNode* const primary = cluster_.primary();
    const bool works = primary != nullptr && primary->address() == cluster_.authorities.view().primary &&
                       primary->node().role() == replication::Role::kPrimary && !primary->process().stopped() &&
                       !primary->node().suspended();
    missing_ = works ? 0 : missing_ + 1;
    if (works) add_lost(*primary);
    if (missing_ < 20 && !(impatient_ && cluster_.world.chance(15))) return;
    missing_ = 0;
    std::vector<std::string> able;
    for (const std::string& address : kNodes)
      if (holds(address) && !cluster_.find(address)->process().stopped()) able.push_back(address);
    if (able.empty()) return;
    promote(able[cluster_.world.pick(able.size())], "promote");
  }

  // A node may be in the set by the authority's word and not have heard of it: who knows better says so.
  void promote(const std::string& address, const std::string& command) {
    cluster_.find(address)->command(command, [this, address](const replication::Answer& answer) {
      cluster_.say("promote: " + answer.text);
      const bool unheard = !answer.ok && answer.text.starts_with("is not in sync");
      if (unheard && holds(address)) promote(address, "promote force");
    });
  }

  // Who was fenced by a takeover that came to nothing waits to be told whom to follow.
  void add_lost(SimNode& primary) {
    if (!cluster_.world.chance(50)) return;
    for (auto& [address, node] : cluster_.nodes)
      if (node->node().role() == replication::Role::kNone)
        primary.command("add " + address, [](const replication::Answer&) {});
  }

  Cluster& cluster_;
  bool impatient_;
  bool ended_ = false;
  unsigned missing_ = 0;
  std::map<std::string, replication::Epoch> restarted_;
  mutable std::map<std::string, replication::Epoch> since_;  // the first epoch of which the set has had it throughout
};

// From all others, and from who decides.
void isolate(Cluster& cluster, const std::string& node) {
  std::vector<std::string> others = kNodes;
  others.push_back(kAuthority);
  std::erase(others, node);
  for (const std::string& other : others) cluster.network.cut(node, other);
  cluster.world.after(cluster.world.delay(1'000'000us), [&cluster, node, others] {
    for (const std::string& other : others) cluster.network.mend(node, other);
  });
}

void do_harm(Cluster& cluster, Operator& watcher, const Faults& faults) {
  World& world = cluster.world;
  const std::string a = kNodes[world.pick(3)];
  const std::string b = kNodes[world.pick(3)];
  switch (world.pick(4)) {
    case 0:
      if (faults.kills) watcher.kill(a);
      return;
    case 1:
      if (SimNode* node = cluster.find(a); faults.stops && node != nullptr)
        node->process().stop_for(world.delay(world.chance(500) ? 50'000us : faults.lasting ? 1'500'000us : 300'000us));
      return;
    case 2:
      if (!faults.cuts) return;
      if (faults.lasting && world.chance(300)) return isolate(cluster, a);
      if (a == b) return;
      cluster.network.cut(a, b);
      world.after(world.delay(faults.lasting && world.chance(500) ? 1'000'000us : 200'000us),
                  [&cluster, a, b] { cluster.network.mend(a, b); });
      return;
    case 3:
      if (faults.breaks) cluster.network.break_links(a, b);
      return;
    default:
      return;
  }
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
                         [&] { return address; });
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

void run_joins(std::uint64_t seed, bool loud) {
  ClusterOptions options = usual_options(loud);
  options.evicts = true;
  Cluster cluster(seed, options);
  cluster.start("a:1").node().start_primary();
  Load load(cluster, {.clients = 6, .keys = 200, .value_bytes = 3000, .flushes = false});
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

void run_with_faults(std::uint64_t seed, bool loud, const Faults& faults) {
  ClusterOptions options = usual_options(loud);
  options.evicts = faults.full;
  Cluster cluster(seed, options);
  start_group(cluster);
  Operator watcher(cluster, faults.impatient);
  LoadOptions usual;
  LoadOptions large{.keys = 200, .value_bytes = 3000, .flushes = false};
  Load load(cluster, faults.full ? large : usual);
  watcher.begin();
  cluster.await("a group", 5s, [&] { return cluster.authorities.view().in_sync.size() == 2; });
  if (faults.full) cluster.world.run_for(600ms);  // until the log is full
  for (int i = 0; i < 12; ++i) {
    cluster.world.run_for(cluster.world.delay(faults.lasting && cluster.world.chance(300) ? 600'000us : 60'000us));
    look_meanwhile(cluster, load);
    do_harm(cluster, watcher, faults);
  }
  cluster.network.mend_all();
  for (const std::string& address : kNodes) watcher.restart(address);
  watcher.calm();
  cluster.world.run_for(500ms);
  load.end();
  cluster.await_all_in_sync(2);
  watcher.end();
  cluster.check_equal();
  check_last_values(cluster);
}

}  // namespace lmc::sim

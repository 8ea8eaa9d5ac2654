#include "scenario.h"

#include <algorithm>

#include "cluster.h"

namespace lmc::sim {
namespace {

const std::vector<std::string> kNodes{"a:1", "b:1", "c:1"};

ClusterOptions usual_options() {
  ClusterOptions options;
  options.settings.lease = {200ms, 20ms};
  options.settings.ring_slots = 512;
  options.settings.bulk_chunk_bytes = 32 << 10;
  return options;
}

std::string value_of(std::uint64_t number, std::size_t size) {
  std::string value = std::to_string(number) + ":";
  value.resize(std::max(value.size(), size), static_cast<char>('a' + number % 26));
  return value;
}

std::uint64_t number_of(const std::optional<std::string>& value) {
  return value ? std::strtoull(value->c_str(), nullptr, 10) : 0;
}

std::string stamp(TimePoint at) {
  return std::to_string(std::chrono::duration_cast<Micros>(at.time_since_epoch() - 1h).count());
}

// Writes and reads some keys for ever, at whichever node.
class Client {
 public:
  Client(Cluster& cluster, std::string name, std::size_t keys, std::size_t value_bytes, bool evicts)
      : cluster_(cluster), name_(std::move(name)), value_bytes_(value_bytes), evicts_(evicts) {
    for (std::size_t i = 0; i < keys; ++i) keys_.push_back(name_ + std::to_string(i));
  }
  void begin() { step(); }
  void end() { ended_ = true; }
  [[nodiscard]] bool idle() const { return !busy_; }
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }

 private:
  void again(Micros pause) {
    busy_ = false;
    cluster_.world.after(pause, [this] { step(); });
  }
  void step() {
    if (ended_) return;
    World& world = cluster_.world;
    const std::string key = keys_[world.pick(keys_.size())];
    const std::string address = kNodes[world.pick(kNodes.size())];
    SimNode* node = cluster_.find(address);
    if (world.chance(500)) {
      if (SimNode* primary = cluster_.primary()) node = primary;
      if (node == nullptr) return again(1ms);
      busy_ = true;
      const std::uint64_t number = cluster_.book.next(key);
      node->set(key, value_of(number, world.pick(2 * value_bytes_)),
                [this, key, number](SimNode::Outcome outcome, auto) {
                  if (outcome == SimNode::Outcome::kDone) cluster_.book.acknowledged(key, number);
                  again(outcome == SimNode::Outcome::kDone ? 50us : 2ms);
                });
    } else {
      if (node == nullptr) return again(1ms);
      busy_ = true;
      const std::uint64_t floor = cluster_.book.floor(key);
      const TimePoint asked = world.now();
      node->get(key, [this, key, floor, asked, where = node->address()](SimNode::Outcome outcome, const auto& value) {
        if (outcome == SimNode::Outcome::kDone && (value || !evicts_))
          cluster_.book.read(key, number_of(value), floor,
                             where + ", asked at " + stamp(asked) + ", answered at " + stamp(cluster_.world.now()));
        again(outcome == SimNode::Outcome::kDone ? 50us : 1ms);
      });
    }
  }

  Cluster& cluster_;
  std::string name_;
  std::size_t value_bytes_;
  bool evicts_;
  std::vector<std::string> keys_;
  bool busy_ = false;
  bool ended_ = false;
};

struct Load {
  Load(Cluster& of, std::size_t clients, std::size_t keys, std::size_t value_bytes, bool evicts) : cluster(of) {
    for (std::size_t i = 0; i < clients; ++i)
      all.push_back(
          std::make_unique<Client>(cluster, std::string(1, static_cast<char>('k' + i)), keys, value_bytes, evicts));
    for (auto& client : all) client->begin();
  }
  void end() {
    for (auto& client : all) client->end();
    cluster.await("every request answered", 30s, [&] {
      return std::all_of(all.begin(), all.end(), [](const auto& client) { return client->idle(); });
    });
  }
  [[nodiscard]] std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const auto& client : all) keys.insert(keys.end(), client->keys().begin(), client->keys().end());
    return keys;
  }
  Cluster& cluster;
  std::vector<std::unique_ptr<Client>> all;
};

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

void check_last_values(Cluster& cluster, const std::vector<std::string>& keys) {
  for (auto& [address, node] : cluster.nodes)
    for (const std::string& key : keys)
      cluster.book.read(key, number_of(node->peek(key)), cluster.book.floor(key), address);
}

}  // namespace

void run_forming(std::uint64_t seed, bool loud) {
  ClusterOptions options = usual_options();
  options.loud = loud;
  Cluster cluster(seed, options);
  start_group(cluster);
  Load load(cluster, 4, 10, 200, false);
  cluster.world.run_for(300ms);
  load.end();
  cluster.await_all_in_sync(2);
  cluster.check_equal(load.keys());
  if (cluster.book.acknowledged() < 20) throw Violation("hardly anything happened");
}

void run_joins(std::uint64_t seed, bool loud) {
  ClusterOptions options = usual_options();
  options.loud = loud;
  Cluster cluster(seed, options);
  cluster.start("a:1").node().start_primary();
  Load load(cluster, 6, 200, 3000, true);
  cluster.world.run_for(600ms);
  cluster.start("b:1").node().start_backup("a:1");
  cluster.world.run_for(100ms);
  cluster.start("c:1").node().start_backup("a:1");
  cluster.world.run_for(400ms);
  load.end();
  cluster.await_all_in_sync(2);
  cluster.check_equal(load.keys());
}

void run_with_faults(std::uint64_t seed, bool loud, const Faults& faults) {
  ClusterOptions options = usual_options();
  options.loud = loud;
  Cluster cluster(seed, options);
  start_group(cluster);
  Operator watcher(cluster, faults.impatient);
  const bool evicts = faults.full;
  Load load(cluster, 4, evicts ? 200 : 10, evicts ? 3000 : 200, evicts);
  watcher.begin();
  cluster.await("a group", 5s, [&] { return cluster.authorities.view().in_sync.size() == 2; });
  if (evicts) cluster.world.run_for(600ms);  // until the log is full
  for (int i = 0; i < 12; ++i) {
    cluster.world.run_for(cluster.world.delay(faults.lasting && cluster.world.chance(300) ? 600'000us : 60'000us));
    do_harm(cluster, watcher, faults);
  }
  cluster.network.mend_all();
  for (const std::string& address : kNodes) watcher.restart(address);
  watcher.calm();
  cluster.world.run_for(500ms);
  load.end();
  cluster.await_all_in_sync(2);
  watcher.end();
  cluster.check_equal(load.keys());
  if (!evicts) check_last_values(cluster, load.keys());
}

}  // namespace lmc::sim

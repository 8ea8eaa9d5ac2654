#include "faults.h"

#include <algorithm>
#include <vector>

namespace lmc::sim {

Harm::Harm(Cluster& cluster, Operator& watcher, const Faults& faults)
    : cluster_(cluster), watcher_(watcher), faults_(faults) {
  cluster_.authorities.watch([this](const replication::GroupView& next, bool decided) { on_change(next, decided); });
}

void Harm::begin() {
  begun_ = true;
  if (faults_.indexing) watch_copies();
}

void Harm::end() {
  faults_ = {};
  cluster_.network.mend_all();
}

std::string Harm::victim() {
  if (!faults_.primaries) return some_node();
  SimNode* const primary = cluster_.primary();
  return primary != nullptr ? primary->address() : std::string();
}

void Harm::do_some() {
  if (watcher_.is_careful()) return;
  World& world = cluster_.world;
  const std::string a = victim();
  const std::string& b = some_node();
  switch (world.pick(5)) {
    case 0:
      if (faults_.kills) watcher_.kill(a);
      return;
    case 1:
      if (SimNode* node = cluster_.find(a); faults_.stops && node != nullptr)
        node->process().stop_for(std::min<Micros>(world.delay(world.chance(500) ? 50'000us
                                                              : faults_.lasting ? 1'500'000us
                                                                                : 300'000us),
                                                  5s));
      return;
    case 2:
      if (!faults_.cuts) return;
      if (faults_.lasting && world.chance(400)) return part(a, world.chance(700));
      if (a != b) cut(a, b);
      return;
    case 3:
      if (faults_.slows) slow_down(a, world.now() + world.delay(faults_.lasting ? 500'000us : 100'000us));
      return;
    default:
      if (faults_.breaks) cluster_.network.break_links(a, b);
      return;
  }
}

void Harm::slow_down(const std::string& address, TimePoint until) {
  SimNode* const node = cluster_.find(address);
  if (!faults_.slows || node == nullptr || cluster_.world.now() >= until) return;
  if (!watcher_.is_careful()) node->process().stop_for(cluster_.world.delay(2000us));
  cluster_.world.after(cluster_.world.delay(3000us), [this, address, until] { slow_down(address, until); });
}

void Harm::watch_copies() {
  if (!faults_.indexing) return;
  World& world = cluster_.world;
  for (const auto& [address, node] : cluster_.nodes) {
    const replication::Standby* const standby = node->node().standby();
    if (standby != nullptr && standby->state() == replication::Standby::State::kIndexing && world.chance(300))
      cluster_.network.break_links(address, standby->primary());
  }
  world.after(20us, [this] { watch_copies(); });
}

void Harm::cut(const std::string& a, const std::string& b) {
  World& world = cluster_.world;
  cluster_.network.cut(a, b, world.chance(300));
  world.after(world.delay(faults_.lasting && world.chance(500) ? 1'000'000us : 200'000us),
              [this, a, b] { cluster_.network.mend(a, b); });
}

void Harm::part(const std::string& node, bool authority_too) {
  World& world = cluster_.world;
  const bool refused = world.chance(500);
  std::vector<std::pair<std::string, std::string>> cuts;
  for (const std::string& other : kNodes) {
    if (other != node) cuts.emplace_back(node, other);
    if (!authority_too && other != node) cuts.emplace_back(other, kAuthority);
  }
  if (authority_too) cuts.emplace_back(node, kAuthority);
  for (const auto& [a, b] : cuts) cluster_.network.cut(a, b, refused);
  world.after(world.delay(1'000'000us), [this, cuts] {
    for (const auto& [a, b] : cuts) cluster_.network.mend(a, b);
  });
  if (faults_.impatient && world.chance(500)) world.after(world.delay(2000us), [this] { watcher_.promote(); });
}

void Harm::on_change(const replication::GroupView& next, bool decided) {
  if (decided) watcher_.note_set();
  World& world = cluster_.world;
  if (!begun_ || !faults_.ambushes || watcher_.is_careful() || !world.chance(200)) return;
  const std::string primary = next.primary;
  if (!decided) {
    const std::string other = some_node();
    if (other != primary) cut(primary, other);
    return;
  }
  world.after(Micros(static_cast<std::int64_t>(world.pick(300))), [this, primary] {
    switch (cluster_.world.pick(3)) {
      case 0:
        return watcher_.kill(primary);
      case 1:
        return part(primary, true);
      default:
        if (SimNode* node = cluster_.find(primary)) node->process().stop_for(cluster_.world.delay(300'000us));
    }
  });
}

}  // namespace lmc::sim

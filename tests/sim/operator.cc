#include "operator.h"

#include <algorithm>
#include <vector>

namespace lmc::sim {

void Operator::kill(const std::string& address) {
  if (cluster_.find(address) == nullptr) return;
  bool another = false;
  for (const std::string& other : kNodes) another = another || (other != address && will_hold(other));
  if (!another) return;
  restarted_[address] = cluster_.authorities.view().epoch;
  cluster_.end(address);
  cluster_.world.after(cluster_.world.delay(50'000us), [this, address] { restart(address); });
}

void Operator::restart(const std::string& address) {
  if (cluster_.find(address) != nullptr) return;
  restarted_[address] = cluster_.authorities.view().epoch;
  const std::string primary = cluster_.authorities.view().primary;
  const std::string other = address == kNodes[0] ? kNodes[1] : kNodes[0];
  cluster_.start(address).node().start_backup(primary == address || primary.empty() ? other : primary);
}

bool Operator::holds(const std::string& address) const {
  SimNode* const node = cluster_.find(address);
  if (node == nullptr || !cluster_.authorities.view().has(address)) return false;
  // What the authority agreed to may have been asked before it was restarted.
  if (node->node().role() == replication::Role::kBackup && node->node().applied_version().value == 0) return false;
  const auto restarted = restarted_.find(address);
  const auto since = since_.find(address);
  return restarted == restarted_.end() || (since != since_.end() && restarted->second < since->second);
}

bool Operator::will_hold(const std::string& address) const {
  const std::vector<replication::GroupView>& pending = cluster_.authorities.pending();
  return holds(address) &&
         std::all_of(pending.begin(), pending.end(), [&](const auto& view) { return view.has(address); });
}

void Operator::note_set() {
  const replication::GroupView& view = cluster_.authorities.view();
  for (const std::string& address : kNodes) {
    if (!view.has(address))
      since_.erase(address);
    else
      since_.try_emplace(address, view.epoch);
  }
}

void Operator::look() {
  if (ended_) return;
  cluster_.world.after(5ms, [this] { look(); });
  SimNode* const primary = cluster_.primary();
  const bool works = primary != nullptr && primary->address() == cluster_.authorities.view().primary &&
                     primary->node().role() == replication::Role::kPrimary && !primary->process().stopped() &&
                     !primary->node().suspended();
  missing_ = works ? 0 : missing_ + 1;
  if (works) add_lost(*primary);
  if (missing_ < 20 && !(impatient_ && cluster_.world.chance(15))) return;
  missing_ = 0;
  promote();
}

void Operator::promote() {
  std::vector<std::string> able;
  for (const std::string& address : kNodes)
    if (holds(address) && !cluster_.find(address)->process().stopped()) able.push_back(address);
  if (able.empty()) return;
  cluster_.find(able[cluster_.world.pick(able.size())])->command("promote", [this](const replication::Answer& answer) {
    cluster_.say("promote: " + answer.text);
  });
}

void Operator::add_lost(SimNode& primary) {
  if (!cluster_.world.chance(50)) return;
  for (auto& [address, node] : cluster_.nodes)
    if (node->node().role() == replication::Role::kNone)
      primary.command("add " + address, [](const replication::Answer&) {});
}

}  // namespace lmc::sim

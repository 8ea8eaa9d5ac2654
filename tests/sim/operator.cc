#include "operator.h"

#include <algorithm>
#include <vector>

namespace lmc::sim {

void Operator::kill(const std::string& address) {
  if (!is_careful()) end_process(address);
}

void Operator::end_process(const std::string& address) {
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
  replication::Node& node = cluster_.start(address).node();
  // By its state file a node knows that it was in a group, whatever it is started as.
  if (cluster_.decider() == Decider::kPrimary && cluster_.has_state(address) && cluster_.world.chance(500))
    node.start_primary();
  else
    node.start_backup(primary == address || primary.empty() ? other : primary);
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
  if (!promoted_.empty()) return;
  if (cluster_.decider() == Decider::kPrimary && cluster_.world.chance(200)) return promote_dropped();
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
  if (!promoted_.empty()) return;
  std::vector<std::string> able;
  for (const std::string& address : kNodes)
    if (holds(address) && !cluster_.find(address)->process().stopped()) able.push_back(address);
  if (able.empty()) return;
  tell_to_lead(*cluster_.find(able[cluster_.world.pick(able.size())]));
}

void Operator::promote_dropped() {
  const replication::GroupView& view = cluster_.authorities.view();
  for (auto& [address, node] : cluster_.nodes)
    if (!view.has(address) && node->node().view().has(address) && !node->process().stopped() &&
        may_hear_of_the_set(*node))
      return order(*node);
}

void Operator::tell_to_lead(SimNode& node) {
  if (cluster_.decider() == Decider::kCoordinator || may_lead(node)) order(node);
}

void Operator::order(SimNode& node) {
  if (!promoted_.empty()) return;
  if (cluster_.decider() == Decider::kPrimary) promoted_ = node.address();
  node.command("promote", [this](const replication::Answer& answer) {
    cluster_.say("promote: " + answer.text);
    promoted_.clear();
  });
}

bool Operator::can_be_asked(const std::string& address, SimNode& by) {
  SimNode* const node = cluster_.find(address);
  return node != nullptr && !node->process().stopped() && !cluster_.network.is_cut(address, by.address());
}

bool Operator::is_careful() const {
  if (cluster_.decider() == Decider::kCoordinator) return false;
  const auto leads = [](const auto& each) { return each.second->node().role() == replication::Role::kPrimary; };
  return !promoted_.empty() || std::count_if(cluster_.nodes.begin(), cluster_.nodes.end(), leads) > 1;
}

// Whoever else takes itself for primary is to have ended, unless it will be fenced, or can learn from this node that it
// has been replaced.
bool Operator::may_lead(SimNode& node) {
  for (const std::string& address : kNodes) {
    SimNode* const other = cluster_.find(address);
    if (other == nullptr || other == &node || other->node().role() != replication::Role::kPrimary) continue;
    const bool follows = node.node().view().primary == address;
    if (follows && !cluster_.network.is_cut(address, node.address())) continue;
    end_process(address);
    if (cluster_.find(address) != nullptr) return false;
  }
  return may_know_the_set(node);
}

bool Operator::may_know_the_set(SimNode& node) {
  const replication::GroupView& view = cluster_.authorities.view();
  const std::vector<std::string>& known = node.node().view().in_sync;
  return std::all_of(known.begin(), known.end(), [&](const auto& each) { return view.has(each); }) ||
         may_hear_of_the_set(node);
}

bool Operator::may_hear_of_the_set(SimNode& node) {
  const replication::GroupView& view = cluster_.authorities.view();
  return std::any_of(kNodes.begin(), kNodes.end(), [&](const std::string& address) {
    return can_be_asked(address, node) && cluster_.find(address)->node().view() == view;
  });
}

void Operator::add_lost(SimNode& primary) {
  if (!cluster_.world.chance(50)) return;
  for (auto& [address, node] : cluster_.nodes)
    if (node->node().role() == replication::Role::kNone)
      primary.command("add " + address, [](const replication::Answer&) {});
}

}  // namespace lmc::sim

#include "replication/engine/takeover.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "replication/deliberate_bugs.h"

namespace lmc::replication {

std::string describe_position(bool has_copy, const Position& position) {
  return (has_copy ? "copy " : "nothing ") + std::to_string(position.epoch.value) + " " +
         std::to_string(position.sequence.value);
}

std::string describe_fenced(const FencedNode& node) {
  return describe_position(node.has_copy, node.position) + " " + describe_view(node.view);
}

std::optional<FencedNode> parse_fenced(const std::string& text) {
  std::istringstream words(text);
  std::string what;
  FencedNode node;
  if (!(words >> what >> node.position.epoch.value >> node.position.sequence.value)) return std::nullopt;
  if (what != "copy" && what != "nothing") return std::nullopt;
  node.has_copy = what == "copy";
  std::string rest;
  std::getline(words, rest);
  const std::optional<GroupView> view = parse_view(rest);
  if (!view) return std::nullopt;
  node.view = *view;
  return node;
}

Takeover::Takeover(const Surroundings& around, Epoch epoch, GroupView old, TimePoint old_primary_until, Done done)
    : around_(around),
      epoch_(epoch),
      old_(std::move(old)),
      old_primary_until_(old_primary_until),
      done_(std::move(done)),
      lease_over_(around.reactor.timer([this] { check(); })) {}

void Takeover::begin() {
  old_primary_until_ = std::max(old_primary_until_, around_.reactor.now());
  std::vector<std::string> others = old_.in_sync;
  others.push_back(old_.primary);
  std::erase(others, around_.settings.address);
  std::erase(others, std::string());
  if (deliberately(Bug::kTakeoverWithoutFence)) others.clear();
  for (const std::string& address : others) {
    ++awaited_;
    errands_.push_back(std::make_unique<Errand>(
        around_.reactor, around_.peers, address, "fence " + std::to_string(epoch_.value), around_.settings.lease.term,
        [this, address](const std::optional<Answer>& answer, std::string_view why) {
          on_answer(address, answer, why);
        }));
  }
  lease_over_->set({});
}

void Takeover::on_answer(const std::string& address, const std::optional<Answer>& answer, std::string_view why_none) {
  --awaited_;
  std::optional<FencedNode> node = answer && answer->ok ? parse_fenced(answer->text) : std::nullopt;
  if (node) {
    node->address = address;
    if (address == old_.primary) old_primary_until_ = around_.reactor.now();
    fenced_.push_back(*node);
  } else {
    backup_unfenced_ = backup_unfenced_ || address != old_.primary;
    const std::string unfenced = address + " is not fenced: " + (answer ? answer->text : std::string(why_none));
    if (answer) refused_ = unfenced;
    around_.say(unfenced);
  }
  check();
}

void Takeover::check() {
  const TimePoint now = around_.reactor.now();
  if (awaited_ != 0 || !done_) return;
  const TimePoint until = old_primary_until_ + (backup_unfenced_ ? around_.settings.lease.term : Duration{});
  if (refused_.empty() && until > now && !deliberately(Bug::kTakeoverWithoutPatience)) {
    return lease_over_->set(to_microseconds(until - now) + std::chrono::microseconds(1));
  }
  std::exchange(done_, nullptr)(std::move(fenced_), refused_);
}

}  // namespace lmc::replication

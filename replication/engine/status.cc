#include "replication/engine/status.h"

#include <algorithm>

#include "replication/engine/messages.h"
#include "replication/engine/node.h"

namespace lmc::replication {

namespace {

std::string_view name_of(Member::State state) {
  constexpr std::string_view kNames[] = {"copying", "indexing", "catching_up", "in_sync", "lost"};
  return kNames[static_cast<unsigned>(state)];
}

std::string_view name_of(Standby::State state) {
  constexpr std::string_view kNames[] = {"seeking", "joining", "inventory", "copying", "indexing", "following"};
  return kNames[static_cast<unsigned>(state)];
}

class Lines {
 public:
  explicit Lines(StatusLines& out, std::string prefix = "") : out_(out), prefix_(std::move(prefix)) {}
  void add(std::string_view key, std::string value) { out_.emplace_back(prefix_ + std::string(key), std::move(value)); }
  void add(std::string_view key, std::string_view value) { add(key, std::string(value)); }
  void add(std::string_view key, const char* value) { add(key, std::string(value)); }
  void add(std::string_view key, std::uint64_t value) { add(key, std::to_string(value)); }

 private:
  StatusLines& out_;
  std::string prefix_;
};

void add_member(StatusLines& out, const Leader& leader, const Member& member) {
  Lines lines(out, "backup:" + member.address() + ":");
  const Shipper& shipper = member.shipper();
  const ShipCounters& counters = shipper.counters();
  lines.add("state", name_of(member.state()));
  lines.add("link", member.up() ? "up" : "down");
  lines.add("sent", shipper.posted().value);
  lines.add("received", shipper.landed().value);
  lines.add("applied", shipper.applied().value);
  lines.add("applied_version", member.reports().received().version.value);
  lines.add("lag_entries", leader.ledger().last().value - std::min(leader.ledger().last(), shipper.applied()).value);
  lines.add("lag_versions",
            leader.told().version.value - std::min(leader.told().version, member.reports().received().version).value);
  lines.add("lag_us", leader.lag_us(member));
  lines.add("lag_bytes", shipper.unlanded_bytes());
  lines.add("batches", counters.batches);
  lines.add("reports", counters.reports);
  lines.add("work_requests", counters.writes);
  lines.add("doorbells", counters.batches + counters.reports + member.copy().chains());
  lines.add("bytes", counters.bytes);
  lines.add("entries", counters.entries);
  lines.add("copy_sent_bytes", member.copy().sent_bytes());
  lines.add("copy_left_bytes", member.copy().left_bytes());
  lines.add("copy_skipped_bytes", member.copy().skipped_bytes());
  lines.add("copy_slows_writes", member.slows_writes() ? "yes" : "no");
}

void add_leader(StatusLines& out, const Leader& leader) {
  Lines lines(out);
  lines.add("ledger_sequence", leader.ledger().last().value);
  lines.add("announced_version", leader.told().version.value);
  lines.add("committed_version", leader.committed().value);
  lines.add("announcements", leader.counters().announcements);
  lines.add("ring_waits", leader.counters().ring_waits);
  lines.add("backups_lost", leader.counters().members_lost);
  lines.add("copy_pause_us", static_cast<std::uint64_t>(leader.copy_pause().count()));
  for (const auto& member : leader.members()) add_member(out, leader, *member);
  std::size_t number = 0;
  for (const std::string& event : leader.history()) lines.add("history:" + std::to_string(number++), event);
}

void add_standby(StatusLines& out, const Node& node, const Standby& standby) {
  Lines lines(out);
  lines.add("session", name_of(standby.state()));
  lines.add("session_primary", standby.primary());
  lines.add("session_last_end", or_none(standby.last_cause()));
  lines.add("ledger_sequence", node.position().sequence.value);
  lines.add("applied_version", node.applied_version().value);
  lines.add("committed_version", std::min(node.committed(), node.applied_version()).value);
  const Copying& copying = standby.copying();
  lines.add("copy_received_bytes", copying.sent_bytes);
  lines.add("copy_left_bytes", copying.left_bytes);
  lines.add("copy_bytes_per_second", standby.copy_rate());
  lines.add("copy_seconds_left", standby.copy_rate() == 0 ? 0 : copying.left_bytes / standby.copy_rate());
}

}  // namespace

StatusLines status_of(const Node& node) {
  StatusLines out;
  Lines lines(out);
  lines.add("role", name_of(node.role()));
  lines.add("address", node.settings().address);
  lines.add("fabric", node.fabric_name());
  constexpr std::string_view kAcks[] = {"none", "one", "all"};
  lines.add("ack", kAcks[static_cast<unsigned>(node.settings().ack)]);
  lines.add("epoch", node.seen().value);
  lines.add("primary", or_none(node.view().primary));
  lines.add("in_sync", joined(node.view().in_sync));
  constexpr std::string_view kServices[] = {"nothing", "reads", "all"};
  lines.add("serves", kServices[static_cast<unsigned>(node.serving().service())]);
  lines.add("serving_suspended", node.suspended() ? "yes" : "no");
  for (const auto& [address, why] : node.refusals()) lines.add("does_not_follow:" + address, why);
  if (node.leader() != nullptr) add_leader(out, *node.leader());
  if (node.standby() != nullptr) add_standby(out, node, *node.standby());
  return out;
}

std::string describe_status(const Node& node) {
  std::string text;
  for (const auto& [key, value] : status_of(node)) text += key + " " + value + "\n";
  return text;
}

std::string explain_difference(const Geometry& primary, const Geometry& backup, std::size_t primary_slots,
                               std::size_t backup_slots) {
  std::string text;
  const auto compare = [&](std::string_view what, std::uint64_t of_primary, std::uint64_t of_backup) {
    if (of_primary == of_backup) return;
    text += (text.empty() ? "" : "; ") + std::string(what) + " " + std::to_string(of_backup) + " at the backup, " +
            std::to_string(of_primary) + " at the primary";
  };
  compare("store format", primary.format, backup.format);
  compare("bytes of memory (-m)", primary.log_bytes, backup.log_bytes);
  compare("bytes of a segment", primary.segment_bytes, backup.segment_bytes);
  compare("largest item (-I)", primary.max_item_bytes, backup.max_item_bytes);
  compare("ledger places", primary_slots, backup_slots);
  return "its memory is not like the primary's: " + text;
}

}  // namespace lmc::replication

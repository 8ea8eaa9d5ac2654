#include "replication/engine/status.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

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

std::string per(std::uint64_t total, std::uint64_t count) {
  std::array<char, 32> text;
  const int size = std::snprintf(text.data(), text.size(), "%.1f",
                                 count == 0 ? 0.0 : static_cast<double>(total) / static_cast<double>(count));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::uint64_t behind(std::uint64_t all, std::uint64_t some) {
  return all - std::min(all, some);
}

void add_progress(Lines& lines, const Leader& leader, const Member& member) {
  const Shipper& shipper = member.shipper();
  const Ledger& ledger = leader.ledger();
  const std::uint64_t applied = member.reports().received().version.value;
  const std::uint64_t received = std::max(ledger.told_up_to(shipper.landed()).version.value, applied);
  lines.add("sent_version", std::max(ledger.told_up_to(shipper.posted()).version.value, received));
  lines.add("received_version", received);
  lines.add("applied_version", applied);
  lines.add("committed_version", std::min(leader.committed().value, received));
  lines.add("sent_entry", shipper.posted().value);
  lines.add("received_entry", shipper.landed().value);
  lines.add("applied_entry", shipper.applied().value);
  lines.add("lag_entries", behind(ledger.last().value, shipper.applied().value));
  lines.add("lag_versions", behind(leader.told().version.value, applied));
  lines.add("lag_bytes",
            behind(ledger.told_up_to(ledger.last()).log_bytes, ledger.told_up_to(shipper.applied()).log_bytes));
  lines.add("lag_us", leader.lag_us(member));
}

void add_shipping(Lines& lines, const ShipCounters& counters) {
  lines.add("batches", counters.batches);
  lines.add("reports", counters.reports);
  lines.add("doorbells", counters.batches + counters.reports);
  lines.add("work_requests", counters.writes);
  lines.add("bytes", counters.bytes);
  lines.add("records", counters.versions);
  lines.add("entries", counters.entries);
  lines.add("bytes_per_batch", per(counters.bytes, counters.batches));
  lines.add("records_per_batch", per(counters.versions, counters.batches));
  lines.add("waits", counters.waits);
}

void add_rate(Lines& lines, std::uint64_t rate, std::uint64_t left) {
  lines.add("copy_bytes_per_second", rate);
  lines.add("copy_seconds_left", rate == 0 ? 0 : left / rate);
}

void add_member(StatusLines& out, const Leader& leader, const Member& member) {
  Lines lines(out, "backup:" + member.address() + ":");
  lines.add("state", name_of(member.state()));
  lines.add("link", member.up() ? "up" : "down");
  if (member.has_copy()) add_progress(lines, leader, member);
  add_shipping(lines, member.shipper().counters());
  const CopySender& copy = member.copy();
  lines.add("copy_sent_bytes", copy.sent_bytes());
  lines.add("copy_left_bytes", copy.left_bytes());
  lines.add("copy_skipped_bytes", copy.skipped_bytes());
  add_rate(lines, member.copy_rate(), copy.left_bytes());
  lines.add("copy_doorbells", copy.chains());
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
}

void add_fabric(StatusLines& out, const FabricCounters& counters) {
  Lines lines(out, "fabric_");
  lines.add("chains", counters.chains);
  lines.add("bytes", counters.bytes);
  lines.add("doorbells", counters.doorbells);
  lines.add("work_requests", counters.work_requests);
  lines.add("acknowledgements", counters.acknowledgements);
  lines.add("reads", counters.reads);
  lines.add("waits", counters.waits);
}

void add_history(StatusLines& out, const Node& node) {
  Lines lines(out);
  std::size_t number = 0;
  for (const History::Event& event : node.history().events()) {
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(node.now() - event.at);
    lines.add("history:" + std::to_string(number++),
              per(static_cast<std::uint64_t>(ago.count()), 1000) + " s ago: " + event.text);
  }
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
  add_rate(lines, standby.copy_rate(), copying.left_bytes);
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
  add_fabric(out, node.fabric_counters());
  add_history(out, node);
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

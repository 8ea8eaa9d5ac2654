#include "replication/engine/shipper.h"

#include <algorithm>

#include "replication/deliberate_bugs.h"
#include "replication/engine/report.h"

namespace lmc::replication {

namespace {
// Writes kept for the entries (two where the ring ends) and the report.
constexpr std::size_t kLogWrites = kMaxChainWrites - 3;
constexpr std::size_t kLogBytes = kMaxChainBytes - Shipper::kMostEntries * kEntryBytes - kReportBytes;

bool announces_bytes(const Entry& entry) {
  return entry.kind == EntryKind::kOpened || entry.kind == EntryKind::kAppended;
}
}  // namespace

void Shipper::begin(Sequence from) {
  posted_ = landed_ = applied_ = from;
  sent_of_next_ = 0;
}

Sequence Shipper::end_of_news() const {
  return std::min({ledger_.last(), limit_, Sequence{applied_.value + ledger_.ring().slots()}});
}

bool Shipper::add_log_bytes(const Entry& entry, std::size_t& room) {
  const std::uint64_t offset = entry.segment * segment_bytes_ + entry.from + sent_of_next_;
  const std::size_t wanted = entry.to - entry.from - sent_of_next_;
  if (wanted == 0) return true;
  const std::size_t size = std::min(wanted, room);
  if (size == 0) return false;
  const bool goes_on = !chain_.empty() && chain_.back().offset + chain_.back().bytes.size() == offset;
  if (!goes_on && chain_.size() == kLogWrites) return false;
  if (goes_on)
    chain_.back().bytes = {chain_.back().bytes.data(), chain_.back().bytes.size() + size};
  else
    chain_.push_back({Region::kLog, offset, {log_.data() + offset, size}});
  room -= size;
  counters_.bytes += size;
  if (size == wanted) return true;
  sent_of_next_ += static_cast<std::uint32_t>(size);
  return false;
}

Sequence Shipper::gather() {
  const Sequence end = std::min(end_of_news(), Sequence{posted_.value + kMostEntries});
  std::size_t room = kLogBytes;
  Sequence last = posted_;
  while (last < end) {
    const Sequence next{last.value + 1};
    const std::optional<StoredEntry> stored = ledger_.ring().find(next);
    if (stored && announces_bytes(stored->entry) && !add_log_bytes(stored->entry, room)) break;
    sent_of_next_ = 0;
    last = next;
  }
  return last;
}

void Shipper::add_entries(Sequence first, Sequence last) {
  const LedgerRing& ring = ledger_.ring();
  while (first <= last) {
    const std::uint64_t offset = ring.offset_of(first);
    const std::uint64_t count = std::min(last.value - first.value + 1, (ring.memory().size() - offset) / kEntryBytes);
    chain_.push_back({Region::kLedger, offset, {ring.memory().data() + offset, count * kEntryBytes}});
    first.value += count;
  }
}

void Shipper::wait_if_news() {
  if (waiting_ || !has_news()) return;
  waiting_ = true;
  ++counters_.waits;
}

void Shipper::post(Link& link, std::string_view report, TimePoint now) {
  chain_.clear();
  waiting_ = false;
  const std::uint64_t bytes_before = counters_.bytes;
  const Sequence last = gather();
  const auto log_writes = static_cast<std::ptrdiff_t>(chain_.size());
  add_entries({posted_.value + 1}, last);
  if (deliberately(Bug::kEntriesBeforeBytes)) std::rotate(chain_.begin(), chain_.begin() + log_writes, chain_.end());
  const std::optional<TimePoint> batch_posted = chain_.empty() ? std::nullopt : std::optional(now);
  ++(batch_posted ? counters_.batches : counters_.reports);
  if (!report.empty()) {
    chain_.push_back({Region::kProgress, 0, report});
    ++reports_in_flight_;
  }
  counters_.entries += last.value - posted_.value;
  counters_.versions += ledger_.told_up_to(last).version.value - ledger_.told_up_to(posted_).version.value;
  counters_.writes += chain_.size();
  posted_ = last;
  in_flight_.push_back({last, !report.empty(), counters_.bytes - bytes_before, batch_posted});
  link.post(chain_);
}

std::uint64_t Shipper::unlanded_bytes() const {
  std::uint64_t bytes = 0;
  for (const InFlight& chain : in_flight_) bytes += chain.bytes;
  return bytes;
}

std::optional<Duration> Shipper::on_completed(std::size_t chains, TimePoint now) {
  std::optional<Duration> took;
  for (; chains != 0 && !in_flight_.empty(); --chains) {
    landed_ = std::max(landed_, in_flight_.front().last);
    if (in_flight_.front().report) --reports_in_flight_;
    if (in_flight_.front().batch_posted) took = now - *in_flight_.front().batch_posted;
    in_flight_.pop_front();
  }
  return took;
}

}  // namespace lmc::replication

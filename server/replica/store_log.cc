#include "server/replica/store_log.h"

#include <utility>

#include "replication/deliberate_bugs.h"
#include "replication/fabric/reads_as_a_card.h"
#include "server/store/follower.h"
#include "server/store/record.h"

namespace lmc::replica {

namespace {

using replication::Entry;
using replication::EntryKind;
using replication::SegmentState;
using store::Change;
using store::ChangeKind;

constexpr unsigned kScanBuckets = 64;

static_assert(static_cast<int>(ChangeKind::kOpened) == static_cast<int>(EntryKind::kOpened) &&
              static_cast<int>(ChangeKind::kAppended) == static_cast<int>(EntryKind::kAppended) &&
              static_cast<int>(ChangeKind::kSealed) == static_cast<int>(EntryKind::kSealed) &&
              static_cast<int>(ChangeKind::kEvicted) == static_cast<int>(EntryKind::kEvicted) &&
              static_cast<int>(ChangeKind::kRetired) == static_cast<int>(EntryKind::kRetired));

Entry entry_of(const Change& change) {
  Entry entry;
  entry.kind = static_cast<EntryKind>(change.kind);
  entry.stream = static_cast<std::uint8_t>(change.stream);
  entry.segment = change.segment.value;
  entry.from = change.from;
  entry.to = change.to;
  entry.seconds = change.opened.value;
  entry.number = change.sequence;
  return entry;
}

Change change_of(const Entry& entry) {
  Change change;
  change.kind = static_cast<ChangeKind>(entry.kind);
  change.stream = static_cast<store::Stream>(entry.stream);
  change.segment = {entry.segment};
  change.from = entry.from;
  change.to = entry.to;
  change.sequence = entry.number;
  change.opened = {entry.seconds};
  return change;
}

SegmentState state_of(const store::AnnouncedSegment& segment) {
  return {segment.segment.value, static_cast<std::uint8_t>(segment.stream),
          segment.sealed,        segment.used_bytes,
          segment.evicted_bytes, segment.sequence,
          segment.opened.value};
}

store::AnnouncedSegment announced_of(const SegmentState& state) {
  store::AnnouncedSegment segment;
  segment.segment = {state.segment};
  segment.stream = static_cast<store::Stream>(state.stream);
  segment.sealed = state.sealed;
  segment.used_bytes = state.used;
  segment.evicted_bytes = state.evicted;
  segment.sequence = state.sequence;
  segment.opened = {state.opened};
  return segment;
}

store::LogHead head_of(const replication::Head& head) {
  return {{head.version.value}, {head.flush_version.value}, {head.flush_at}};
}

std::vector<SegmentState> states_of(const std::vector<store::AnnouncedSegment>& segments) {
  std::vector<SegmentState> states;
  states.reserve(segments.size());
  for (const store::AnnouncedSegment& segment : segments) states.push_back(state_of(segment));
  return states;
}

replication::Geometry geometry_of(const store::Store& store) {
  const store::StoreSummary summary = store.summary();
  return {store.log_memory().size(), static_cast<std::uint32_t>(summary.segment_bytes), store::kFormatVersion,
          summary.max_item_bytes};
}

}  // namespace

StoreLog::StoreLog(store::Store& store, std::function<store::UnixSeconds()> now)
    : store_(store), geometry_(geometry_of(store)), now_(std::move(now)), session_(store) {}

std::span<char> StoreLog::memory() const {
  return store_.log_memory();
}

replication::Version StoreLog::version() const {
  return {store_.last_version().value};
}

void StoreLog::lead(std::function<void()> room_wanted) {
  follower_ = nullptr;
  store_.begin_announcing(std::move(room_wanted));
}

replication::Head StoreLog::announce(std::size_t most, std::vector<Entry>& out) {
  changes_.clear();
  const store::LogHead head = store_.announce(most, changes_);
  for (const Change& change : changes_) out.push_back(entry_of(change));
  return {{head.version.value}, {head.flush_version.value}, head.flush_at.value};
}

void StoreLog::describe(std::vector<SegmentState>& out) const {
  std::vector<store::AnnouncedSegment> segments;
  store_.describe(segments);
  out = states_of(segments);
}

class StoreLog::Scan final : public replication::LivingScan {
 public:
  explicit Scan(StoreLog& log) : log_(log), scan_(log.session_) {}

  [[nodiscard]] bool next(std::size_t about, std::vector<replication::LivingItem>& out) override {
    const std::size_t enough = out.size() + about;
    log_.session_.begin_turn(log_.now_());
    while (out.size() < enough && !scan_.done())
      scan_.step(kScanBuckets, [&out](const store::ItemView& item) {
        out.push_back({item.address().offset, item.expiry().value, item.stale(), item.win_sent()});
      });
    log_.session_.end_turn();
    return scan_.done();
  }

 private:
  StoreLog& log_;
  store::Session::Scan scan_;
};

std::unique_ptr<replication::LivingScan> StoreLog::scan_living() {
  return std::make_unique<Scan>(*this);
}

void StoreLog::set_followers_past(std::uint64_t retirement) {
  store_.set_followers_past(retirement);
}

replication::Extent StoreLog::told() const {
  return {store_.told().ends};
}

void StoreLog::set_landed(const replication::Extent& extent) {
  store_.set_landed({extent.ends});
}

void StoreLog::follow() {
  store_.end_announcing();
  follower_ = &store_.follow();
}

StoreLog::Refusal StoreLog::begin(std::span<const SegmentState> segments, const replication::Head& head) {
  if (follower_ == nullptr) return "a copy of a log that does not follow";
  std::vector<store::AnnouncedSegment> announced;
  announced.reserve(segments.size());
  for (const SegmentState& segment : segments) announced.push_back(announced_of(segment));
  head_ = head;
  return follower_->begin(announced, head_of(head));
}

StoreLog::Refusal StoreLog::apply(const Entry& entry) {
  return follower_->apply(change_of(entry));
}

StoreLog::Refusal StoreLog::add_living(std::span<const replication::LivingItem> items, bool last) {
  for (const replication::LivingItem& item : items) {
    store::LivingItem living{{item.address}, {item.expiry}, item.stale, item.win_sent};
    if (replication::deliberately(replication::Bug::kLivingWithoutWords)) {
      const auto& record = *reinterpret_cast<const store::RecordHeader*>(memory().data() + item.address);
      living.expiry = record.expiry();
      living.stale = record.access().stale;
      living.win_sent = record.access().win_sent;
    }
    follower_->add_living(living);
  }
  if (last) follower_->end_living();
  return follower_->set_head(head_of(head_));
}

StoreLog::Refusal StoreLog::set_head(const replication::Head& head) {
  head_ = head;
  return follower_->set_head(head_of(head));
}

bool StoreLog::is_prepared(const Entry& entry) const {
  return follower_->is_prepared(change_of(entry));
}

bool StoreLog::is_prepared(const replication::Head& head) const {
  return follower_->is_prepared(head_of(head));
}

StoreLog::Refusal StoreLog::prepare() {
  return follower_->prepare();
}

std::uint64_t StoreLog::readers_past() {
  return follower_ == nullptr ? 0 : follower_->readers_past();
}

void StoreLog::inventory(std::vector<SegmentState>& out) const {
  std::vector<store::AnnouncedSegment> segments;
  store_.inventory(segments);
  out = states_of(segments);
}

replication::Digest StoreLog::digest(std::uint32_t segment, std::uint32_t used) const {
  if (segment >= geometry_.log_bytes / geometry_.segment_bytes) return {};
  const replication::ReadsAsACardWould reads;
  return store_.digest({segment}, used);
}

}  // namespace lmc::replica

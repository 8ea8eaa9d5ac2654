#include "replication/engine/member.h"

#include <algorithm>

#include "replication/deliberate_bugs.h"

namespace lmc::replication {

namespace {
constexpr std::size_t kLivingPart = kListBytes / sizeof(LivingItem);
constexpr std::size_t kSegmentsPart = kListBytes / 32;
constexpr std::uint64_t kCaughtUpEntries = 256;  // fewer are as good as none: they are on their way
constexpr std::uint64_t kLastRoundShare = 16;    // of the log; with less to send a round may be the last
constexpr std::uint64_t kLastRoundBytes = 8 << 20;
constexpr std::uint64_t kHeldSegments = 4;       // the same while writes wait for the copy
constexpr std::uint64_t kChainsPerCopying = 64;  // between two words about how the copy goes on

std::uint64_t microseconds(Duration duration) {
  return static_cast<std::uint64_t>(to_microseconds(duration).count());
}
}  // namespace

Member::Member(const Surroundings& around, MemberOwner& owner, const Ledger& ledger, std::unique_ptr<Peer> control,
               const Join& join)
    : around_(around),
      owner_(owner),
      ledger_(ledger),
      control_(std::move(control)),
      address_(join.address),
      join_(join),
      reports_(around.settings.lease),
      shipper_(ledger, around.log.memory(), around.log.geometry().segment_bytes),
      copy_(around.log, around.settings.bulk_chunk_bytes),
      backpressure_(around.log.geometry().segment_bytes),
      go_on_(around.reactor.timer([this] { go_on_copying(); })) {
  control_->observe(*this);
  patience_ = around_.reactor.now() + around_.settings.lease.linking();
}

Member::~Member() = default;

void Member::welcome(bool copy, bool in_sync) {
  Welcome welcome;
  welcome.copy = copy;
  welcome.foreground = around_.draw_ticket();
  welcome.lease_us = microseconds(around_.settings.lease.term);
  welcome.beat_us = microseconds(around_.settings.lease.beat);
  welcome.view = owner_.view();
  LinkPlan plan{welcome.foreground, Traffic::kForeground, {}};
  plan.exposed[static_cast<unsigned>(Region::kProgress)] = reports_.exposed();
  foreground_ = around_.fabric.accept(plan, foreground_lane_);
  if (copy) {
    state_ = State::kCopying;
    copying_since_ = around_.reactor.now();
    shipper_.hold_at({});
    welcome.bulk = around_.draw_ticket();
    bulk_ = around_.fabric.accept({welcome.bulk, Traffic::kBulk, {}}, bulk_lane_);
    bulk_patience_ = around_.reactor.now() + around_.settings.lease.linking();
  } else {
    state_ = in_sync ? State::kInSync : State::kCatchingUp;
    shipper_.begin(join_.position.sequence);
  }
  send(encode_message(welcome));
}

std::optional<Sequence> Member::needs_after() const {
  if (state_ == State::kCopying) return last_round_ ? std::optional(copied_to_.sequence) : std::nullopt;
  if (state_ == State::kLost) return std::nullopt;
  return std::min(shipper_.applied(), shipper_.landed());
}

std::optional<Sequence> Member::readers_past() const {
  if (state_ == State::kCopying) return last_round_ ? std::optional(copied_to_.sequence) : std::nullopt;
  if (state_ == State::kLost) return std::nullopt;
  return std::max(reports_.received().readers_past, copied_to_.sequence);
}

std::uint64_t Member::copy_rate() const {
  return state_ == State::kCopying ? per_second(landed_copy_, around_.reactor.now() - copying_since_) : 0;
}

std::uint64_t Member::may_reuse() const {
  return state_ == State::kCopying ? backpressure_.may_reuse(landed_copy_) : JoinBackpressure::kNoLimit;
}

void Member::on_reused(std::uint64_t segments) {
  backpressure_.on_reused(segments);
}

Report Member::report() const {
  Report report;
  report.epoch = ledger_.epoch();
  report.applied = ledger_.last();
  report.version = owner_.committed();
  return report;
}

void Member::pump(bool say_commit) {
  says_commit_ = say_commit || (says_commit_ && !deliberately(Bug::kForgottenCommit));
  if (!up_) return;
  while (shipper_.may_post()) {
    const bool news = shipper_.has_news();
    const TimePoint now = around_.reactor.now();
    reports_.set_echoing(owner_.may_serve(now) || deliberately(Bug::kBorrowedLease));
    const bool wants_report = !shipper_.report_in_flight() && (says_commit_ || reports_.due(now));
    if (!news && !wants_report) return;
    if (wants_report) says_commit_ = false;
    shipper_.post(*foreground_, wants_report ? reports_.next(report(), now) : std::string_view{}, now);
  }
  shipper_.wait_if_news();
}

void Member::tick() {
  if (state_ == State::kLost) return;
  if (lost_link_) return lose(std::string(*lost_link_), false);
  if (around_.reactor.now() > std::max(reports_.lease().given_until(), patience_))
    return lose(up_ ? "nothing heard of it for too long" : "it does not make the link it was offered", false);
  if (state_ == State::kCopying && !bulk_up_ && around_.reactor.now() > bulk_patience_)
    return lose("it does not make the bulk link it was offered", false);
  pump(false);
}

void Member::on_link_up(bool bulk) {
  (bulk ? bulk_up_ : up_) = true;
  if (bulk) return go_on_copying();
  patience_ = around_.reactor.now() + around_.settings.lease.term;
  pump(true);
  go_on_copying();
}

// If the backup's process has ended, the control connection says so in a moment, which is worth more: see tick().
void Member::on_link_down(bool bulk, std::string_view cause) {
  if (bulk) return lose(cause, false);
  up_ = false;
  lost_link_ = cause;
}

void Member::on_completed(bool bulk, std::size_t chains) {
  if (bulk) {
    bulk_in_flight_ -= std::min(chains, bulk_in_flight_);
    landed_copy_ = copy_.sent_bytes();
    go_on_->set(owner_.pacer().next_pause());
    return owner_.on_progress(*this);
  }
  if (const auto took = shipper_.on_completed(chains, around_.reactor.now()))
    owner_.pacer().on_landed(*took, owner_.copying());
  owner_.on_progress(*this);
  if (state_ == State::kLost) return;
  check_caught_up();
  owner_.on_batch_landed();
}

void Member::on_arrival() {
  const std::optional<Report> report = reports_.receive(around_.reactor.now());
  if (!report) return;
  if (report->epoch > ledger_.epoch()) return owner_.on_deposed(report->epoch);
  if (report->applied > shipper_.posted() || report->readers_past > report->applied) {
    if (state_ != State::kCopying) return lose("it reports what it cannot have", false);
    return;
  }
  shipper_.on_applied(report->applied);
  owner_.on_progress(*this);
  if (state_ == State::kLost) return;
  check_caught_up();
  pump(false);
}

// --- the copy ---

void Member::on_inventory(const Inventory& inventory) {
  if (state_ != State::kCopying || inventory_known_) return lose("an inventory that nobody asked for", false);
  copy_.know(inventory.segments);
  if (!inventory.last) return;
  inventory_known_ = true;
  begin_round();
  go_on_copying();
}

void Member::begin_round() {
  owner_.collect_for(*this);
  copy_.begin_round();
  copied_to_ = ledger_.end();
  copied_head_ = owner_.head();
  if (!deliberately(Bug::kEndlessCopy) && backpressure_.on_round(copy_.left_bytes(), landed_copy_))
    around_.say(address_ + ": its copy does not gain on the writes; from now on they wait for it");
  const std::uint64_t most = backpressure_.on()
                                 ? kHeldSegments * around_.log.geometry().segment_bytes
                                 : std::max(around_.log.memory().size() / kLastRoundShare, kLastRoundBytes);
  last_round_ = copy_.left_bytes() <= most;
  room_held_until_ = around_.reactor.now() + around_.settings.lease.term;
}

void Member::copy_again() {
  if (state_ != State::kCopying) return lose("the ledger has gone on without it", false);
  last_round_ = false;
}

void Member::yield_room() {
  if (state_ != State::kCopying || !last_round_) return;
  if (!backpressure_.on() || around_.reactor.now() >= room_held_until_) copy_again();
}

void Member::go_on_copying() {
  if (state_ != State::kCopying || !inventory_known_ || !bulk_up_ || bulk_in_flight_ != 0) return;
  if (!copy_.round_sent()) {
    if (copy_.chains() % kChainsPerCopying == 0) send(encode_message(Copying{copy_.sent_bytes(), copy_.left_bytes()}));
    if (state_ != State::kCopying) return;
    if (copy_.post_some(*bulk_))
      ++bulk_in_flight_;
    else
      go_on_->set(owner_.pacer().next_pause());
    return;
  }
  send(encode_message(Copying{copy_.sent_bytes(), copy_.left_bytes()}));
  if (state_ != State::kCopying) return;
  if (last_round_ && up_) return begin_indexing();
  if (last_round_) return;
  begin_round();
  go_on_->set({});
}

void Member::begin_indexing() {
  const std::vector<SegmentState>& all = copy_.segments();
  for (std::size_t at = 0; at < all.size(); at += kSegmentsPart) {
    const auto part = all.begin() + static_cast<std::ptrdiff_t>(at);
    send(
        encode_message(Segments{{part, part + static_cast<std::ptrdiff_t>(std::min(kSegmentsPart, all.size() - at))}}));
  }
  if (deliberately(Bug::kCopyWithoutFence)) {
    copied_to_ = ledger_.end();
    copied_head_ = owner_.head();
  }
  send(encode_message(Begin{copied_to_, copied_head_}));
  if (state_ == State::kLost) return;
  state_ = State::kIndexing;
  bulk_->close();
  around_.graveyard.bury(std::move(bulk_));
  shipper_.begin(copied_to_.sequence);
  scan_ = around_.log.scan_living();
  send_living();
}

void Member::send_living() {
  owner_.collect_for(*this);
  if (state_ != State::kIndexing) return;
  living_.clear();
  living_done_ = scan_->next(kLivingPart, living_);
  living_version_ = around_.log.version();
  part_at_ = ledger_.last();
  shipper_.hold_at(part_at_);
  send(encode_message(Living{part_at_, living_done_, living_}));
  pump(false);
}

void Member::on_living_added(const LivingAdded& added) {
  if (state_ != State::kIndexing || added.at != part_at_) return lose("an answer to what was not asked", false);
  if (!living_done_) return send_living();
  scan_.reset();
  shipper_.release();
  state_ = State::kCatchingUp;
  pump(false);
  check_caught_up();
}

void Member::check_caught_up() {
  if (state_ != State::kCatchingUp || !up_) return;
  if (reports_.lease().held_until() <= around_.reactor.now()) return;
  if (owner_.head().version < living_version_) return;
  if (ledger_.last().value - shipper_.landed().value <= kCaughtUpEntries) owner_.on_caught_up(*this);
}

void Member::set_in_sync() {
  state_ = State::kInSync;
}

// It may have come back while it was decided that it is gone.
void Member::leave_set() {
  state_ = State::kCatchingUp;
}

// --- control ---

void Member::tell(const GroupView& view) {
  send(encode_message(View{view}));
}

void Member::send(const std::string& message) {
  if (state_ != State::kLost && !control_->send(message)) lose("it does not read what it is told", false);
}

void Member::on_message(std::string_view message) {
  switch (kind_of(message)) {
    case MessageKind::kInventory:
      if (const auto inventory = decode_message<Inventory>(message)) return on_inventory(*inventory);
      break;
    case MessageKind::kLivingAdded:
      if (const auto added = decode_message<LivingAdded>(message)) return on_living_added(*added);
      break;
    default:
      break;
  }
  lose("a message that makes no sense", false);
}

void Member::on_down(std::string_view cause, bool by_peer) {
  lose(cause, by_peer);
}

void Member::lose(std::string_view cause, bool ended) {
  if (state_ != State::kLost) owner_.on_lost(*this, cause, ended);
}

void Member::end() {
  state_ = State::kLost;
  up_ = bulk_up_ = false;
  control_->close();
  if (foreground_) foreground_->close();
  if (bulk_) bulk_->close();
  go_on_->cancel();
  scan_.reset();
}

}  // namespace lmc::replication

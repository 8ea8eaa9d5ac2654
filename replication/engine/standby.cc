#include "replication/engine/standby.h"

#include <algorithm>

#include "replication/deliberate_bugs.h"

namespace lmc::replication {

namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(20);
constexpr Duration kLongestPause = std::chrono::seconds(2);
constexpr std::chrono::microseconds kReaderCheck{1000};                 // while the primary may wait for readers here
constexpr std::uint64_t kInventoryStepBytes = std::uint64_t{16} << 20;  // digested at a time
constexpr std::size_t kInventoryPart = kListBytes / 32;
constexpr Duration kProgressEvery = std::chrono::seconds(2);  // in the log
constexpr Duration kCauseEvery = std::chrono::minutes(1);     // if it stays the same

std::string megabytes(std::uint64_t bytes) {
  const std::uint64_t tenths = bytes / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

// Nothing: no primary has such times.
std::optional<LeaseTimes> times_of(const Welcome& welcome) {
  constexpr auto kMostUs = static_cast<std::uint64_t>(std::chrono::microseconds(kLongestTerm).count());
  constexpr auto kLeastUs = static_cast<std::uint64_t>(std::chrono::microseconds(kShortestBeat).count());
  if (welcome.lease_us > kMostUs || welcome.beat_us < kLeastUs || welcome.beat_us > welcome.lease_us / 2)
    return std::nullopt;
  return LeaseTimes{std::chrono::microseconds(welcome.lease_us), std::chrono::microseconds(welcome.beat_us)};
}

std::string why_not(const Welcome& welcome) {
  return "a lease of " + std::to_string(welcome.lease_us) + " us with a beat of " + std::to_string(welcome.beat_us) +
         " us cannot be: at most " + std::to_string(std::chrono::microseconds(kLongestTerm).count()) +
         ", with two beats or more of " + std::to_string(std::chrono::microseconds(kShortestBeat).count()) +
         " at least";
}

}  // namespace

Standby::Standby(const Surroundings& around, StandbyOwner& owner, LedgerRing& ring, Applier& applier,
                 std::string primary)
    : around_(around),
      owner_(owner),
      ring_(ring),
      applier_(applier),
      primary_(std::move(primary)),
      pause_(kFirstPause),
      times_(around.settings.lease),
      reports_(std::make_unique<Reports>(times_)),
      retry_(around.reactor.timer([this] { seek(); })),
      ticker_(around.reactor.timer([this] { tick(); })),
      inventory_step_(around.reactor.timer([this] { take_inventory(); })) {
  retry_->set({});
  ticker_->set(times_.tick());
}

Standby::~Standby() {
  if (control_) control_->close();
  close_links();
}

TimePoint Standby::primary_may_serve_until() const {
  return std::max(given_until_, reports_->lease().given_until());
}

std::uint64_t Standby::copy_rate() const {
  return per_second(copying_.sent_bytes, around_.reactor.now() - copying_since_);
}

// --- sessions ---

void Standby::seek() {
  if (fenced_ || state_ != State::kSeeking || control_) return;
  if (applier_.sound() && applier_.readers_past() < applier_.position().sequence) return wait_for_readers();
  control_ = around_.peers.connect(primary_, *this);
}

// A primary may put new bytes where this node has readers left, unless it knows of them: so none must be left when it
// is told how far this copy goes. Note "readers at a backup".
void Standby::wait_for_readers() {
  const TimePoint now = around_.reactor.now();
  if (readers_since_ == TimePoint{}) readers_since_ = now;
  if (now - readers_since_ < times_.term) return retry_->set(kReaderCheck);
  around_.say("gives up its copy: readers keep what is gone");
  readers_since_ = {};
  applier_.abandon();
  retry_->set({});
}

void Standby::on_up() {
  Join join;
  join.address = around_.settings.address;
  join.fabric = around_.fabric.name();
  join.geometry = around_.log.geometry();
  join.ring_slots = ring_.slots();
  readers_since_ = {};
  join.has_copy = applier_.sound();
  join.position = applier_.position();
  join.seen = owner_.seen();
  state_ = State::kJoining;
  patience_ = around_.reactor.now() + times_.linking();
  send(encode_message(join));
}

void Standby::on_refused(Refused refused) {
  end_session("refused: " + refused.reason, true);
  owner_.on_view_elsewhere(refused.view);
  if (!refused.primary.empty() && refused.primary != primary_) owner_.on_moved(refused.primary);
}

void Standby::on_welcome(const Welcome& welcome) {
  if (state_ != State::kJoining) return end_session("a welcome that was not asked for", false);
  if (welcome.view.epoch < owner_.seen()) return end_session("its epoch is over: it is deposed", false);
  const std::optional<LeaseTimes> times = times_of(welcome);
  if (!times) return end_session(why_not(welcome), false);
  times_ = *times;
  reports_ = std::make_unique<Reports>(times_);
  LinkPlan plan{welcome.foreground, Traffic::kForeground, {}};
  plan.exposed = {around_.log.memory(), ring_.memory(), reports_->exposed()};
  if (welcome.copy) {
    applier_.stop();
    ring_.clear();
    owner_.begin_copy();
    state_ = State::kTakingInventory;
    copying_ = {};
    copying_since_ = around_.reactor.now();
    segments_.clear();
    living_.reset();
    LinkPlan bulk{welcome.bulk, Traffic::kBulk, {}};
    bulk.exposed[static_cast<unsigned>(Region::kLog)] = around_.log.memory();
    bulk_ = around_.fabric.connect(primary_, bulk, bulk_lane_);
    inventory_.clear();
    inventoried_ = 0;
    around_.log.inventory(inventory_);
    inventory_step_->set({});
    around_.say("joins " + primary_ + ": copies its log");
  } else {
    applier_.resume();
    state_ = State::kFollowing;
    around_.say("joins " + primary_ + ": goes on from entry " + std::to_string(applier_.position().sequence.value));
  }
  foreground_ = around_.fabric.connect(primary_, plan, foreground_lane_);
  on_view(welcome.view);
}

void Standby::end_session(std::string_view cause, bool by_peer) {
  if (!control_) return;
  const TimePoint now = around_.reactor.now();
  const bool news = state_ > State::kJoining || last_cause_ != cause || now - cause_said_ >= kCauseEvery;
  last_cause_ = cause;
  if (!fenced_ && news) {
    around_.say("session with " + primary_ + " ended: " + last_cause_);
    cause_said_ = now;
  }
  // Before the primary can hear of it: it waits for no lease of a backup whose session has ended.
  const bool had_served = in_sync_since_.has_value();
  in_sync_since_.reset();
  update_serving();
  given_until_ =
      by_peer && state_ != State::kSeeking ? TimePoint{} : std::max(given_until_, reports_->lease().given_until());
  control_->close();
  around_.graveyard.bury(std::move(control_));
  close_links();
  inventory_step_->cancel();
  applier_.apply();
  applier_.stop();
  if (state_ == State::kIndexing && !deliberately(Bug::kHalfIndex))
    applier_.abandon();  // of what is not in its index it knows nothing
  reports_ = std::make_unique<Reports>(times_);
  if (state_ == State::kFollowing) pause_ = kFirstPause;
  state_ = State::kSeeking;
  if (had_served) owner_.on_service_lost();
  if (fenced_) return;
  retry_->set(to_microseconds(pause_));
  pause_ = std::min(2 * pause_, kLongestPause);
}

// Takes the primary's right to write here away before anything else is done about the session.
void Standby::close_links() {
  for (std::unique_ptr<Link>* link : {&foreground_, &bulk_}) {
    if (!*link) continue;
    (*link)->revoke();
    around_.graveyard.bury(std::move(*link));
  }
  up_ = false;
  lost_link_.reset();
  reports_in_flight_ = 0;
}

void Standby::fence() {
  fenced_ = true;
  retry_->cancel();
  end_session("fenced", false);
}

// --- links ---

void Standby::on_link_up(bool bulk) {
  if (bulk) return;
  up_ = true;
  patience_ = around_.reactor.now() + times_.term;
  report(true);
}

void Standby::on_completed(bool bulk, std::size_t chains) {
  if (bulk) return;
  reports_in_flight_ -= std::min(chains, reports_in_flight_);
  report(false);
}

// If the primary's process has ended, the control connection says so in a moment, which is worth more: see tick().
void Standby::on_link_down(bool bulk, std::string_view cause) {
  if (bulk) {
    bulk_->close();
    return around_.graveyard.bury(std::move(bulk_));
  }
  close_links();
  lost_link_ = cause;
  update_serving();
}

void Standby::on_arrival(bool bulk) {
  if (bulk) return;
  if (const auto report = reports_->receive(around_.reactor.now())) around_.serving.set_committed(report->version);
  apply();
}

void Standby::apply() {
  applier_.apply_in_background();
  if (const auto refusal = applier_.refusal()) return end_session("what it says cannot be: " + *refusal, false);
  add_living();
  if (!control_) return;
  update_serving();
  report(false);
}

// Says how far this node is, if that is worth a chain: what the lease wants, room that the primary may wait for, or,
// with `at_once`, anything new.
void Standby::report(bool at_once) {
  if (!up_ || reports_in_flight_ != 0) return;
  Report report;
  const bool has_copy = state_ == State::kIndexing || state_ == State::kFollowing;
  report.epoch = owner_.seen();
  if (has_copy) {
    report.applied = applier_.position().sequence;
    report.readers_past = std::min(applier_.readers_past(), report.applied);
    report.version = applier_.version();
  }
  const TimePoint now = around_.reactor.now();
  const Report& sent = reports_->sent();
  const Sequence retired = applier_.last_retired();
  const bool room = report.applied.value - sent.applied.value >= ring_.slots() / 8 ||
                    (report.readers_past > sent.readers_past && retired > sent.readers_past);
  if (retired > report.readers_past) ticker_->set(kReaderCheck);
  const bool news = report.applied != sent.applied || report.readers_past != sent.readers_past;
  if (!reports_->due(now) && !room && !(at_once && news)) return;
  const Write write{Region::kProgress, 0, reports_->next(report, now)};
  ++reports_in_flight_;
  foreground_->post({&write, 1});
}

// --- the copy ---

void Standby::take_inventory() {
  if (state_ != State::kTakingInventory) return;
  Inventory part;
  std::uint64_t bytes = 0;
  while (inventoried_ != inventory_.size() && bytes < kInventoryStepBytes && part.segments.size() < kInventoryPart) {
    const SegmentState& segment = inventory_[inventoried_++];
    part.segments.push_back(
        {segment.segment, segment.used, segment.sequence, around_.log.digest(segment.segment, segment.used)});
    bytes += segment.used;
  }
  part.last = inventoried_ == inventory_.size();
  if (part.last) state_ = State::kCopying;
  send(encode_message(part));
  if (!part.last && control_) inventory_step_->set({});
}

void Standby::on_begin(const Begin& begin) {
  if (state_ != State::kCopying) return end_session("the end of a copy that did not begin", false);
  if (const auto refusal = applier_.begin(begin.position, segments_, begin.head))
    return end_session("what it describes cannot be: " + *refusal, false);
  segments_.clear();
  state_ = State::kIndexing;
  around_.say("copy of " + primary_ + ": has its " + megabytes(copying_.sent_bytes) + ", at " + megabytes(copy_rate()) +
              "/s; indexes them");
  apply();
}

void Standby::on_living(Living living) {
  if (state_ != State::kIndexing || living_) return end_session("living items at a time when there are none", false);
  living_ = std::move(living);
  apply();
}

void Standby::add_living() {
  if (!living_ || applier_.position().sequence != living_->at) return;
  if (const auto refusal = applier_.add_living(living_->at, living_->items, living_->last))
    return end_session("what it says lives does not: " + *refusal, false);
  if (living_->last) state_ = State::kFollowing;
  send(encode_message(LivingAdded{living_->at}));
  living_.reset();
}

void Standby::on_copying(const Copying& copying) {
  copying_ = copying;
  const TimePoint now = around_.reactor.now();
  if (now - progress_said_ < kProgressEvery || copying.left_bytes == 0) return;
  progress_said_ = now;
  const std::uint64_t rate = copy_rate();
  around_.say(
      "copy of " + primary_ + ": has " + megabytes(copying.sent_bytes) + ", lacks " + megabytes(copying.left_bytes) +
      (rate == 0 ? "" : "; " + megabytes(rate) + "/s, " + std::to_string(copying.left_bytes / rate) + " s left"));
}

// --- control ---

void Standby::on_view(const GroupView& view) {
  if (view.epoch < owner_.seen()) return end_session("its epoch is over: it is deposed", false);
  const bool in_sync = view.in_set(around_.settings.address);
  if (!in_sync)
    in_sync_since_.reset();
  else if (!in_sync_since_)
    in_sync_since_ = state_ == State::kFollowing ? std::optional(view.epoch) : std::nullopt;
  around_.serving.set_alone_in(in_sync && view.in_sync.size() == 1 ? view.epoch : Epoch{});
  owner_.on_view(view);
  update_serving();
}

void Standby::update_serving() {
  const bool in_sync =
      up_ && state_ == State::kFollowing && in_sync_since_ && applier_.position().epoch >= *in_sync_since_;
  if (!in_sync && deliberately(Bug::kServesOldData)) return;
  if (in_sync && !serves_) around_.say("in sync with " + primary_ + ": serves reads");
  serves_ = in_sync;
  TimePoint until = in_sync ? reports_->lease().held_until() : TimePoint{};
  if (in_sync && (deliberately(Bug::kReadsWithoutLease) || deliberately(Bug::kServesOldData))) until = TimePoint::max();
  around_.serving.set_until(until);
  around_.serving.set_service(in_sync ? Service::kReads : Service::kNothing);
  owner_.on_commit();
}

void Standby::tick() {
  ticker_->set(times_.tick());
  if (!control_ || state_ == State::kSeeking) return;
  if (lost_link_) return end_session(std::string(*lost_link_), false);
  if (around_.reactor.now() > std::max(reports_->lease().given_until(), patience_))
    return end_session("nothing heard of it for too long", false);
  if (state_ == State::kJoining) return;
  apply();
  if (control_) report(true);
}

void Standby::send(const std::string& message) {
  if (control_ && !control_->send(message)) end_session("it does not read what it is told", false);
}

void Standby::on_message(std::string_view message) {
  switch (kind_of(message)) {
    case MessageKind::kWelcome:
      if (const auto welcome = decode_message<Welcome>(message)) return on_welcome(*welcome);
      break;
    case MessageKind::kRefused:
      if (auto refused = decode_message<Refused>(message)) return on_refused(std::move(*refused));
      break;
    case MessageKind::kCopying:
      if (const auto copying = decode_message<Copying>(message)) return on_copying(*copying);
      break;
    case MessageKind::kSegments:
      if (auto segments = decode_message<Segments>(message); segments && state_ == State::kCopying) {
        if (segments_.size() + segments->segments.size() >
            around_.log.memory().size() / around_.log.geometry().segment_bytes)
          break;
        segments_.insert(segments_.end(), segments->segments.begin(), segments->segments.end());
        return;
      }
      break;
    case MessageKind::kBegin:
      if (const auto begin = decode_message<Begin>(message)) return on_begin(*begin);
      break;
    case MessageKind::kLiving:
      if (auto living = decode_message<Living>(message)) return on_living(std::move(*living));
      break;
    case MessageKind::kView:
      if (const auto view = decode_message<View>(message)) return on_view(view->view);
      break;
    default:
      break;
  }
  end_session("a message that makes no sense", false);
}

}  // namespace lmc::replication

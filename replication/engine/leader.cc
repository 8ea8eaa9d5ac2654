#include "replication/engine/leader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "replication/deliberate_bugs.h"

namespace lmc::replication {

namespace {

// Room of the ring that announcing leaves alone: for epochs, which must find room when everything else waits.
constexpr std::uint64_t kRingReserve = 64;
constexpr std::uint64_t kLeastRoom = 16;
constexpr std::uint64_t kMarkEvery = 64;  // entries; what is younger waits for more of them, or a tick
constexpr Sequence kNever{std::numeric_limits<std::uint64_t>::max()};
constexpr Duration kLinger = std::chrono::milliseconds(1);  // with --ack=none; a reactor's timers are not finer

bool of_one_term(Epoch one, Epoch other) {
  return one.value / kEpochsOfTerm == other.value / kEpochsOfTerm;
}

}  // namespace

Leader::Leader(const Surroundings& around, LeaderOwner& owner, Authority& authority, LedgerRing& ring,
               const Start& start)
    : around_(around),
      owner_(owner),
      authority_(authority),
      view_(start.view),
      ledger_(ring, start.at, around.log.version()),
      ticker_(around.reactor.timer([this] { tick(); })),
      linger_(around.reactor.timer([this] { on_linger_over(); })) {
  const TimePoint patience = around_.reactor.now() + around_.settings.lease.term;
  for (const std::string& address : view_.in_sync) {
    const auto position = start.positions.find(address);
    absent_[address] = {patience, position == start.positions.end() ? Sequence{} : position->second};
  }
  recount();
  retirements_.push_back({start.retired, 1});
  if (!start.goes_on) reused_ = {start.at.sequence.value + 1};
  if (ledger_.epoch() < view_.epoch) ledger_.begin_epoch(view_.epoch);
  announce_all(nullptr);
  append_head(told_);
  update_readers();
  update_commit();
  update_lease();
  ticker_->set(around_.settings.lease.tick());
}

Leader::~Leader() {
  end();
}

void Leader::end() {
  *alive_ = false;
  ticker_->cancel();
  linger_->cancel();
  for (auto& member : members_) member->end();
}

Member* Leader::find(const std::string& address) const {
  for (const auto& member : members_)
    if (member->address() == address) return member.get();
  return nullptr;
}

std::vector<Member*> Leader::all() const {
  std::vector<Member*> all;
  for (const auto& member : members_) all.push_back(member.get());
  return all;
}

std::uint64_t Leader::lag_us(const Member& member) const {
  for (const Sample& sample : samples_) {
    if (sample.last <= member.shipper().applied()) continue;
    return static_cast<std::uint64_t>(to_microseconds(around_.reactor.now() - sample.at).count());
  }
  return 0;
}

// --- the ledger ---

std::uint64_t Leader::ring_room() const {
  std::uint64_t kept_after = ledger_.last().value;
  for (const auto& member : members_)
    if (const auto after = member->needs_after()) kept_after = std::min(kept_after, after->value);
  const std::uint64_t kept = ledger_.last().value - kept_after;
  const std::uint64_t slots = ledger_.ring().slots() - kRingReserve;
  return kept < slots ? slots - kept : 0;
}

// Whether entries can be announced. Who only joins does not hold up the others: it loses what the ring kept for it.
bool Leader::make_ring_room(const Member* except) {
  if (ring_room() >= kLeastRoom) return true;
  for (Member* member : all()) {
    if (member == except || member->state() == Member::State::kInSync || !member->needs_after()) continue;
    if (ledger_.last().value - member->needs_after()->value + kLeastRoom + kRingReserve > ledger_.ring().slots())
      member->copy_again();
  }
  return ring_room() >= kLeastRoom;
}

void Leader::append(const Entry& entry) {
  ledger_.append(entry);
  if (entry.kind == EntryKind::kRetired) retirements_.push_back({ledger_.last(), entry.number});
}

void Leader::append_head(const Head& head) {
  Entry entry;
  entry.kind = EntryKind::kHead;
  entry.number = head.version.value;
  entry.flush_version = head.flush_version;
  entry.seconds = head.flush_at;
  entry.commit = std::min(committed_, head.version);
  append(entry);
  told_ = head;
  heads_.push_back({ledger_.last(), head.version});
  if (deliberately(Bug::kHoardedHeads)) return;
  // What the ring has lost a backup has, or it has nothing that counts: of the heads there only the last matters. Who
  // is waited for may be away for long.
  const auto lost = [this](const ToldHead& each) {
    return each.at.value + ledger_.ring().slots() <= ledger_.last().value;
  };
  while (heads_.size() > 1 && lost(heads_[1])) heads_.pop_front();
}

void Leader::announce_all(const Member* except) {
  if (ended()) return;
  wants_collect_ = false;
  for (;;) {
    if (!make_ring_room(except)) {
      wants_collect_ = true;
      ++counters_.ring_waits;
      return;
    }
    const std::size_t most = std::min<std::size_t>(ring_room() - kLeastRoom / 2, Shipper::kMostEntries);
    news_.clear();
    const Head head = around_.log.announce(most, news_);
    if (news_.empty() && head == told_) return;
    for (const Entry& entry : news_) append(entry);
    append_head(head);
    ++counters_.announcements;
    if (news_.size() < most / 2) return;
  }
}

void Leader::collect() {
  const Sequence before = ledger_.last();
  announce_all(nullptr);
  update_commit();
  if (ended()) return;
  if (around_.settings.ack == Ack::kNone && ledger_.last() != before && !lingers_) {
    // Nobody waits for it: what comes in a while goes together, for much less.
    lingers_ = true;
    linger_->set(to_microseconds(kLinger));
  }
  pump(false);
}

void Leader::on_linger_over() {
  lingers_ = false;
  on_batch_landed();
}

// First the bell, then the look at the log: see Serving.
void Leader::on_batch_landed() {
  if (lingers_ || ended()) return;
  around_.serving.set_wants_bell(true);
  if (!deliberately(Bug::kLostBell)) collect();
}

bool Leader::copying() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const auto& member) { return member->state() == Member::State::kCopying; });
}

void Leader::update_bell() {
  if (ended()) return;
  bool ships = false;
  bool may_post = false;
  for (const auto& member : members_) {
    if (!member->ships()) continue;
    ships = true;
    may_post = may_post || member->shipper().may_post();
  }
  around_.serving.set_wants_bell(!members_.empty() && !lingers_ && (may_post || !ships));
}

void Leader::collect_for(Member& member) {
  announce_all(&member);
  update_commit();
}

void Leader::make_room() {
  for (Member* member : all()) member->yield_room();
  collect();
  update_readers();
}

void Leader::pump(bool say_commit) {
  for (Member* member : all()) member->pump(say_commit);
  update_bell();
}

// --- what backups have ---

void Leader::on_progress(Member& member) {
  if (wants_collect_ && ring_room() >= kLeastRoom) collect();
  if (member.has_copy()) {
    update_commit();
    update_lease();
  }
  const auto entering = entering_.find(member.address());
  if (entering != entering_.end() && member.shipper().landed() >= entering->second) change_set();
  update_readers();
}

// Whenever the set, or what may be of it, has changed.
void Leader::recount() {
  const std::vector<std::string> before = std::exchange(counted_, view_.in_sync);
  const auto add = [this](const std::string& address) {
    if (!counts(address)) counted_.push_back(address);
  };
  for (const auto& [address, must_have] : entering_) add(address);
  for (const std::string& address : proposed_) add(address);
  if (deliberately(Bug::kAdoptedOnly)) counted_ = view_.in_sync;
  if (deliberately(Bug::kUncountedLoss)) std::erase_if(counted_, [this](const auto& each) { return !find(each); });
  const auto counted_before = [&before](const std::string& each) {
    return std::find(before.begin(), before.end(), each) != before.end();
  };
  if (!std::all_of(counted_.begin(), counted_.end(), counted_before)) take_landed_back();
}

bool Leader::counts(const std::string& address) const {
  return std::find(counted_.begin(), counted_.end(), address) != counted_.end();
}

Sequence Leader::landed_at_all_that_count() const {
  Sequence landed = ledger_.last();
  for (const std::string& address : counted_) {
    const Member* member = find(address);
    landed = std::min(landed, member != nullptr && member->has_copy() ? member->shipper().landed() : Sequence{});
  }
  return landed;
}

Sequence Leader::landed_where_it_counts() const {
  if (deliberately(Bug::kEarlyAcknowledgement)) return ledger_.last();
  if (around_.settings.ack == Ack::kAll) return landed_at_all_that_count();
  Sequence landed;
  for (const auto& member : members_)
    if (member->state() == Member::State::kInSync) landed = std::max(landed, member->shipper().landed());
  return landed;
}

// Note "words ahead".
void Leader::update_landed() {
  if (counted_.empty()) {
    if (!std::exchange(nobody_counts_, true)) around_.log.set_landed(Extent::everything());
    return;
  }
  if (mark_ && mark_->at <= landed_at_all_that_count()) {
    around_.log.set_landed(mark_->told);
    mark_.reset();
  }
  if (!mark_ && (!marked_ || ledger_.last().value - marked_->value >= kMarkEvery)) set_mark();
}

void Leader::set_mark() {
  if (marked_ == ledger_.last() || nobody_counts_) return;
  marked_ = ledger_.last();
  mark_ = {ledger_.last(), around_.log.told()};
}

void Leader::take_landed_back() {
  mark_.reset();
  marked_.reset();
  nobody_counts_ = false;
  around_.log.set_landed({});
}

void Leader::update_commit() {
  if (ended()) return;
  update_landed();
  const Version before = committed_;
  if (counted_.empty() || around_.settings.ack == Ack::kNone) {
    heads_.clear();
    committed_ = kEverything;
  } else {
    if (before == kEverything) committed_ = told_.version;
    const Sequence landed = landed_where_it_counts();
    for (; !heads_.empty() && heads_.front().at <= landed; heads_.pop_front())
      committed_ = std::max(committed_, heads_.front().version);
  }
  if (committed_ == before) return;
  around_.serving.set_committed(committed_);
  owner_.on_commit();
  if (view_.in_sync.size() > 1 || widened_) pump(true);
}

void Leader::suspend() {
  if (deliberately(Bug::kServesPastLease)) return;
  serves_until_ = {};
  around_.serving.set_until({});
}

void Leader::update_lease() {
  if (ended()) return;
  TimePoint until = TimePoint::max();
  for (const std::string& address : counted_) {
    const Member* member = find(address);
    until = std::min(until, member != nullptr ? member->reports().lease().held_until() : TimePoint{});
  }
  if (deliberately(Bug::kServesPastLease)) until = TimePoint::max();
  serves_until_ = until;
  around_.serving.set_until(until);
  const bool serves = may_serve(around_.reactor.now());
  owner_.on_commit();
  if (!serves && was_serving_) around_.say("serving is suspended: an in-sync backup has not renewed its lease");
  was_serving_ = serves;
}

void Leader::update_readers() {
  if (ended()) return;
  Sequence past = ledger_.last();
  for (const auto& member : members_)
    if (const auto readers = member->readers_past()) past = std::min(past, *readers);
  for (const auto& [address, absence] : absent_)
    if (view_.in_set(address)) past = std::min(past, absence.readers_past);
  if (deliberately(Bug::kReuseWithoutWaiting)) past = ledger_.last();
  std::uint64_t most = JoinBackpressure::kNoLimit;
  for (const auto& member : members_) most = std::min(most, member->may_reuse());
  std::uint64_t number = 0;
  std::uint64_t segments = 0;
  for (; segments != most && !retirements_.empty() && retirements_.front().at <= past; ++segments) {
    number = retirements_.front().number;
    reused_ = std::max(reused_, retirements_.front().at);
    retirements_.pop_front();
  }
  if (segments == 0) return;
  for (const auto& member : members_) member->on_reused(segments);
  around_.log.set_followers_past(number);
}

// --- members ---

std::optional<std::string> Leader::join(std::unique_ptr<Peer>& control, const Join& join) {
  if (join.seen > view_.epoch) {
    owner_.on_deposed(join.seen);
    return "not the primary any more";
  }
  const bool continues = join.has_copy && join.position.sequence >= reused_ && ledger_.continues(join.position);
  if (Member* old = find(join.address)) on_lost(*old, "it joins anew", true);
  if (!ended() && counts(join.address) && !continues) {
    if (proposing_) return "the in-sync set is being decided";
    // It counts as one that has everything: before it forgets what it has it must be out of the set. Note "leave before
    // forgetting".
    absent_[join.address] = {{}, ledger_.last()};
    change_set();
    if (view_.in_set(join.address)) return "has to leave the in-sync set first";
  }
  if (ended()) return "not the primary any more";
  const bool in_sync = continues && view_.in_set(join.address);
  if (in_sync) absent_.erase(join.address);
  MemberOwner& self = *this;
  members_.push_back(std::make_unique<Member>(around_, self, ledger_, std::move(control), join));
  around_.say(join.address + " joins: " + (in_sync ? "goes on" : continues ? "catches up" : "is copied to"));
  members_.back()->welcome(!continues, in_sync);
  update_bell();
  change_set();
  return std::nullopt;
}

bool Leader::remove(const std::string& address) {
  Member* member = find(address);
  if (member == nullptr && !view_.in_set(address)) return false;
  if (member != nullptr) on_lost(*member, "removed", false);
  change_set();
  return true;
}

void Leader::forget(const Member& member) {
  const auto at =
      std::find_if(members_.begin(), members_.end(), [&](const auto& each) { return each.get() == &member; });
  if (at == members_.end()) return;
  around_.graveyard.bury(std::move(*at));
  members_.erase(at);
  update_bell();
}

// A backup that finds its session ended holds this node to no lease any more: from before it can find that nothing is
// answered here, until the set is another, or it is back.
void Leader::on_lost(Member& member, std::string_view cause, bool ended) {
  if (counts(member.address())) suspend();
  member.end();
  ++counters_.members_lost;
  around_.say(member.address() + " is lost: " + std::string(cause));
  entering_.erase(member.address());
  recount();
  if (view_.in_set(member.address()))
    absent_[member.address()] = {ended ? TimePoint{} : member.reports().lease().given_until(),
                                 member.reports().received().readers_past};
  forget(member);
  if (deliberately(Bug::kUncountedLoss)) recount();
  change_set();
  update_commit();
  update_lease();
}

void Leader::on_deposed(Epoch by) {
  owner_.on_deposed(by);
}

void Leader::on_caught_up(Member& member) {
  if (!entering_.try_emplace(member.address(), kNever).second) return;
  recount();
  // What could still be changed in place before it counted must be among what it is to have.
  const Version drawn = around_.log.version();
  update_commit();
  // Only now do answers wait for it; what was answered before must be among that too.
  const std::string address = member.address();
  announce_all(nullptr);  // which may lose it
  const auto entering = entering_.find(address);
  if (entering == entering_.end()) return;
  if (wants_collect_ || told_.version < drawn) {  // no room to say it in, or it is not complete: another time
    entering_.erase(entering);
    recount();
    return update_commit();
  }
  // Note "commit at a backup".
  if (view_.in_sync.size() == 1 && !std::exchange(widened_, true)) {
    Entry widened;
    widened.kind = EntryKind::kWidened;
    append(widened);
    append_head(told_);
  }
  entering->second = ledger_.last();
  update_lease();
  pump(false);
  change_set();
}

// --- the set ---

void Leader::tick() {
  ticker_->set(around_.settings.lease.tick());
  const TimePoint now = around_.reactor.now();
  collect();
  if (ended()) return;
  if (!mark_) set_mark();
  for (Member* member : all()) member->tick();
  drop_laggards(now);
  update_lease();
  update_readers();
  change_set();
}

void Leader::drop_laggards(TimePoint now) {
  if (samples_.empty() || samples_.back().last != ledger_.last()) samples_.push_back({ledger_.last(), now});
  Sequence due{};  // who has not applied this is late
  while (!samples_.empty() && now - samples_.front().at > around_.settings.lease.term) {
    due = samples_.front().last;
    samples_.pop_front();
  }
  late_ = std::max(late_, due);
  for (Member* member : all()) {
    if (member->state() != Member::State::kInSync || member->shipper().applied() >= late_) continue;
    on_lost(*member, "it is too far behind", false);
  }
}

// Proposes the set as it should be, if that is not what it is.
void Leader::change_set() {
  if (proposing_ || ended()) return;
  GroupView next = view_;
  const TimePoint now = around_.reactor.now();
  std::erase_if(next.in_sync, [&](const std::string& address) {
    const auto absent = absent_.find(address);
    return absent != absent_.end() && absent->second.until <= now;
  });
  for (const auto& [address, must_have] : entering_) {
    const Member* member = find(address);
    const bool has_it = member != nullptr && member->shipper().landed() >= must_have;
    if (!next.has(address) && member != nullptr && (has_it || deliberately(Bug::kEarlyInSync)))
      next.in_sync.push_back(address);
  }
  if (next.in_sync == view_.in_sync) return;
  ++next.epoch.value;
  propose(next);
}

bool Leader::begin_term(Epoch epoch) {
  if (proposing_ || ended()) return false;
  GroupView next = view_;
  next.epoch = epoch;
  propose(next);
  return true;
}

void Leader::propose(const GroupView& next) {
  proposing_ = true;
  proposed_ = next.in_sync;
  recount();
  authority_.propose(next, [this, alive = alive_, next](bool agreed, const GroupView& current) {
    if (!*alive) return;
    proposing_ = false;
    proposed_.clear();
    recount();
    if (agreed) return adopt(next);
    if (current.epoch > view_.epoch) return owner_.on_deposed(current.epoch);
    update_commit();
  });
}

void Leader::adopt(const GroupView& next) {
  // Against another primary, whose epochs may have the numbers of this one's: a position in them says nothing, and who
  // has no session is copied to.
  if (!of_one_term(next.epoch, view_.epoch)) reused_ = {ledger_.last().value + 1};
  view_ = next;
  widened_ = false;
  std::erase_if(absent_, [this](const auto& each) { return !view_.in_set(each.first); });
  std::erase_if(entering_, [this](const auto& each) { return view_.in_set(each.first); });
  recount();
  ledger_.begin_epoch(next.epoch);
  append_head(told_);
  for (const std::string& address : view_.in_sync) {
    Member* member = find(address);
    if (member != nullptr && member->state() == Member::State::kCatchingUp)
      member->set_in_sync();
    else if (member == nullptr || member->state() != Member::State::kInSync)
      absent_.try_emplace(address, Absence{{}, ledger_.last()});  // lost while the change was decided
  }
  for (Member* member : all())
    if (member->state() == Member::State::kInSync && !view_.in_set(member->address())) member->leave_set();
  std::string set;
  for (const std::string& address : view_.in_sync) set += " " + address;
  around_.say("epoch " + std::to_string(view_.epoch.value) + ", in sync:" + (set.empty() ? " none" : set));
  owner_.on_view(view_);
  for (Member* member : all()) member->tell(view_);
  update_commit();
  update_lease();
  update_readers();
  pump(false);
  change_set();
}

}  // namespace lmc::replication

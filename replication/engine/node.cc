#include "replication/engine/node.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "replication/engine/status.h"

#include "replication/deliberate_bugs.h"

namespace lmc::replication {

namespace {
constexpr std::chrono::microseconds kInvitePeriod{std::chrono::milliseconds(500)};
constexpr std::chrono::microseconds kFarewell{std::chrono::seconds(1)};
constexpr std::size_t kMostVisitors = 256;
// Of a term: so long a promotion waits for what others know of the set. Who lives answers at once.
constexpr int kViewPatienceShare = 4;

Epoch next_term(Epoch seen) {
  return {(seen.value / kEpochsOfTerm + 1) * kEpochsOfTerm};
}

Answer refuse(std::string why) {
  return {false, std::move(why)};
}
}  // namespace

std::string_view name_of(Role role) {
  constexpr std::string_view kNames[] = {"none", "primary", "backup"};
  return kNames[static_cast<unsigned>(role)];
}

// A control connection that has not said what it is about, or is here for commands.
class Node::Visitor final : public PeerObserver {
 public:
  Visitor(Node& node, std::unique_ptr<Peer> peer) : node_(node), peer_(std::move(peer)) { peer_->observe(*this); }
  void answer(const Answer& answer) {
    if (peer_ && !peer_->send(encode_message(answer))) leave();
  }

 private:
  void on_up() override {}
  void on_message(std::string_view message) override {
    auto join = decode_message<Join>(message);
    if (!join) join = decode_foreign_join(message);
    if (join) return node_.on_join(leave(), *join);
    const auto command = decode_message<Command>(message);
    if (!command) {
      std::unique_ptr<Peer> peer = leave();
      if (node_.outside_.owner.on_other(peer, message)) return;
      peer->close();
      return node_.graveyard_.bury(std::move(peer));
    }
    node_.command(command->text, [this, alive = std::weak_ptr<bool>(alive_)](const Answer& text) {
      if (!alive.expired()) answer(text);
    });
  }
  void on_down(std::string_view, bool) override { node_.graveyard_.bury(leave()); }
  std::unique_ptr<Peer> leave() {
    std::unique_ptr<Peer> peer = std::move(peer_);
    node_.forget_visitor(this);
    return peer;
  }

  Node& node_;
  std::unique_ptr<Peer> peer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Node::Node(const Outside& outside, const Settings& settings)
    : outside_(outside),
      settings_(settings),
      graveyard_(outside.reactor),
      ring_(settings.ring_slots),
      applier_(ring_, outside.log),
      authority_(outside.authority != nullptr ? *outside.authority : own_authority_),
      farewell_over_(outside.reactor.timer([this] { farewells_.clear(); })),
      inviter_(outside.reactor.timer([this] { invite_absent(); })) {
  outside_.fabric.prepare(ring_.memory());
  outside_.fabric.prepare(outside_.log.memory());
}

Node::~Node() {
  *alive_ = false;
}

Surroundings Node::surroundings() {
  return {outside_.reactor,    outside_.fabric, outside_.peers, outside_.log,
          graveyard_,          serving_,        settings_,      [this](const std::string& line) { say(line); },
          outside_.draw_ticket};
}

void Node::say(const std::string& line) {
  history_.note(outside_.reactor.now(), line);
  outside_.say(line);
}

void Node::recall(Epoch seen, const GroupView& view) {
  seen_ = seen;
  view_ = view;
  know(view_);
}

void Node::see(Epoch epoch, const GroupView& view) {
  if (epoch == seen_ && view == view_) return;
  seen_ = std::max(seen_, epoch);
  view_ = view;
  know(view);
  outside_.owner.remember(seen_, view_);
}

// An epoch whose primary is not known, unless its view has come already.
void Node::see_without_primary(Epoch epoch) {
  GroupView view = view_;
  if (view.epoch < epoch) view.primary.clear();
  see(epoch, view);
}

void Node::know(const GroupView& view) {
  known_.insert(view.in_sync.begin(), view.in_sync.end());
  if (!view.primary.empty()) known_.insert(view.primary);
  known_.erase(settings_.address);
}

// --- roles ---

// A primary that ended has nothing left, and its backups have everything: if it began anew, they would copy nothing.
void Node::start_primary() {
  if (!known_.empty()) {
    const std::string other =
        view_.primary.empty() || view_.primary == settings_.address ? *known_.begin() : view_.primary;
    say("was in a group with " + other + " and does not begin anew without it: follows it; " +
        "`lmcctl promote` makes a node primary, and without its state file this one begins anew");
    return follow(other);
  }
  const Epoch epoch = next_term(seen_);
  lead({epoch, settings_.address, {}}, {});
}

void Node::start_backup(const std::string& primary) {
  follow(primary);
}

void Node::lead(const GroupView& view, const std::map<std::string, Sequence>& positions) {
  see(view.epoch, view);
  const bool goes_on = !led_to_;
  const Leader::Start start{goes_on ? applier_.position() : *led_to_, applier_.last_retired(), goes_on, view,
                            positions};
  led_to_.reset();
  outside_.owner.change_role([this] {
    applier_.abandon();
    outside_.log.lead([this] { outside_.owner.on_room_wanted(); });
  });
  role_ = Role::kPrimary;
  LeaderOwner& self = *this;
  leader_ = std::make_unique<Leader>(surroundings(), self, authority_, ring_, start);
  serving_.set_alone_in({});
  serving_.set_service(Service::kAll);
  say("primary of epoch " + std::to_string(view.epoch.value));
  on_commit();
  invite_absent();
}

void Node::step_down(const std::string& why) {
  end_role(why);
  outside_.owner.on_serving();
}

// Clients stay, unanswered: who is to be promoted has a role for them in a moment.
void Node::end_role(const std::string& why) {
  if (role_ == Role::kNone) return;
  say("no longer " + std::string(name_of(role_)) + ": " + why);
  if (!deliberately(Bug::kServesOldData)) {
    serving_.set_service(Service::kNothing);
    serving_.set_until({});
  }
  serving_.set_wants_bell(false);
  role_ = Role::kNone;
  inviter_->cancel();
  refusals_.clear();
  if (leader_) {
    led_to_ = leader_->ledger().end();
    led_in_ = leader_->view().epoch;
    leader_->end();
    graveyard_.bury(std::move(leader_));
  }
  end_standby();
  outside_.owner.change_role([] {});
  if (AnswerTo demoting = std::exchange(demoting_, nullptr)) demoting(refuse(why));
}

void Node::end_standby() {
  if (!standby_) return;
  standby_->fence();
  primary_may_serve_until_ = std::max(primary_may_serve_until_, standby_->primary_may_serve_until());
  graveyard_.bury(std::move(standby_));
}

void Node::follow(const std::string& primary) {
  step_down("to follow " + primary);
  role_ = Role::kBackup;
  StandbyOwner& self = *this;
  standby_ = std::make_unique<Standby>(surroundings(), self, ring_, applier_, primary);
}

void Node::begin_copy() {
  outside_.owner.change_role([this] {
    applier_.abandon();
    led_to_.reset();
    outside_.log.follow();
  });
}

void Node::on_view(const GroupView& view) {
  see(view.epoch, view);
  if (leader_) invite_absent();
}

void Node::on_commit() {
  outside_.owner.on_serving();
  if (!demoting_ || !leader_ || !leader_->drained()) return;
  AnswerTo answer = std::exchange(demoting_, nullptr);
  step_down("demoted");
  answer({true, "demoted; serves nobody until another node is promoted and it follows that one"});
}

void Node::on_service_lost() {
  outside_.owner.change_role([] {});
}

// Of a set without this node it may never hear otherwise, and must not take itself for a member of an older one. (What
// others take it for, it knows better: it may have ended since.)
void Node::on_view_elsewhere(const GroupView& view) {
  if (view.epoch <= view_.epoch || view.primary.empty() || view.primary == settings_.address) return;
  see(std::max(seen_, view.epoch), view);
}

void Node::on_moved(const std::string& primary) {
  const std::string to = primary;
  if (to != settings_.address) follow(to);
}

// Note "deposed primary".
void Node::on_deposed(Epoch by) {
  step_down("epoch " + std::to_string(by.value) + " has begun elsewhere");
  if (by > seen_) heard_ = by;
  see_without_primary(by);
}

// --- control connections ---

void Node::accept(std::unique_ptr<Peer> peer) {
  if (visitors_.size() >= kMostVisitors) {
    peer->close();
    return graveyard_.bury(std::move(peer));
  }
  visitors_.push_back(std::make_unique<Visitor>(*this, std::move(peer)));
}

void Node::forget_visitor(Visitor* visitor) {
  const auto at =
      std::find_if(visitors_.begin(), visitors_.end(), [&](const auto& each) { return each.get() == visitor; });
  if (at == visitors_.end()) return;
  graveyard_.bury(std::move(*at));
  visitors_.erase(at);
}

void Node::on_join(std::unique_ptr<Peer> peer, const Join& join) {
  const auto refuse_join = [&](const std::string& why, const std::string& primary) {
    say("refused " + join.address + " (" + peer->name() + "): " + why);
    (void)peer->send(encode_message(Refused{why, primary, view_}));
    bid_farewell(std::move(peer));
  };
  if (join.protocol != kProtocolVersion || join.ledger_format != kLedgerFormatVersion)
    return refuse_join("versions differ: protocol " + std::to_string(join.protocol) + " and ledger format " +
                           std::to_string(join.ledger_format) + " there, " + std::to_string(kProtocolVersion) +
                           " and " + std::to_string(kLedgerFormatVersion) + " here",
                       "");
  if (!leader_) return refuse_join("not the primary", view_.primary);
  if (join.fabric != fabric_name())
    return refuse_join("fabrics differ: " + join.fabric + " there, " + std::string(fabric_name()) +
                           " here; give all nodes the same --fabric",
                       "");
  const Geometry own = outside_.log.geometry();
  if (join.geometry != own || join.ring_slots != ring_.slots())
    return refuse_join(explain_difference(own, join.geometry, ring_.slots(), join.ring_slots), "");
  if (removed_.contains(join.address)) return refuse_join("removed from the group; `add` lets it in again", "");
  if (join.address == settings_.address) return refuse_join("that is this node's own address", "");
  known_.insert(join.address);
  if (const auto why = leader_->join(peer, join)) refuse_join(*why, "");
}

// Closed only when what was said last has had the time to arrive.
void Node::bid_farewell(std::unique_ptr<Peer> peer) {
  peer->observe(deaf_);
  farewells_.push_back(std::move(peer));
  if (farewells_.size() > kMostFarewells) {
    graveyard_.bury(std::move(farewells_.front()));
    farewells_.erase(farewells_.begin());
  }
  if (farewells_.size() == 1) farewell_over_->set(kFarewell);
}

void Node::collect() {
  if (leader_) leader_->collect();
}

void Node::make_room() {
  if (leader_) leader_->make_room();
}

// Nodes that belong to the group and have no session are told where its primary is: a deposed one, a restarted one.
void Node::invite_absent() {
  if (!leader_) return;
  inviter_->set(kInvitePeriod);
  if (!errands_.empty()) return;
  for (const std::string& address : known_) {
    const auto& members = leader_->members();
    if (std::none_of(members.begin(), members.end(), [&](const auto& each) { return each->address() == address; }))
      invite(address);
  }
}

// One invitation at a time, however often somebody says that the node belongs here.
bool Node::invite(const std::string& address, std::function<void(const std::optional<Answer>&)> done) {
  if (!invited_.insert(address).second) return false;
  ask(address, "follow " + std::to_string(seen_.value) + " " + settings_.address, settings_.lease.term,
      [this, address, done = std::move(done)](const std::optional<Answer>& answer) {
        on_invited(address, answer);
        if (done) done(answer);
      });
  return true;
}

// Said once: it is asked again and again.
void Node::on_invited(const std::string& address, const std::optional<Answer>& answer) {
  invited_.erase(address);
  if (!answer) return;
  if (answer->ok) {
    refusals_.erase(address);
    return;
  }
  std::string& why = refusals_[address];
  if (why == answer->text) return;
  why = answer->text;
  say(address + " does not follow: " + why);
}

void Node::ask(const std::string& address, const std::string& command, Duration patience,
               std::function<void(const std::optional<Answer>&)> done) {
  const std::uint64_t number = next_errand_++;
  errands_[number] = std::make_unique<Errand>(
      outside_.reactor, outside_.peers, address, command, patience,
      [this, number, done = std::move(done)](const std::optional<Answer>& answer, std::string_view) {
        end_errand(number);
        done(answer);
      });
}

// What anybody knows of a later set than this node does is known here when it is done.
void Node::ask_for_views(std::function<void()> done) {
  if (known_.empty()) return done();
  struct Inquiry {
    std::size_t awaited;
    GroupView latest;
  };
  const auto inquiry = std::make_shared<Inquiry>(Inquiry{known_.size(), {}});
  const auto answered = [this, inquiry, done = std::move(done)](const std::optional<Answer>& answer) {
    const auto view = answer && answer->ok ? parse_view(answer->text) : std::nullopt;
    if (view && !view->primary.empty() && view->epoch > inquiry->latest.epoch) inquiry->latest = *view;
    if (--inquiry->awaited != 0) return;
    on_view_elsewhere(inquiry->latest);
    done();
  };
  for (const std::string& address : std::set<std::string>(known_))
    ask(address, "view", settings_.lease.term / kViewPatienceShare, answered);
}

void Node::end_errand(std::uint64_t number) {
  graveyard_.bury(std::move(errands_[number]));
  errands_.erase(number);
}

// --- commands ---

void Node::command(const std::string& text, AnswerTo answer) {
  std::istringstream words(text);
  std::string name;
  std::string rest;
  std::uint64_t number = 0;
  words >> name;
  if (name == "status") return answer({true, describe_status(*this)});
  if (name == "epoch") return answer({true, std::to_string(seen_.value)});
  if (name == "view") return answer({true, describe_view(view_)});
  if (name == "promote") {
    words >> rest;
    if (rest.empty() || rest == "force") return promote(rest == "force", std::move(answer));
  } else if (name == "demote") {
    return demote(std::move(answer));
  } else if (name == "fence" && words >> number) {
    return answer(fence({number}));
  } else if (name == "follow" && words >> number >> rest) {
    return answer(follow_command({number}, rest));
  } else if (name == "add" && words >> rest) {
    return add(rest, answer);
  } else if (name == "remove" && words >> rest) {
    return answer(remove(rest));
  }
  if (name == "fence") return answer(refuse("fence what is older than which epoch? fence EPOCH"));
  if (name == "follow") return answer(refuse("follow whom? follow EPOCH ADDRESS"));
  answer(refuse("no such command, or not with these words: " + text));
}

void Node::promote(bool force, AnswerTo answer) {
  if (role_ == Role::kPrimary) return answer(force ? begin_term() : Answer{true, "is the primary already"});
  if (takeover_ || promoting_) return answer(refuse("is being promoted already"));
  if (const auto why = why_not_promoted(force)) return answer(refuse(*why));
  const bool asks_nobody = deliberately(Bug::kUnaskedViews);
  if (force || outside_.authority != nullptr || asks_nobody) return ask_to_take_over(force, answer);
  promoting_ = true;
  ask_for_views([this, answer] {
    promoting_ = false;
    if (role_ == Role::kPrimary) return answer({true, "is the primary already"});
    if (const auto why = why_not_promoted(false)) return answer(refuse(*why));
    ask_to_take_over(false, answer);
  });
}

// Note "two primaries".
Answer Node::begin_term() {
  const Epoch epoch = next_term(std::max(seen_, authority_at_));
  if (!leader_->begin_term(epoch)) return refuse("the in-sync set is being decided: try again");
  if (view_.epoch != epoch) return {true, "has asked for epoch " + std::to_string(epoch.value)};
  return {true, "primary of epoch " + std::to_string(epoch.value)};
}

// Note "members only".
std::optional<std::string> Node::why_not_promoted(bool force) const {
  const bool indexes = standby_ && standby_->state() == Standby::State::kIndexing;
  if ((!applier_.sound() || indexes) && !led_to_) return "has no copy of the group's data";
  // An authority that decides for the group may have taken it in without its knowing yet, and is asked.
  const bool led_last = led_to_ && led_in_ == seen_;
  if (force || outside_.authority != nullptr || view_.has(settings_.address) || led_last) return std::nullopt;
  std::string why = "is not in sync as of " + describe_view(view_);
  if (seen_ > view_.epoch) why += " (and epoch " + std::to_string(seen_.value) + " has begun since)";
  return why + ": it may lack acknowledged writes; promote a node that is in sync, or `promote force`";
}

void Node::ask_to_take_over(bool force, const AnswerTo& answer) {
  // Decided before anybody is fenced: who is not to be primary must not disturb the one that is.
  const GroupView old = view_;
  GroupView intent{next_term(std::max(seen_, authority_at_)), settings_.address, old.in_sync};
  if (!old.primary.empty()) intent.in_sync.push_back(old.primary);
  std::erase(intent.in_sync, settings_.address);
  promoting_ = true;
  authority_.propose(intent, [this, alive = alive_, force, old, intent, answer](bool agreed, const GroupView& current) {
    if (!*alive) return;
    promoting_ = false;
    authority_at_ = current.epoch;
    // What this node had not heard of: the next attempt goes by the group as it is.
    if (!agreed && current.epoch > view_.epoch && current.has(settings_.address)) view_ = current;
    if (!agreed) return answer(refuse("the group's authority does not agree"));
    if (seen_ >= intent.epoch) return answer(refuse("another epoch has begun meanwhile"));
    take_over(force, old, intent, answer);
  });
}

void Node::take_over(bool force, const GroupView& old, const GroupView& intent, const AnswerTo& answer) {
  end_role("to be promoted");
  // If this comes to nothing, the next attempt begins here, and must still ask everybody.
  GroupView everybody{intent.epoch, {}, intent.in_sync};
  everybody.in_sync.push_back(settings_.address);
  see(intent.epoch, everybody);
  takeover_ = std::make_unique<Takeover>(
      surroundings(), intent.epoch, old, primary_may_serve_until_,
      [this, force, old, epoch = intent.epoch, answer](std::vector<FencedNode> fenced, const std::string& refused) {
        graveyard_.bury(std::move(takeover_));
        if (refused.empty())
          on_fenced(force, old, epoch, std::move(fenced), answer);
        else
          give_up(answer, refused);
      });
  takeover_->begin();
}

// The takeover; its clients stay no longer.
void Node::give_up(const AnswerTo& answer, const std::string& why) {
  outside_.owner.on_serving();
  answer(refuse(why));
}

// What of the group's views was asked for before anybody was fenced may have been outdated when it was.
std::optional<std::string> Node::why_dropped(const GroupView& old, const std::vector<FencedNode>& fenced) const {
  for (const FencedNode& node : fenced) {
    const GroupView& view = node.view;
    if (view.epoch <= old.epoch || view.primary.empty() || view.has(settings_.address)) continue;
    return node.address + " knows of a group without this node, " + describe_view(view) +
           ": promote one of that, or force";
  }
  return std::nullopt;
}

// Note "members only". With less than --ack=all whoever has a copy is asked for more: one whose takeover came to
// nothing is the old primary by name, and has what it had as a backup. (Who has led has no copy.)
void Node::on_fenced(bool force, const GroupView& old, Epoch epoch, std::vector<FencedNode> fenced,
                     const AnswerTo& answer) {
  if (seen_ != epoch || role_ != Role::kNone) return give_up(answer, "another epoch has begun meanwhile");
  if (const auto why = force ? std::nullopt : why_dropped(old, fenced)) return give_up(answer, *why);
  const Position own = led_to_ ? *led_to_ : applier_.position();
  GroupView next{{epoch.value + 1}, settings_.address, {}};
  std::map<std::string, Sequence> positions;
  for (const FencedNode& node : fenced) {
    if (!node.has_copy || led_to_) continue;
    const bool ahead = node.position.sequence > own.sequence;
    if (ahead && settings_.ack != Ack::kAll && !force)
      return give_up(answer, node.address + " has more of the log (" + describe_position(true, node.position) +
                                 " there, " + describe_position(true, own) + " here): promote that one, or force");
    if (ahead || !old.in_set(node.address)) continue;
    next.in_sync.push_back(node.address);
    positions[node.address] = node.position.sequence;
  }
  know(old);
  promoting_ = true;
  authority_.propose(next, [this, alive = alive_, next, positions, answer](bool agreed, const GroupView&) {
    if (!*alive) return;
    promoting_ = false;
    if (!agreed) return give_up(answer, "the group's authority does not agree");
    if (seen_ > next.epoch || role_ != Role::kNone) return give_up(answer, "another epoch has begun meanwhile");
    lead(next, positions);
    answer({true, "primary of epoch " + std::to_string(next.epoch.value)});
  });
}

void Node::demote(AnswerTo answer) {
  if (!leader_) return answer(refuse("is not the primary"));
  if (demoting_) return answer(refuse("is being demoted already"));
  demoting_ = std::move(answer);
  serving_.set_service(Service::kNothing);
  outside_.owner.change_role([] {});
  leader_->collect();
  on_commit();
}

Answer Node::fence(Epoch epoch) {
  const bool only_heard = epoch == seen_ && std::exchange(heard_, {}) == epoch;
  if (epoch <= seen_ && !only_heard) return refuse("has seen epoch " + std::to_string(seen_.value));
  const GroupView known = view_;
  if (!deliberately(Bug::kForgetfulEpoch)) step_down("fenced by epoch " + std::to_string(epoch.value));
  see_without_primary(epoch);
  return {true, describe_fenced({settings_.address, applier_.sound(), applier_.position(), known})};
}

Answer Node::follow_command(Epoch epoch, const std::string& primary) {
  if (epoch < seen_) return refuse("has seen epoch " + std::to_string(seen_.value));
  if (epoch == seen_ && role_ == Role::kPrimary)
    return refuse("is itself primary of epoch " + std::to_string(seen_.value) +
                  ": two primaries; `promote force` at the one that is to stay, and the other gives up what it has");
  if (primary == settings_.address) return refuse("cannot follow itself");
  if (takeover_) return refuse("is being promoted");
  if (role_ == Role::kBackup && standby_->primary() == primary) return {true, "follows it already"};
  follow(primary);
  seen_ = std::max(seen_, epoch);
  outside_.owner.remember(seen_, view_);
  return {true, "follows " + primary};
}

void Node::add(const std::string& address, const AnswerTo& answer) {
  if (!leader_) return answer(refuse("is not the primary"));
  if (address == settings_.address) return answer(refuse("is this node"));
  removed_.erase(address);
  known_.insert(address);
  const bool asked = invite(address, [address, answer](const std::optional<Answer>& reply) {
    if (!reply) return answer({true, address + " does not answer; it is asked again until it follows"});
    answer({reply->ok, address + (reply->ok ? " " : " does not follow: ") + reply->text});
  });
  if (!asked) answer({true, address + " is being asked to follow already"});
}

Answer Node::remove(const std::string& address) {
  if (!leader_) return refuse("is not the primary");
  const bool known = known_.erase(address) != 0;
  refusals_.erase(address);
  if (!leader_->remove(address) && !known) return refuse("no member: " + address);
  removed_.insert(address);
  return {true, "removed: " + address};
}

// Who is to be dropped is asked first, if it can be: a primary that was stopped, or cut off, for a while may have been
// replaced, and those it has lost are the ones who know. Note "deposed primary".
void Node::OwnAuthority::propose(const GroupView& next, Decided done) {
  std::vector<std::string> dropped;
  if (next.primary == node_.view_.primary && !deliberately(Bug::kUnaskedLoss))
    for (const std::string& address : node_.view_.in_sync)
      if (!next.has(address)) dropped.push_back(address);
  struct Inquiry {
    std::size_t awaited;
    Epoch latest;
  };
  const auto inquiry = std::make_shared<Inquiry>(Inquiry{dropped.size() + 1, {}});
  const auto answered = [this, inquiry, next, done = std::move(done)](Epoch seen) {
    inquiry->latest = std::max(inquiry->latest, seen);
    if (--inquiry->awaited != 0) return;
    inquiry->latest = std::max(inquiry->latest, node_.seen_);  // it may have been fenced meanwhile
    if (inquiry->latest >= next.epoch) return done(false, {inquiry->latest, {}, {}});
    node_.outside_.owner.remember(next.epoch, next);
    done(true, next);
  };
  for (const std::string& address : dropped)
    node_.ask(address, "epoch", node_.settings_.lease.term, [answered](const std::optional<Answer>& answer) {
      answered({answer && answer->ok ? std::strtoull(answer->text.c_str(), nullptr, 10) : 0});
    });
  answered({});
}

}  // namespace lmc::replication

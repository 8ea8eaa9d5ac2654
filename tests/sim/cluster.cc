#include "cluster.h"

#include <algorithm>
#include <cstring>
#include <iostream>

#include "replication/deliberate_bugs.h"

namespace lmc::sim {

using replication::Bug;
using replication::deliberately;
using replication::Service;

namespace {
constexpr Seconds kBegin = 1'800'000'000;

Seconds seconds_at(TimePoint now) {
  const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch() - 1h);
  return kBegin + static_cast<Seconds>(passed.count());
}

std::uint64_t term_of(replication::Epoch epoch) {
  return epoch.value / replication::kEpochsOfTerm;
}

store::StoreOptions store_options(Network& network, const ClusterOptions& options) {
  store::StoreOptions store;
  store.memory_bytes = options.memory_bytes;
  store.max_item_bytes = 16 << 10;
  store.max_sessions = 4;
  store.hash_seed = 1 + network.world().pick(1'000'000);
  store.room_waits = 2;  // in this world nobody else runs meanwhile
  store.now = {kBegin};
  return store;
}

Content content_of(const store::ItemView& view) {
  if (!view) return std::nullopt;
  std::string text;
  view.for_each_piece([&text](std::string_view piece) { text += piece; });
  std::optional<Item> item = item_of(text);
  if (!item) throw Violation(std::string(view.key()) + " has a value that nobody gave it: " + text.substr(0, 100));
  item->expiry = view.expiry().value;
  item->stale = view.stale();
  item->win_sent = view.win_sent();
  return item;
}

// Of a segment, all that never changes. What is changed in place shows in the items; in a record that nobody finds any
// more it may be as it was at any time.
bool equal_records(const store::Store& one, const store::Store& other, const store::AnnouncedSegment& segment) {
  const std::uint64_t start = segment.segment.value * one.summary().segment_bytes;
  const char* const here = one.log_memory().data() + start;
  const char* const there = other.log_memory().data() + start;
  if (std::memcmp(here, there, store::kSegmentHeaderBytes) != 0) return false;
  for (std::uint64_t at = store::kSegmentHeaderBytes; at < segment.used_bytes;) {
    const auto& record = *reinterpret_cast<const store::RecordHeader*>(here + at);
    const auto& copy = *reinterpret_cast<const store::RecordHeader*>(there + at);
    constexpr std::size_t kFixedBytes = 2 * sizeof(std::uint64_t);  // of the header
    const std::size_t bytes = record.record_bytes();
    if (std::memcmp(here + at, there + at, kFixedBytes) != 0) return false;
    if (std::memcmp(record.body(), copy.body(), bytes - store::kRecordHeaderBytes) != 0) return false;
    at += bytes;
  }
  return true;
}

}  // namespace

bool Authorities::allows(const replication::GroupView& next) const {
  if (view_.primary.empty()) return true;
  if (next.epoch <= view_.epoch) return false;
  if (next.primary == view_.primary) return true;
  // Nobody enters the set by a change of primary, and who begins one must know everybody who is in it.
  const auto everybody = [](const replication::GroupView& view) {
    std::set<std::string> all(view.in_sync.begin(), view.in_sync.end());
    all.insert(view.primary);
    return all;
  };
  const std::set<std::string> present = everybody(view_);
  const std::set<std::string> wanted = everybody(next);
  const bool begins_term = next.epoch.value % replication::kEpochsOfTerm == 0;
  return begins_term ? wanted == present : std::includes(present.begin(), present.end(), wanted.begin(), wanted.end());
}

void Authorities::propose(const replication::GroupView& next, replication::Authority::Decided done) {
  pending_.push_back(next);
  watcher_(next, false);
  world_.after(world_.delay(100us), [this, next, done = std::move(done)] {
    std::erase(pending_, next);
    const bool agreed = allows(next);
    if (agreed) view_ = next;
    if (agreed) watcher_(next, true);
    world_.after(world_.delay(100us), [done, agreed, current = view_] { done(agreed, current); });
  });
}

// What an outdated primary decides is nothing.
void Authorities::note(const replication::GroupView& next) {
  if (next.epoch <= view_.epoch) return;
  view_ = next;
  watcher_(next, true);
}

void SimNode::propose(const replication::GroupView& next, Decided done) {
  if (network_.is_cut(address(), kAuthority)) {
    // It is asked again until it can be reached.
    process_.after(5ms, [this, next, done = std::move(done)]() mutable { propose(next, std::move(done)); });
    return;
  }
  authorities_.propose(next, [this, alive = std::weak_ptr<int>(alive_), done = std::move(done)](
                                 bool agreed, const replication::GroupView& current) {
    if (!alive.expired()) process_.after(0us, [done, agreed, current] { done(agreed, current); });
  });
}

SimNode::SimNode(Network& network, Authorities& authorities, StateFiles& states, const std::string& address,
                 const ClusterOptions& options, OnTakeover on_takeover)
    : options_(options),
      network_(network),
      authorities_(authorities),
      states_(states),
      on_takeover_(std::move(on_takeover)),
      process_(network.world()),
      host_(network, process_, address,
            [this](std::unique_ptr<replication::Peer> peer) { node_->accept(std::move(peer)); }),
      reactor_(process_),
      store_(store_options(network, options)),
      log_(store_, [this] { return clock(); }),
      session_(store_),
      release_(reactor_.timer([this] { release(); })),
      doorbell_(reactor_.timer([this] { node_->collect(); })) {
  replication::Settings settings = options.settings;
  settings.address = address;
  const auto say = [this](const std::string& line) {
    if (!options_.loud) return;
    const auto us = std::chrono::duration_cast<Micros>(network_.world().now().time_since_epoch() - 1h).count();
    std::cerr << us << " " << host_.address() << ": " << line << "\n";
  };
  const auto draw = [this] {
    replication::Ticket ticket;
    for (auto& byte : ticket) byte = static_cast<std::uint8_t>(network_.world().pick(256));
    return ticket;
  };
  const bool decides = options.decider == Decider::kPrimary;
  node_ = std::make_unique<replication::Node>(
      replication::Node::Outside{reactor_, host_, host_, log_, *this, decides ? nullptr : this, say, draw}, settings);
  if (const auto state = states_.find(address);
      decides && state != states_.end() && !deliberately(Bug::kForgottenState))
    node_->recall(state->second.seen, state->second.view);
}

SimNode::~SimNode() {
  for (const auto& connection : connections_) close(*connection);
}

store::UnixSeconds SimNode::clock() const {
  return {seconds_at(network_.world().now())};
}

// --- clients ---

std::shared_ptr<Connection> SimNode::connect(Connection::OnReply on_reply) {
  return connections_.emplace_back(std::make_shared<Connection>(std::move(on_reply)));
}

void SimNode::send(const std::shared_ptr<Connection>& connection, const std::vector<Request>& requests) {
  connection->asked_.insert(connection->asked_.end(), requests.begin(), requests.end());
  process_.after(network_.world().delay(20us), [this, connection] { turn(connection); });
}

void SimNode::turn(const std::shared_ptr<Connection>& connection) {
  if (connection->closed_ || connection->asked_.empty()) return;
  World& world = network_.world();
  node_->apply_landed();
  if (node_->serving().service() == Service::kNothing) {
    close(*connection);
    return void(std::erase(connections_, connection));
  }
  const std::uint64_t before = store_.last_version().value;
  session_.begin_turn(clock());
  for (std::uint64_t most = 1 + world.pick(connection->asked_.size()); most != 0; --most) {
    execute(*connection, connection->asked_.front());
    connection->asked_.pop_front();
  }
  session_.end_turn();
  if (store_.last_version().value != before && node_->serving().wants_bell_after_append())
    doorbell_->set(Micros(static_cast<std::int64_t>(world.pick(5))));
  process_.after(0us, [this, connection] { flush(*connection); });
  if (!connection->asked_.empty()) process_.after(world.delay(5us), [this, connection] { turn(connection); });
}

void SimNode::execute(Connection& connection, const Request& request) {
  Reply reply;
  reply.outcome = Reply::Outcome::kDone;
  if (request.changes()) {
    const bool may = node_->serving().service() == Service::kAll;
    if (!may || !change(request, reply)) reply.outcome = Reply::Outcome::kRefused;
  } else {
    reply.content = content_of(session_.find(session_.hash(request.key)));
  }
  if (const replication::Leader* leader = node_->leader()) reply.term = term_of(leader->view().epoch);
  reply.version = session_.dependency().value;
  session_.forget_dependency();
  connection.gate_.depend(connection.sent_ + connection.made_.size(), {reply.version});
  connection.made_.push_back({request, reply});
}

bool SimNode::change(const Request& request, Reply& reply) {
  if (request.verb == Verb::kFlush) {
    session_.flush_all();
    return true;
  }
  const auto run = [&](store::Mutation& mutation) {
    const Content before = content_of(mutation.current());
    reply.found = before.has_value();
    if (!before && request.verb != Verb::kSet) return;
    const Content after = before ? changed(*before, request) : stored(request);
    reply.content = after;
    bool has_room = true;
    if (!after) {
      has_room = mutation.erase();
    } else if (request.verb == Verb::kTouch) {
      has_room = mutation.touch({after->expiry});
    } else if (request.verb == Verb::kMark) {
      has_room = mutation.set_state(after->stale, after->win_sent);
    } else {
      const std::string value = value_of(*after);
      const std::string_view part = value;
      store::NewItem item;
      item.expiry = {after->expiry};
      item.stale = after->stale;
      item.win_sent = after->win_sent;
      has_room = mutation.put(item, {&part, 1});
    }
    (void)has_room;  // if there is none, this is called again
  };
  return session_.mutate(session_.hash(request.key), request.bytes, run) == store::MutateResult::kDone;
}

void SimNode::answer(Connection& connection, const Request& request, const Reply& reply) {
  network_.world().after(10us, [tell = connection.on_reply_, request, reply] { tell(request, reply); });
}

void SimNode::close(Connection& connection) {
  if (std::exchange(connection.closed_, true)) return;
  for (Connection::Made& made : connection.made_) {
    if (made.reply.outcome == Reply::Outcome::kDone) made.reply.outcome = Reply::Outcome::kUnknown;
    answer(connection, made.request, made.reply);
  }
  for (const Request& request : connection.asked_)
    answer(connection, request, {Reply::Outcome::kNotDone, {}, {}, 0, 0});
  connection.made_.clear();
  connection.asked_.clear();
}

void SimNode::flush(Connection& connection) {
  const bool may = node_->serving().may_serve(network_.world().now());
  const bool everything = deliberately(Bug::kUncommittedAnswers);
  const store::Version committed{everything ? replication::kEverything.value : node_->committed().value};
  connection.gate_.admit(may ? std::optional(committed) : std::nullopt);
  for (; !connection.made_.empty() && connection.sent_ < connection.gate_.limit(); ++connection.sent_) {
    answer(connection, connection.made_.front().request, connection.made_.front().reply);
    connection.made_.pop_front();
  }
}

void SimNode::release() {
  std::erase_if(connections_, [](const auto& connection) { return connection->closed(); });
  for (const auto& connection : connections_) flush(*connection);
}

// --- the node ---

// Who has something uncommitted does not hear what became of it.
void SimNode::change_role(const std::function<void()>& change) {
  change();
  if (deliberately(Bug::kAnswersKept)) return;
  std::erase_if(connections_, [this](const auto& connection) {
    if (connection->made_.empty()) return false;
    if (!deliberately(Bug::kAnswersForgotten)) close(*connection);
    return true;
  });
}

// Who does not serve resets its clients.
void SimNode::on_serving() {
  const bool serves = node_->serving().service() != Service::kNothing;
  if (served_ && !serves && !deliberately(Bug::kAnswersKept))
    for (const auto& connection : std::exchange(connections_, {})) close(*connection);
  served_ = serves;
  if (!connections_.empty()) release_->set(Micros(static_cast<std::int64_t>(network_.world().pick(10))));
}

void SimNode::on_room_wanted() {
  node_->make_room();
}

void SimNode::remember(replication::Epoch seen, const replication::GroupView& view) {
  states_[address()] = {seen, view};
  host_.fence(term_of(seen));
  if (view.primary != address()) return;
  if (options_.decider == Decider::kPrimary) authorities_.note(view);
  // What it has only decided, or led before it ended, it does not lead.
  const bool leads = node_->view() == view && node_->role() != replication::Role::kBackup;
  if (!leads || term_of(view.epoch) <= led_term_) return;
  led_term_ = term_of(view.epoch);
  host_.lead(led_term_);
  on_takeover_(*this, led_term_);
}

void SimNode::command(const std::string& text, std::function<void(const replication::Answer&)> done) {
  process_.after(20us, [this, text, done = std::move(done)] { node_->command(text, done); });
}

Content SimNode::peek(const std::string& key) {
  session_.begin_turn(clock());
  const Content content = content_of(session_.find(session_.hash(key)));
  session_.forget_dependency();
  session_.end_turn();
  return content;
}

void SimNode::check_bounds() const {
  const auto check = [this](const char* what, std::size_t size, std::size_t most) {
    if (size > most)
      throw Violation(std::string(what) + " of " + address() + " grow: " + std::to_string(size) + ", at most " +
                      std::to_string(most));
  };
  if (const replication::Leader* leader = node_->leader()) {
    const replication::Leader::Kept kept = leader->kept();
    const replication::LeaseTimes& lease = node_->settings().lease;
    check("uncommitted heads", kept.heads, node_->settings().ring_slots);
    const replication::Geometry log = log_.geometry();
    check("retirements", kept.retirements, log.log_bytes / log.segment_bytes + 1);
    check("samples", kept.samples, static_cast<std::size_t>(lease.term / lease.tick()) + 2);
    check("members", leader->members().size(), kNodes.size() - 1);
  }
  const replication::Node::Kept kept = node_->kept();
  check("visitors", kept.visitors, 4 * kNodes.size());
  check("errands", kept.errands, 4 * kNodes.size());
  check("farewells", kept.farewells, replication::kMostFarewells);
  for (const auto& connection : connections_)
    check("replies of a connection", connection->unanswered(), options_.most_pipelined);
}

void Cluster::watch() {
  for (auto& [address, node] : nodes) node->check_bounds();
  note_settled();
  world.after(1ms, [this] { watch(); });
}

SimNode& Cluster::start(const std::string& address) {
  auto& node = nodes[address];
  node.reset();
  node = std::make_unique<SimNode>(network, authorities, states_, address, options_,
                                   [this](SimNode& it, std::uint64_t term) { on_takeover(it, term); });
  return *node;
}

void Cluster::say(const std::string& line) const {
  if (!options_.loud) return;
  std::cerr << std::chrono::duration_cast<Micros>(world.now().time_since_epoch() - 1h).count() << " " << line << "\n";
}

SimNode* Cluster::find(const std::string& address) {
  const auto at = nodes.find(address);
  return at == nodes.end() ? nullptr : at->second.get();
}

SimNode* Cluster::primary() {
  SimNode* latest = nullptr;
  for (auto& [address, node] : nodes) {
    if (node->node().role() != replication::Role::kPrimary) continue;
    if (latest == nullptr || latest->node().seen() < node->node().seen()) latest = node.get();
  }
  return latest;
}

std::string Cluster::describe() const {
  std::string state;
  for (const auto& [address, node] : nodes)
    state += "--- " + address + "\n" + replication::describe_status(node->node());
  return state;
}

void Cluster::await(const std::string& what, Micros most, const std::function<bool()>& condition) {
  const TimePoint end = world.now() + most;
  while (!condition()) {
    if (world.now() >= end) throw Violation("did not happen: " + what + "\n" + describe());
    world.run_for(1ms);
  }
}

void Cluster::await_in_sync(std::size_t backups) {
  await("a group", 5s, [&] { return authorities.view().in_sync.size() == backups; });
}

void Cluster::await_all_in_sync(std::size_t backups, Micros most) {
  await("all in sync", most, [&] {
    SimNode* const leader = primary();
    if (leader == nullptr || leader->node().view().in_sync.size() != backups) return false;
    const replication::Version told = leader->node().leader()->told().version;
    if (told.value != leader->store().summary().version.value) return false;
    for (const std::string& address : leader->node().view().in_sync) {
      SimNode* const backup = find(address);
      if (backup == nullptr || backup->node().applied_version() != told) return false;
      if (backup->node().serving().service() != Service::kReads) return false;
    }
    return leader->node().leader()->drained();
  });
}

Seconds Cluster::seconds() const {
  return seconds_at(world.now());
}

// What was acknowledged by the primary before its predecessor's log was safe with a backup of its own need not be here,
// with less than --ack=all: it had what another backup had.
void Cluster::on_takeover(SimNode& node, std::uint64_t term) {
  const std::uint64_t version = node.store().last_version().value;
  const bool all = options_.keeps_acked && (book.follows_acks() || settled_);
  for (const std::string& key : keys) book.check_takeover(key, node.peek(key), all, version, seconds(), node.address());
  if (!book.follows_acks())
    for (const std::string& key : keys) book.restart(key, node.peek(key), version, seconds());
  book.begin_term(term);
  leads_ = node.address();
  led_from_ = version;
  settled_ = false;
}

// The primary's log, as it was when it became one, is with a backup as well.
void Cluster::note_settled() {
  SimNode* const node = settled_ ? nullptr : find(leads_);
  const replication::Leader* const leader = node == nullptr ? nullptr : node->node().leader();
  settled_ = settled_ || (leader != nullptr && leader->committed().value >= led_from_);
}

std::string Cluster::compare(SimNode& leader, SimNode& backup) {
  std::vector<store::AnnouncedSegment> segments;
  leader.store().describe(segments);
  for (const store::AnnouncedSegment& segment : segments)
    if (!equal_records(leader.store(), backup.store(), segment))
      return "segment " + std::to_string(segment.segment.value) + " differs at " + backup.address();
  for (const std::string& key : keys) {
    const Content there = backup.peek(key);
    const Content here = leader.peek(key);
    if (here != there)
      return key + " differs at " + backup.address() + ": " + sim::describe(there) + "; at the primary " +
             sim::describe(here);
  }
  return {};
}

std::string Cluster::compare_prefix(SimNode& leader, SimNode& backup) {
  std::vector<store::AnnouncedSegment> here;
  std::vector<store::AnnouncedSegment> there;
  leader.store().describe(here);
  backup.store().inventory(there);
  for (store::AnnouncedSegment segment : here) {
    const auto copy = std::find_if(there.begin(), there.end(), [&](const auto& each) {
      return each.segment.value == segment.segment.value && each.sequence == segment.sequence;
    });
    if (copy == there.end()) continue;
    segment.used_bytes = std::min(segment.used_bytes, copy->used_bytes);
    if (!equal_records(leader.store(), backup.store(), segment))
      return "segment " + std::to_string(segment.segment.value) + " differs at " + backup.address() +
             " in what it has of it";
  }
  return {};
}

void Cluster::check_equal() {
  SimNode* const leader = primary();
  // Looking is a turn, and turns reclaim: until there is nothing to be reclaimed.
  for (const std::string& key : keys) (void)leader->peek(key);
  await_all_in_sync(leader->node().view().in_sync.size());
  for (const std::string& address : leader->node().view().in_sync)
    if (const std::string difference = compare(*leader, *find(address)); !difference.empty())
      throw Violation(difference);
}

void Cluster::check_equal_now() {
  SimNode* const leader = primary();
  if (leader == nullptr || leader->node().leader() == nullptr) return;
  const store::Version version = leader->store().last_version();
  const replication::Position end = leader->node().leader()->ledger().end();
  const bool all_told = leader->node().leader()->told().version.value == version.value;
  for (const std::string& address : leader->node().view().in_sync) {
    SimNode* const backup = find(address);
    if (backup == nullptr || backup->node().role() != replication::Role::kBackup) continue;
    if (backup->node().seen() > leader->node().seen()) continue;  // of another primary, that has ended
    if (const std::string difference = compare_prefix(*leader, *backup); !difference.empty())
      throw Violation("meanwhile " + difference);
    if (!all_told || backup->node().position() != end) continue;
    const std::string difference = compare(*leader, *backup);
    if (leader->store().last_version() != version) return;  // looking has changed something
    if (!difference.empty()) throw Violation("meanwhile " + difference);
  }
}

}  // namespace lmc::sim

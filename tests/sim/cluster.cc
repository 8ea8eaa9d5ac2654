#include "cluster.h"

#include <iostream>

#include "replication/deliberate_bugs.h"

namespace lmc::sim {

using replication::Service;

namespace {
constexpr store::UnixSeconds kBegin{1'800'000'000};

store::StoreOptions store_options(Network& network, const ClusterOptions& options) {
  store::StoreOptions store;
  store.memory_bytes = options.memory_bytes;
  store.max_item_bytes = 16 << 10;
  store.max_sessions = 4;
  store.hash_seed = 1 + network.world().pick(1'000'000);
  store.room_waits = 2;  // in this world nobody else runs meanwhile
  store.now = kBegin;
  return store;
}

std::string text_of(const store::ItemView& item) {
  std::string text;
  item.for_each_piece([&text](std::string_view piece) { text += piece; });
  return text;
}
}  // namespace

void Book::read(const std::string& key, std::uint64_t number, std::uint64_t floor, const std::string& where) {
  ++reads_;
  Entry& entry = keys_[key];
  const auto what = [&] {
    return key + " at " + where + ": read " + std::to_string(number) + ", known before " + std::to_string(floor) +
           ", written up to " + std::to_string(entry.written);
  };
  if (number > entry.written) throw Violation("what was never written: " + what());
  if (number < floor) throw Violation("an older value than was known: " + what());
  entry.floor = std::max(entry.floor, number);
}

bool Authorities::allows(const replication::GroupView& next) const {
  if (view_.primary.empty()) return true;
  if (next.epoch <= view_.epoch) return false;
  if (next.primary == view_.primary) return true;
  // Nobody enters the set by a change of primary.
  for (const std::string& address : next.in_sync)
    if (!view_.has(address)) return false;
  return view_.has(next.primary);
}

void Authorities::propose(const replication::GroupView& next, replication::Authority::Decided done) {
  world_.after(world_.delay(100us), [this, next, done = std::move(done)] {
    const bool agreed = allows(next);
    if (agreed) view_ = next;
    world_.after(world_.delay(100us), [done, agreed, current = view_] { done(agreed, current); });
  });
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

SimNode::SimNode(Network& network, Authorities& authorities, const std::string& address, const ClusterOptions& options)
    : options_(options),
      network_(network),
      authorities_(authorities),
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
  node_ = std::make_unique<replication::Node>(
      replication::Node::Outside{reactor_, host_, host_, log_, *this, this, say, draw}, settings);
}

SimNode::~SimNode() {
  for (Waiting& waiting : waiting_)
    network_.world().after(10us, [done = std::move(waiting.done)] { done(Outcome::kUnknown, std::nullopt); });
}

store::UnixSeconds SimNode::clock() const {
  const auto passed = std::chrono::duration_cast<std::chrono::seconds>(network_.world().now().time_since_epoch() - 1h);
  return {kBegin.value + static_cast<std::uint32_t>(passed.count())};
}

void SimNode::change_role(const std::function<void()>& change) {
  change();
  for (Waiting& waiting : std::exchange(waiting_, {}))
    network_.world().after(10us, [done = std::move(waiting.done)] { done(Outcome::kUnknown, std::nullopt); });
}

void SimNode::on_serving() {
  if (!waiting_.empty()) release_->set(Micros(static_cast<std::int64_t>(network_.world().pick(10))));
}

void SimNode::on_room_wanted() {
  node_->make_room();
}

void SimNode::release() {
  std::erase_if(waiting_, [this](Waiting& waiting) {
    if (!node_->serving().may_serve(network_.world().now())) return false;
    if (node_->committed() < waiting.version && !replication::deliberately(replication::Bug::kUncommittedAnswers))
      return false;
    network_.world().after(10us, [done = std::move(waiting.done), value = std::move(waiting.value)]() mutable {
      done(Outcome::kDone, std::move(value));
    });
    return true;
  });
}

void SimNode::execute(bool write, Done done, std::function<bool(std::optional<std::string>&)> run) {
  World& world = network_.world();
  // The client learns of it if the process ends before it gets to this.
  struct Ticket {
    Ticket(World& in, Done call) : world(in), done(std::move(call)) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    World& world;
    Done done;
    ~Ticket() {
      if (done) world.after(10us, [done = std::move(done)] { done(Outcome::kUnknown, std::nullopt); });
    }
  };
  auto ticket = std::make_shared<Ticket>(world, std::move(done));
  process_.after(world.delay(20us), [this, write, ticket, run = std::move(run), &world] {
    Done answer = std::exchange(ticket->done, nullptr);
    node_->apply_landed();
    const Service service = node_->serving().service();
    if (service == Service::kNothing || (write && service != Service::kAll))
      return world.after(10us, [answer] { answer(Outcome::kRefused, std::nullopt); }), void();
    session_.begin_turn(clock());
    std::optional<std::string> value;
    const bool executed = run(value);
    const replication::Version version{session_.dependency().value};
    session_.forget_dependency();
    session_.end_turn();
    if (!executed) return world.after(10us, [answer] { answer(Outcome::kRefused, std::nullopt); }), void();
    waiting_.push_back({version, std::move(value), std::move(answer)});
    if (write && node_->serving().wants_bell_after_append())
      doorbell_->set(Micros(static_cast<std::int64_t>(world.pick(5))));
    release_->set({});
  });
}

void SimNode::set(const std::string& key, const std::string& value, Done done) {
  execute(true, std::move(done), [this, key, value](std::optional<std::string>&) {
    const std::string_view part = value;
    return session_.mutate(session_.hash(key), value.size(), [&](store::Mutation& mutation) {
      (void)mutation.put({}, {&part, 1});
    }) == store::MutateResult::kDone;
  });
}

void SimNode::get(const std::string& key, Done done) {
  execute(false, std::move(done), [this, key](std::optional<std::string>& value) {
    const store::ItemView item = session_.find(session_.hash(key));
    if (item) value = text_of(item);
    return true;
  });
}

void SimNode::command(const std::string& text, std::function<void(const replication::Answer&)> done) {
  process_.after(20us, [this, text, done = std::move(done)] { node_->command(text, done); });
}

std::optional<std::string> SimNode::peek(const std::string& key) {
  session_.begin_turn(clock());
  const store::ItemView item = session_.find(session_.hash(key));
  std::optional<std::string> value;
  if (item) value = text_of(item);
  session_.forget_dependency();
  session_.end_turn();
  return value;
}

SimNode& Cluster::start(const std::string& address) {
  auto& node = nodes[address];
  node.reset();
  node = std::make_unique<SimNode>(network, authorities, address, options_);
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

void Cluster::await(const std::string& what, Micros most, const std::function<bool()>& condition) {
  const TimePoint end = world.now() + most;
  while (!condition()) {
    if (world.now() >= end) {
      std::string state;
      for (auto& [address, node] : nodes) state += "--- " + address + "\n" + replication::describe_status(node->node());
      throw Violation("did not happen: " + what + "\n" + state);
    }
    if (!world.run_for(1ms)) throw Violation("too much happens: " + what);
  }
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

void Cluster::check_equal(const std::vector<std::string>& keys) {
  SimNode* const leader = primary();
  // Looking is a turn, and turns reclaim: until there is nothing to be reclaimed.
  for (const std::string& key : keys) (void)leader->peek(key);
  await_all_in_sync(leader->node().view().in_sync.size());
  std::vector<store::AnnouncedSegment> segments;
  leader->store().describe(segments);
  for (const std::string& address : leader->node().view().in_sync) {
    SimNode& backup = *find(address);
    for (const store::AnnouncedSegment& segment : segments)
      if (leader->store().digest(segment.segment, segment.used_bytes) !=
          backup.store().digest(segment.segment, segment.used_bytes))
        throw Violation("segment " + std::to_string(segment.segment.value) + " differs at " + address);
    for (const std::string& key : keys)
      if (leader->peek(key) != backup.peek(key)) throw Violation(key + " differs at " + address);
    if (leader->store().summary().items != backup.store().summary().items)
      throw Violation("the number of items differs at " + address);
  }
}

}  // namespace lmc::sim

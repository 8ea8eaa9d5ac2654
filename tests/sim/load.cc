#include "load.h"

#include <algorithm>

namespace lmc::sim {

namespace {

// Until a client gives up, and asks elsewhere.
constexpr Micros kPatience = 20ms;
// Everything that is asked is answered by then, once nothing goes wrong any more.
constexpr Micros kMostWait = 30s;
constexpr Seconds kFarAway = 10'000'000;

std::string stamp(TimePoint at) {
  return std::to_string(std::chrono::duration_cast<Micros>(at.time_since_epoch() - 1h).count());
}

}  // namespace

// Changes and reads some keys for ever, at whichever node, some requests at a time on one connection.
class Client {
 public:
  Client(Load& load, const std::string& name, bool patient)
      : load_(load), cluster_(load.cluster_), world_(cluster_.world), options_(load.options_), patient_(patient) {
    for (std::size_t i = 0; i < options_.keys; ++i) keys_.push_back(name + std::to_string(i));
    cluster_.keys.insert(cluster_.keys.end(), keys_.begin(), keys_.end());
  }
  void step() {
    if (load_.ended_) return;
    if (world_.now() < load_.paused_until_) return again(1ms);
    const bool changes = world_.chance(600) && !load_.flushing_;
    const std::string address = kNodes[world_.pick(kNodes.size())];
    SimNode* node = cluster_.find(address);
    if (changes)
      if (SimNode* primary = cluster_.primary()) node = primary;
    if (node == nullptr) return again(1ms);
    ask(*node, changes);
  }
  [[nodiscard]] bool idle() const { return awaited_.empty(); }
  // Changes of its are under way.
  [[nodiscard]] bool changing() const { return changing_; }
  [[nodiscard]] std::string describe() const {
    const Awaited& first = awaited_.front();
    return first.request.key + " " + std::to_string(first.request.number) + " at " + node_ + ", asked at " +
           stamp(first.asked);
  }

 private:
  struct Awaited {
    Request request;
    Book::Question question;
    TimePoint asked;
  };
  void again(Micros pause) {
    world_.after(pause, [this] { step(); });
  }
  void ask(SimNode& node, bool changes) {
    node_ = node.address();
    std::shared_ptr<Connection>& connection = connections_[node_];
    if (!connection || connection->closed())
      connection = node.connect([this, number = ++connected_, to = node_](const Request& request, const Reply& reply) {
        if (number > given_up_[to]) on_reply(to, request, reply);
      });
    const bool at_primary = node.node().role() == replication::Role::kPrimary;
    std::vector<Request> requests;
    done_.clear();
    failed_ = false;
    for (std::size_t most = 1 + world_.pick(options_.pipelined); most != 0; --most) {
      const std::string key = keys_[world_.pick(keys_.size())];
      const Book::Question question = cluster_.book.ask(key, node_, at_primary, cluster_.seconds());
      Request request{Verb::kGet, key, 0, 0, 0, false, false};
      if (changes && world_.chance(700)) {
        request = draw_change(key);
        cluster_.book.begin(request, cluster_.seconds());
        changing_ = true;
      }
      awaited_.push_back({request, question, world_.now()});
      requests.push_back(request);
    }
    node.send(connection, requests);
    ++asked_;
    if (const auto patience = draw_patience())
      world_.after(*patience, [this, asked = asked_, connection] { lose_patience(asked, connection); });
  }

  // Nothing: without end.
  std::optional<Micros> draw_patience() {
    if (!patient_) return kPatience;
    if (world_.chance(300)) return std::nullopt;
    return cluster_.lease() +
           Micros(static_cast<std::int64_t>(world_.pick(2 * static_cast<std::uint64_t>(cluster_.lease().count()))));
  }

  // What has not been begun may yet be done, after anything that is asked elsewhere meanwhile: that is waited for.
  void lose_patience(std::uint64_t asked, const std::shared_ptr<Connection>& connection) {
    if (asked != asked_ || awaited_.empty()) return;
    if (options_.most_wait)
      throw Violation("no answer though nothing is wrong: " + describe() + "\n" + cluster_.describe());
    if (load_.calm_) return;
    if (changing_ && !connection->all_begun())
      return world_.after(kPatience, [this, asked, connection] { lose_patience(asked, connection); });
    connection->give_up();
    given_up_[node_] = connected_;
    for (const Awaited& each : std::exchange(awaited_, {}))
      if (each.request.changes()) cluster_.book.unknown(each.request, cluster_.seconds());
    changing_ = false;
    again(1ms);
  }

  Request draw_change(const std::string& key) {
    Request request;
    request.key = key;
    request.number = cluster_.book.next(key);
    const std::uint64_t which = world_.pick(cluster_.evicts() ? 60 : 100);
    if (which < 45) {
      request.verb = Verb::kSet;
      request.bytes = world_.pick(2 * options_.value_bytes);
      request.expiry = draw_expiry(request.number);
    } else if (which < 60) {
      request.verb = Verb::kTouch;
      request.expiry = draw_expiry(request.number);
    } else if (which < 75) {
      request.verb = Verb::kCount;
      request.bytes = 2 * options_.value_bytes;
    } else if (which < 87) {
      request.verb = Verb::kMark;
      request.stale = world_.chance(500);
      request.win_sent = world_.chance(500);
    } else {
      request.verb = Verb::kErase;
    }
    return request;
  }

  // Mostly one that tells which change it is from.
  Seconds draw_expiry(std::uint64_t number) {
    const std::uint64_t which = world_.pick(10);
    if (which < 3) return 0;
    if (which < 8) return cluster_.seconds() + kFarAway + static_cast<Seconds>(number);
    return cluster_.seconds() + 1 + static_cast<Seconds>(world_.pick(2));
  }

  void on_reply(const std::string& from, const Request& request, const Reply& reply) {
    if (from != node_ || awaited_.empty() || awaited_.front().request.key != request.key ||
        awaited_.front().request.verb != request.verb || awaited_.front().request.number != request.number)
      throw Violation("a reply that is not next: " + request.key + " " + std::to_string(request.number));
    const Awaited awaited = awaited_.front();
    awaited_.pop_front();
    check_wait(awaited);
    check(awaited, reply);
    failed_ = failed_ || reply.outcome != Reply::Outcome::kDone;
    if (!awaited_.empty()) return;
    changing_ = false;
    again(failed_ ? 2ms : world_.delay(options_.pause));
  }

  void check_wait(const Awaited& awaited) const {
    const auto waited = std::chrono::duration_cast<Micros>(world_.now() - awaited.asked);
    if (options_.most_wait && waited > *options_.most_wait)
      throw Violation("an answer took " + std::to_string(waited.count()) + " us though nothing is wrong: " +
                      awaited.request.key + " at " + node_ + ", asked at " + stamp(awaited.asked));
  }

  void check(const Awaited& awaited, const Reply& reply) {
    const Request& request = awaited.request;
    const Seconds now = cluster_.seconds();
    const auto shown = [&] {
      cluster_.book.shown(request.key, awaited.question, done_[request.key], reply.content, now, node_, [&] {
        return node_ + ", asked at " + stamp(awaited.asked) + ", answered at " + stamp(world_.now());
      });
    };
    switch (reply.outcome) {
      case Reply::Outcome::kUnknown:
        if (request.changes()) cluster_.book.unknown(request, now);
        return;
      case Reply::Outcome::kRefused:
      case Reply::Outcome::kNotDone:
        if (request.changes()) cluster_.book.not_done(request);
        return;
      case Reply::Outcome::kDone:
        if (!request.changes()) return shown();
        cluster_.book.done(request, {reply.found, reply.term, reply.version}, now);
        done_[request.key] = request.number;
        // A touch shows what it has touched.
        if (request.verb == Verb::kTouch && reply.found) shown();
        return;
    }
  }

  Load& load_;
  Cluster& cluster_;
  World& world_;
  const LoadOptions& options_;
  const bool patient_;
  std::vector<std::string> keys_;
  std::string node_;                                                // asked last
  std::map<std::string, std::shared_ptr<Connection>> connections_;  // by node
  std::uint64_t connected_ = 0;
  std::map<std::string, std::uint64_t> given_up_;  // connections up to this one, by node
  std::uint64_t asked_ = 0;
  std::deque<Awaited> awaited_;
  std::map<std::string, std::uint64_t> done_;  // the latest change of a key among those that were asked together
  bool changing_ = false;
  bool failed_ = false;
};

Load::Load(Cluster& cluster, const LoadOptions& options) : cluster_(cluster), options_(options) {
  for (std::size_t i = 0; i < options.clients + options.patient; ++i)
    clients_.push_back(
        std::make_unique<Client>(*this, std::string(1, static_cast<char>('k' + i)), i >= options.clients));
  for (auto& client : clients_) client->step();
  if (options.flushes) flush_later();
}

Load::~Load() = default;

void Load::pause(Micros time) {
  paused_until_ = cluster_.world.now() + time;
}

void Load::end() {
  calm();
  ended_ = true;
  const TimePoint due = cluster_.world.now() + kMostWait;
  for (; !all_answered(); cluster_.world.run_for(1ms))
    if (cluster_.world.now() >= due)
      throw Violation("never answered, though the connection is open: " + describe_unanswered() + "\n" +
                      cluster_.describe());
}

bool Load::all_answered() const {
  return flushes_ == 0 && std::all_of(clients_.begin(), clients_.end(), [](const auto& each) { return each->idle(); });
}

std::string Load::describe_unanswered() const {
  std::string all = flushes_ == 0 ? "" : "a flush";
  for (const auto& client : clients_)
    if (!client->idle()) all += (all.empty() ? "" : "; ") + client->describe();
  return all;
}

void Load::flush_later() {
  cluster_.world.after(cluster_.world.delay(300'000us), [this] {
    flushing_ = !ended_;
    if (flushing_) flush_when_quiet();
  });
}

void Load::flush_when_quiet() {
  if (std::any_of(clients_.begin(), clients_.end(), [](const auto& each) { return each->changing(); }))
    return cluster_.world.after(200us, [this] { flush_when_quiet(); });
  SimNode* const primary = ended_ ? nullptr : cluster_.primary();
  if (primary != nullptr) return flush(*primary);
  flushing_ = false;
  flush_later();
}

// One request, that is a change of each key.
void Load::flush(SimNode& primary) {
  Request request;
  request.verb = Verb::kFlush;
  std::vector<Request> changes;
  for (const std::string& key : cluster_.keys) {
    request.key = key;
    cluster_.book.begin(request, cluster_.seconds());
    changes.push_back(request);
  }
  ++flushes_;
  const auto connection = primary.connect([this, changes](const Request&, const Reply& reply) {
    for (const Request& change : changes) {
      if (reply.outcome == Reply::Outcome::kDone)
        cluster_.book.done(change, {true, reply.term, reply.version}, cluster_.seconds());
      else if (reply.outcome == Reply::Outcome::kUnknown)
        cluster_.book.unknown(change, cluster_.seconds());
      else
        cluster_.book.not_done(change);
    }
    --flushes_;
    flushing_ = false;
    flush_later();
  });
  primary.send(connection, {request});
}

}  // namespace lmc::sim

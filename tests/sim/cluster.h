// A simulated group: nodes with real stores and real engines, to which clients talk as through a worker.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "book.h"
#include "network.h"
#include "replication/engine/node.h"
#include "replication/engine/status.h"
#include "server/net/reply_gate.h"
#include "server/replica/store_log.h"
#include "world.h"

namespace lmc::sim {

// All nodes that there may be.
inline const std::vector<std::string> kNodes{"a:1", "b:1", "c:1"};
// What the network calls the authority, where it is cut off from a node.
inline const std::string kAuthority = "authority";

// The configuration authority, as good as there can be: it remembers one group, and lets it change only from what it
// remembers. It is asked and answers over the network.
class Authorities {
 public:
  explicit Authorities(World& world) : world_(world) {}
  [[nodiscard]] const replication::GroupView& view() const { return view_; }
  [[nodiscard]] bool allows(const replication::GroupView& next) const;
  // What it may agree to in a moment.
  [[nodiscard]] const std::vector<replication::GroupView>& pending() const { return pending_; }
  void propose(const replication::GroupView& next, replication::Authority::Decided done);
  // A primary that decides for itself has decided this.
  void note(const replication::GroupView& next);
  // Told of whatever is proposed, and of what is decided.
  using Watcher = std::function<void(const replication::GroupView& next, bool decided)>;
  void watch(Watcher watcher) { watcher_ = std::move(watcher); }

 private:
  World& world_;
  replication::GroupView view_;
  std::vector<replication::GroupView> pending_;
  Watcher watcher_ = [](const replication::GroupView&, bool) {};
};

// Who decides what the group is.
enum class Decider : std::uint8_t {
  kCoordinator,  // an ideal one
  kPrimary,      // nobody but it; nodes have state files
};

// A node's state file: what it must not forget when it ends.
struct State {
  replication::Epoch seen;
  replication::GroupView view;
};
using StateFiles = std::map<std::string, State>;

struct ClusterOptions {
  replication::Settings settings;
  std::uint64_t memory_bytes = std::uint64_t{2} << 20;
  bool evicts = false;             // more is written than there is memory for
  bool keeps_acked = true;         // whoever becomes primary has what was acknowledged; else only what its log goes to
  std::size_t most_pipelined = 4;  // requests of one connection that are not answered
  Decider decider = Decider::kCoordinator;
  Weather weather{.any_order = true};
  bool loud = false;
};

// What a client is told about one request.
struct Reply {
  enum class Outcome {
    kDone,
    kRefused,  // by who may not do it
    kNotDone,  // the connection was closed before it was begun
    kUnknown,  // and after
  };
  Outcome outcome = Outcome::kUnknown;
  bool found = false;         // the item that it was about was there
  Content content;            // kGet, kTouch: the item
  std::uint64_t term = 0;     // of the node that did it
  std::uint64_t version = 0;  // that the reply depended on
};

// A client's connection: requests are answered in their order, each once. What is not answered when it is closed is
// answered so.
class Connection {
 public:
  using OnReply = std::function<void(const Request&, const Reply&)>;
  explicit Connection(OnReply on_reply) : on_reply_(std::move(on_reply)) {}
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool all_begun() const { return asked_.empty(); }
  [[nodiscard]] std::size_t unanswered() const { return asked_.size() + made_.size(); }
  // By the client: nothing is answered any more.
  void give_up() { closed_ = true; }

 private:
  friend class SimNode;
  struct Made {
    Request request;
    Reply reply;
  };
  OnReply on_reply_;
  std::deque<Request> asked_;  // not begun
  std::deque<Made> made_;      // replies that were not sent
  net::ReplyGate gate_;        // in replies, for bytes
  std::uint64_t sent_ = 0;
  bool closed_ = false;
};

class SimNode final : replication::NodeOwner, replication::Authority {
 public:
  // A node that is about to lead a term: with what it has now.
  using OnTakeover = std::function<void(SimNode&, std::uint64_t term)>;
  SimNode(Network& network, Authorities& authorities, StateFiles& states, const std::string& address,
          const ClusterOptions& options, OnTakeover on_takeover);
  ~SimNode() override;

  [[nodiscard]] replication::Node& node() { return *node_; }
  [[nodiscard]] store::Store& store() { return store_; }
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] const std::string& address() const { return host_.address(); }

  [[nodiscard]] std::shared_ptr<Connection> connect(Connection::OnReply on_reply);
  // Executed when the process gets to it, in one turn or several; answered when it may be.
  void send(const std::shared_ptr<Connection>& connection, const std::vector<Request>& requests);
  void command(const std::string& text, std::function<void(const replication::Answer&)> done);

  // What the store holds, past all gates.
  [[nodiscard]] Content peek(const std::string& key);
  // Whatever grows with what happens is within its limit.
  void check_bounds() const;

 private:
  void change_role(const std::function<void()>& change) override;
  void on_serving() override;
  void on_room_wanted() override;
  void remember(replication::Epoch seen, const replication::GroupView& view) override;
  void propose(const replication::GroupView& next, Decided done) override;
  void turn(const std::shared_ptr<Connection>& connection);
  void execute(Connection& connection, const Request& request);
  // False: there is no room for it.
  [[nodiscard]] bool change(const Request& request, Reply& reply);
  void answer(Connection& connection, const Request& request, const Reply& reply);
  void close(Connection& connection);
  void release();
  void flush(Connection& connection);
  [[nodiscard]] store::UnixSeconds clock() const;

  const ClusterOptions& options_;
  Network& network_;
  Authorities& authorities_;
  StateFiles& states_;
  OnTakeover on_takeover_;
  Process process_;
  Host host_;
  SimReactor reactor_;
  store::Store store_;
  replica::StoreLog log_;
  store::Session session_;
  std::vector<std::shared_ptr<Connection>> connections_;
  bool served_ = false;
  std::uint64_t led_term_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::unique_ptr<replication::Timer> release_;
  std::unique_ptr<replication::Timer> doorbell_;
  std::unique_ptr<replication::Node> node_;
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, const ClusterOptions& options)
      : world(seed),
        network(world, options.weather),
        authorities(world),
        book(options.evicts, options.settings.ack == replication::Ack::kAll),
        options_(options) {
    watch();
  }

  SimNode& start(const std::string& address);
  void end(const std::string& address) { nodes.erase(address); }
  [[nodiscard]] SimNode* find(const std::string& address);
  [[nodiscard]] SimNode* primary();
  // The status of all nodes.
  [[nodiscard]] std::string describe() const;
  // For who reads the log of one seed.
  void say(const std::string& line) const;
  // Runs until the condition holds; a violation with `what` if it does not within the time.
  void await(const std::string& what, Micros most, const std::function<bool()>& condition);
  // The authority's set has so many backups.
  void await_in_sync(std::size_t backups);
  // Every node of the group is in sync and has everything.
  void await_all_in_sync(std::size_t backups, Micros most = 30s);
  // All in-sync nodes hold the same: the same bytes of log, and the same answers for these keys.
  void check_equal();
  // Those that have everything at this moment; of the others, the bytes that they have.
  void check_equal_now();
  [[nodiscard]] Seconds seconds() const;
  [[nodiscard]] bool evicts() const { return options_.evicts; }
  [[nodiscard]] Decider decider() const { return options_.decider; }
  [[nodiscard]] bool has_state(const std::string& address) const { return states_.contains(address); }
  [[nodiscard]] Micros lease() const { return replication::to_microseconds(options_.settings.lease.term); }

  World world;
  Network network;
  Authorities authorities;
  Book book;
  std::map<std::string, std::unique_ptr<SimNode>> nodes;
  std::vector<std::string> keys;  // all that clients use

 private:
  void on_takeover(SimNode& node, std::uint64_t term);
  void watch();  // from now on
  void note_settled();
  // In what they differ; empty: in nothing.
  [[nodiscard]] std::string compare(SimNode& leader, SimNode& backup);
  // Likewise, in the bytes that the backup has applied.
  [[nodiscard]] std::string compare_prefix(SimNode& leader, SimNode& backup);

  ClusterOptions options_;
  StateFiles states_;
  std::string leads_;  // who became primary last
  std::uint64_t led_from_ = 0;
  bool settled_ = true;
};

}  // namespace lmc::sim

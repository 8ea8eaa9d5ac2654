// A simulated group: nodes with real stores and real engines, clients that talk to them as through a worker, and the
// book of what clients were told, against which every answer is checked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "network.h"
#include "replication/engine/node.h"
#include "replication/engine/status.h"
#include "server/replica/store_log.h"
#include "world.h"

namespace lmc::sim {

// What must never happen has happened.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What clients know. Values of a key are numbers that its one writer counts up; 0: never written.
class Book {
 public:
  [[nodiscard]] std::uint64_t next(const std::string& key) { return ++keys_[key].written; }
  void acknowledged(const std::string& key, std::uint64_t number) {
    Entry& entry = keys_[key];
    entry.floor = std::max(entry.floor, number);
    ++acknowledged_;
  }
  // At the begin of a read: nothing older than this may be answered.
  [[nodiscard]] std::uint64_t floor(const std::string& key) { return keys_[key].floor; }
  // An answer: everybody who asks later must see that, or newer. `absent_allowed`: items may be evicted.
  void read(const std::string& key, std::uint64_t number, std::uint64_t floor, const std::string& where);
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }

 private:
  struct Entry {
    std::uint64_t written = 0;  // attempted
    std::uint64_t floor = 0;    // acknowledged, or seen by somebody
  };
  std::map<std::string, Entry> keys_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t reads_ = 0;
};

// What the network calls the authority, where it is cut off from a node.
inline const std::string kAuthority = "authority";

// The configuration authority, as good as there can be: it remembers one group, and lets it change only from what it
// remembers. It is asked and answers over the network.
class Authorities {
 public:
  explicit Authorities(World& world) : world_(world) {}
  [[nodiscard]] const replication::GroupView& view() const { return view_; }
  [[nodiscard]] bool allows(const replication::GroupView& next) const;
  void propose(const replication::GroupView& next, replication::Authority::Decided done);

 private:
  World& world_;
  replication::GroupView view_;
};

struct ClusterOptions {
  replication::Settings settings;
  std::uint64_t memory_bytes = std::uint64_t{2} << 20;
  Weather weather;
  bool loud = false;
};

class SimNode final : replication::NodeOwner, replication::Authority {
 public:
  enum class Outcome { kDone, kRefused, kUnknown };
  using Done = std::function<void(Outcome, std::optional<std::string> value)>;

  SimNode(Network& network, Authorities& authorities, const std::string& address, const ClusterOptions& options);
  ~SimNode() override;

  [[nodiscard]] replication::Node& node() { return *node_; }
  [[nodiscard]] store::Store& store() { return store_; }
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] const std::string& address() const { return host_.address(); }

  // A client's request: executed when the process gets to it, answered when it may be.
  void set(const std::string& key, const std::string& value, Done done);
  void get(const std::string& key, Done done);
  void command(const std::string& text, std::function<void(const replication::Answer&)> done);

  // What the store holds, past all gates.
  [[nodiscard]] std::optional<std::string> peek(const std::string& key);

 private:
  struct Waiting {
    replication::Version version;
    std::optional<std::string> value;
    Done done;
  };
  void change_role(const std::function<void()>& change) override;
  void on_serving() override;
  void on_room_wanted() override;
  void remember(replication::Epoch, const replication::GroupView&) override {}
  void propose(const replication::GroupView& next, Decided done) override;
  void execute(bool write, Done done, std::function<bool(std::optional<std::string>& value)> run);
  void release();
  [[nodiscard]] store::UnixSeconds clock() const;

  const ClusterOptions& options_;
  Network& network_;
  Authorities& authorities_;
  Process process_;
  Host host_;
  SimReactor reactor_;
  store::Store store_;
  replica::StoreLog log_;
  store::Session session_;
  std::vector<Waiting> waiting_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::unique_ptr<replication::Timer> release_;
  std::unique_ptr<replication::Timer> doorbell_;
  std::unique_ptr<replication::Node> node_;
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, const ClusterOptions& options)
      : world(seed), network(world, options.weather), authorities(world), options_(options) {}

  SimNode& start(const std::string& address);
  void end(const std::string& address) { nodes.erase(address); }
  [[nodiscard]] SimNode* find(const std::string& address);
  [[nodiscard]] SimNode* primary();
  // For who reads the log of one seed.
  void say(const std::string& line) const;
  // Runs until the condition holds; a violation with `what` if it does not within the time.
  void await(const std::string& what, Micros most, const std::function<bool()>& condition);
  // Every node of the group is in sync and has everything.
  void await_all_in_sync(std::size_t backups, Micros most = 30s);
  // All in-sync nodes hold the same: the same bytes of log, and the same answers for these keys.
  void check_equal(const std::vector<std::string>& keys);

  World world;
  Network network;
  Authorities authorities;
  Book book;
  std::map<std::string, std::unique_ptr<SimNode>> nodes;

 private:
  ClusterOptions options_;
};

}  // namespace lmc::sim

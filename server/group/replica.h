// The replica: this process's node of a group. One thread, the replication thread, on which everything of replication
// happens but for what workers do within their turns; and what the network layer asks of it (net::Replicator).
//
// Life: construct (throws if an address or file is not to be had), begin() before the network starts, start() once it
// has, stop() before it stops.
//
// Threads: Replicator's methods any; the rest the main thread's.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "replication/control/control_net.h"
#include "replication/control/group_secret.h"
#include "replication/control/listener.h"
#include "replication/engine/node.h"
#include "replication/engine/status.h"
#include "server/group/choose_fabric.h"
#include "server/group/event_reactor.h"
#include "server/group/forward_line.h"
#include "server/group/group_options.h"
#include "server/net/log.h"
#include "server/net/network.h"
#include "server/net/replicator.h"
#include "server/replica/store_log.h"

namespace lmc::group {

class Replica final : public net::Replicator, replication::NodeOwner {
 public:
  Replica(const GroupOptions& options, replication::GroupSecret secret, store::Store& store, net::Network& network,
          net::Clock& clock, net::Log& log, unsigned workers);
  ~Replica() override;
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // Takes the role that it is to begin with: no client is served before. Throws if it cannot be remembered.
  void begin();
  void start();
  void stop();

  // --- net::Replicator ---
  void catch_up() override { node_->apply_landed(); }
  [[nodiscard]] Committed committed() const override;
  void appended() override;
  void wait(unsigned worker, store::Version version) override;
  [[nodiscard]] bool forwards() const override;
  [[nodiscard]] bool refuses_writes() const override;
  void forward(net::ForwardBatch batch) override;
  void answered(net::ForwardAnswer answer) override;
  [[nodiscard]] bool takes_answers(std::uint64_t origin) const override {
    return forward_server_.takes_answers(origin);
  }
  [[nodiscard]] net::Replicator::Status status() const override;

 private:
  void change_role(const std::function<void()>& change) override;
  void on_serving() override;
  void on_room_wanted() override;
  bool on_other(std::unique_ptr<replication::Peer>& peer, std::string_view message) override;
  void remember(replication::Epoch seen, const replication::GroupView& view) override;

  void on_woken();
  void flush_forwards();
  void run();
  void show_status();
  void say(const std::string& line);

  const GroupOptions options_;
  store::Store& store_;
  net::Network& network_;
  net::Log& log_;
  replication::GroupSecret secret_;
  EventReactor reactor_;
  replication::ControlNet peers_;
  replica::StoreLog store_log_;
  replication::Graveyard graveyard_;
  ForwardClient forward_client_;
  ForwardServer forward_server_;
  replication::Listener listener_;
  const replication::Settings settings_;
  ChosenFabric fabric_;
  std::unique_ptr<replication::Node> node_;
  std::unique_ptr<replication::Timer> status_timer_;
  std::vector<std::atomic<std::uint64_t>> waiting_;  // by worker: one more than the version it waits for; 0: none
  std::atomic<bool> room_wanted_{false};
  bool serves_clients_ = true;
  mutable std::mutex status_mutex_;
  net::Replicator::Status status_;  // under status_mutex_
  std::thread thread_;
};

}  // namespace lmc::group

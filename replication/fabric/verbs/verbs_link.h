// One link: a connection of librdmacm from its request to its end. Private to replication/fabric/verbs.
//
//   who connects: finds the address and the route, then asks with the ticket; who accepts: waits for that request.
//   Then both send their keys, and are up when they have the other's.
#pragma once

#include <memory>
#include <string>

#include "replication/fabric/verbs/connection.h"
#include "replication/fabric/verbs/verbs_fabric.h"

namespace lmc::replication {

class VerbsLink final : public Link {
 public:
  VerbsLink(VerbsFabric& fabric, const LinkPlan& plan, LinkObserver& observer);
  ~VerbsLink() override;

  void connect(std::string_view address);
  // The accepting end: a peer asks, with this link's ticket.
  void take(verbs::CmId id);
  [[nodiscard]] const LinkPlan& plan() const { return plan_; }

  // From the fabric's channels.
  void on_event(rdma_cm_event_type type, int status, std::string_view private_data);
  void on_completions();
  // It goes down by itself; the observer is told later.
  void fail(std::string cause);

  void post(std::span<const Write> chain) override;
  void revoke() override;
  void close() override;

 private:
  enum class State { kWaiting, kFinding, kAsking, kGreeting, kUp, kClosed };
  void begin_connect(std::string_view address);
  void find_route();
  void ask();
  void make_connection(verbs::CmId id);
  void greet();
  void on_timer();
  void drop();

  VerbsFabric& fabric_;
  LinkPlan plan_;
  LinkObserver* observer_;
  State state_ = State::kWaiting;
  std::string failure_;           // to be told by the timer
  std::unique_ptr<Timer> timer_;  // of connecting; of a failure to be told
  std::unique_ptr<Timer> go_on_;  // with completions
  verbs::CmId id_;                // until it is the connection's
  std::unique_ptr<verbs::Connection> connection_;
  std::size_t outstanding_ = 0;  // chains
};

}  // namespace lmc::replication

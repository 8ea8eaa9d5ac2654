// The standby: what a node does while it is a backup, or wants to be one. It keeps one session with its primary: joins,
// takes the copy if it needs one, applies what lands, and reports. When anything of a session ends, all of it ends, and
// after a pause the next one begins from what was applied.
//
// It serves reads while it is in sync: from the ledger entry on that begins an epoch whose in-sync set has it, as long
// as its primary has lately confirmed to have heard of it (lease.h).
//
// Threads: the replication thread's. What workers must know is in Serving.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/engine/applier.h"
#include "replication/engine/messages.h"
#include "replication/engine/reports.h"
#include "replication/engine/surroundings.h"

namespace lmc::replication {

class StandbyOwner {
 public:
  virtual ~StandbyOwner() = default;
  // What the node holds is to be forgotten, but for its bytes: a copy begins. Nobody may be reading when it returns.
  virtual void begin_copy() = 0;
  virtual void on_view(const GroupView& view) = 0;
  // Answers may be given that waited, or serving has begun, or ended.
  virtual void on_commit() = 0;
  // What was read here and not yet answered may be old when it can be answered again: it must not be.
  virtual void on_service_lost() = 0;
  // What the node asked knows of the group, which refuses this one.
  virtual void on_view_elsewhere(const GroupView& view) = 0;
  // The node asked is not the primary, but says who is.
  virtual void on_moved(const std::string& primary) = 0;
  [[nodiscard]] virtual Epoch seen() const = 0;
};

class Standby final : PeerObserver {
 public:
  enum class State : std::uint8_t { kSeeking, kJoining, kTakingInventory, kCopying, kIndexing, kFollowing };

  Standby(const Surroundings& around, StandbyOwner& owner, LedgerRing& ring, Applier& applier, std::string primary);
  ~Standby() override;
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  // Ends the primary's right to write here, and the session; applies what has landed in whole. No other session is
  // begun.
  void fence();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& primary() const { return primary_; }
  [[nodiscard]] const std::string& last_cause() const { return last_cause_; }
  [[nodiscard]] const Reports& reports() const { return *reports_; }
  [[nodiscard]] const Copying& copying() const { return copying_; }
  [[nodiscard]] std::uint64_t copy_rate() const;  // bytes a second, of the copy since its begin
  // This node may hold the primary to its lease until then: the primary may be serving. The past, if the primary's side
  // of the session is known to be over.
  [[nodiscard]] TimePoint primary_may_serve_until() const;

 private:
  class Lane final : public LinkObserver {
   public:
    Lane(Standby& standby, bool bulk) : standby_(standby), bulk_(bulk) {}
    void on_up() override { standby_.on_link_up(bulk_); }
    void on_completed(std::size_t chains) override { standby_.on_completed(bulk_, chains); }
    void on_arrival() override { standby_.on_arrival(bulk_); }
    void on_down(std::string_view cause) override { standby_.on_link_down(bulk_, cause); }

   private:
    Standby& standby_;
    bool bulk_;
  };

  void on_up() override;
  void on_message(std::string_view message) override;
  void on_down(std::string_view cause, bool by_peer) override { end_session(cause, by_peer); }
  void on_link_up(bool bulk);
  void on_link_down(bool bulk, std::string_view cause);
  void on_completed(bool bulk, std::size_t chains);
  void on_arrival(bool bulk);

  void seek();
  void wait_for_readers();
  void on_welcome(const Welcome& welcome);
  void take_inventory();
  void on_begin(const Begin& begin);
  void on_living(Living living);
  void add_living();
  void on_view(const GroupView& view);
  void on_copying(const Copying& copying);
  void on_refused(Refused refused);
  void apply();
  void report(bool at_once);
  void update_serving();
  void tick();
  void send(const std::string& message);
  void end_session(std::string_view cause, bool by_peer);
  void close_links();

  Surroundings around_;
  StandbyOwner& owner_;
  LedgerRing& ring_;
  Applier& applier_;
  std::string primary_;
  State state_ = State::kSeeking;
  bool fenced_ = false;
  std::string last_cause_;
  TimePoint cause_said_{};  // when the log was told of last_cause_
  Duration pause_;          // before the next attempt
  LeaseTimes times_;
  std::unique_ptr<Reports> reports_;  // of this session
  TimePoint patience_;                // until then nothing need be heard
  TimePoint given_until_;             // of sessions past
  std::unique_ptr<Peer> control_;
  std::unique_ptr<Link> foreground_;
  std::unique_ptr<Link> bulk_;
  bool up_ = false;
  std::optional<std::string> lost_link_;  // why the foreground link went; the control connection may yet say more
  std::size_t reports_in_flight_ = 0;
  Lane foreground_lane_{*this, false};
  Lane bulk_lane_{*this, true};
  std::vector<SegmentState> inventory_;
  std::size_t inventoried_ = 0;
  std::vector<SegmentState> segments_;  // of the copy, until Begin
  std::optional<Living> living_;        // until its place in the ledger is reached
  Copying copying_;
  TimePoint copying_since_;
  TimePoint progress_said_{};           // when the log was told how the copy goes on
  bool serves_ = false;                 // and that this node serves
  TimePoint readers_since_;             // since when a session waits for readers
  std::optional<Epoch> in_sync_since_;  // the first epoch of which the set has this node, if the latest's has
  std::unique_ptr<Timer> retry_;
  std::unique_ptr<Timer> ticker_;
  std::unique_ptr<Timer> inventory_step_;
};

}  // namespace lmc::replication

// The node: one member of a group, in whichever role: primary (leader.h), backup (standby.h), or neither, when it has
// been fenced or deposed and waits to be told whom to follow. It answers control connections: joins, and the commands
// by which an admin, or another node, or the coordinator, moves roles:
//
//   status                     key and value by line
//   epoch                      the highest that this node has seen
//   view                       what it knows of the group: describe_view()
//   promote [force]            this backup becomes primary, in a new term; see takeover.h. `force` at a primary: in a
//                              new term too, which another primary follows
//   demote                     this primary stops serving, lets its backups have everything, and waits to follow
//   fence EPOCH                nothing of an older epoch may change anything here any more; answers how far it is
//   follow EPOCH ADDRESS       the primary of that epoch is there: be its backup
//   add ADDRESS                to a primary: tell that node to follow
//   remove ADDRESS             to a primary: end its membership; it is refused until added again
//
// Epochs: the upper bits count terms (promotions), the lower 16 the changes of the set within one, so that whoever is
// promoted outranks what a primary that does not know of it does alone.
//
// Threads: the replication thread's. Workers have Serving, and apply_landed().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replication/engine/applier.h"
#include "replication/engine/history.h"
#include "replication/engine/leader.h"
#include "replication/engine/standby.h"
#include "replication/engine/takeover.h"

namespace lmc::replication {

class NodeOwner {
 public:
  virtual ~NodeOwner() = default;
  // Calls the function while no worker is within a turn, and ends what clients wait for: what they were told, or not,
  // by the old role no longer counts.
  virtual void change_role(const std::function<void()>& change) = 0;
  // What Serving says has changed: who waits may look again.
  virtual void on_serving() = 0;
  // As ReplicatedLog::lead()'s room_wanted; any thread.
  virtual void on_room_wanted() = 0;
  // A control connection came for something that is not the engine's; this is its first message. Not taken: closed.
  virtual bool on_other(std::unique_ptr<Peer>&, std::string_view) { return false; }
  // Keeps what the node must not forget: the highest epoch it has seen, and the group then. Durable when it returns.
  virtual void remember(Epoch seen, const GroupView& view) = 0;
};

enum class Role : std::uint8_t { kNone, kPrimary, kBackup };
[[nodiscard]] std::string_view name_of(Role role);

inline constexpr std::size_t kMostFarewells = 64;  // that wait to be closed

class Node final : LeaderOwner, StandbyOwner {
 public:
  struct Outside {
    Reactor& reactor;
    Fabric& fabric;
    PeerNet& peers;
    ReplicatedLog& log;
    NodeOwner& owner;
    Authority* authority;  // decides what the group is; none: the primary's word is the group's
    std::function<void(const std::string&)> say;
    std::function<Ticket()> draw_ticket;
  };
  Node(const Outside& outside, const Settings& settings);
  ~Node() override;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // What remember() was given last, before anything else.
  void recall(Epoch seen, const GroupView& view);
  // Begins a group, or follows the one that recall() knows of.
  void start_primary();
  void start_backup(const std::string& primary);
  // A control connection that came.
  void accept(std::unique_ptr<Peer> peer);
  // The log has news; it wants room.
  void collect();
  void make_room();
  // Does a command; `answer` is called once, now or later.
  using AnswerTo = std::function<void(const Answer&)>;
  void command(const std::string& text, AnswerTo answer);

  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] Epoch seen() const override { return seen_; }
  [[nodiscard]] const GroupView& view() const { return view_; }
  [[nodiscard]] const Leader* leader() const { return leader_.get(); }
  [[nodiscard]] const Standby* standby() const { return standby_.get(); }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] Position position() const { return applier_.position(); }
  [[nodiscard]] Version applied_version() const { return applier_.version(); }
  // Who was told to follow, and why it does not.
  [[nodiscard]] const std::map<std::string, std::string>& refusals() const { return refusals_; }
  [[nodiscard]] std::string_view fabric_name() const { return outside_.fabric.name(); }
  [[nodiscard]] FabricCounters fabric_counters() const { return outside_.fabric.counters(); }
  // Control connections that are not a member's or a standby's: that came, that it made, and (kMostFarewells) of which
  // it takes leave.
  struct Kept {
    std::size_t visitors = 0;
    std::size_t errands = 0;
    std::size_t farewells = 0;
  };
  [[nodiscard]] Kept kept() const { return {visitors_.size(), errands_.size(), farewells_.size()}; }
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] TimePoint now() const { return outside_.reactor.now(); }
  // Serves something, but must wait for a lease.
  [[nodiscard]] bool suspended() const {
    return serving_.service() != Service::kNothing && !serving_.may_serve(outside_.reactor.now());
  }

  // --- any thread ---
  [[nodiscard]] const Serving& serving() const { return serving_; }
  // Up to which answers may leave.
  [[nodiscard]] Version committed() const {
    const Version applied = applier_.version();  // before the epoch: see Serving
    return serving_.committed(applied, applier_.unwidened(), applier_.commit());
  }
  // A backup applies what has landed (I5), before a worker answers.
  void apply_landed() {
    if (applier_.has_news()) applier_.apply();
  }

 private:
  class Visitor;
  // Of a peer that has been given its last message: nothing it says is of interest.
  class Deaf final : public PeerObserver {
    void on_up() override {}
    void on_message(std::string_view) override {}
    void on_down(std::string_view, bool) override {}
  };
  void begin_copy() override;
  void on_view(const GroupView& view) override;
  void on_commit() override;
  void on_service_lost() override;
  void on_view_elsewhere(const GroupView& view) override;
  void on_moved(const std::string& primary) override;
  void on_deposed(Epoch by) override;

  [[nodiscard]] Surroundings surroundings();
  void say(const std::string& line);
  void see(Epoch epoch, const GroupView& view);
  void see_without_primary(Epoch epoch);
  void know(const GroupView& view);
  void lead(const GroupView& view, const std::map<std::string, Sequence>& positions);
  void step_down(const std::string& why);
  void end_role(const std::string& why);
  void end_standby();
  void follow(const std::string& primary);
  void on_join(std::unique_ptr<Peer> peer, const Join& join);
  // False: it is being asked already.
  bool invite(const std::string& address, std::function<void(const std::optional<Answer>&)> done = {});
  void on_invited(const std::string& address, const std::optional<Answer>& answer);
  void ask(const std::string& address, const std::string& command, Duration patience,
           std::function<void(const std::optional<Answer>&)> done);
  void ask_for_views(std::function<void()> done);
  void invite_absent();
  void forget_visitor(Visitor* visitor);
  void bid_farewell(std::unique_ptr<Peer> peer);
  void end_errand(std::uint64_t number);

  void promote(bool force, AnswerTo answer);
  [[nodiscard]] std::optional<std::string> why_not_promoted(bool force) const;
  void ask_to_take_over(bool force, const AnswerTo& answer);
  void take_over(bool force, const GroupView& old, const GroupView& intent, const AnswerTo& answer);
  void give_up(const AnswerTo& answer, const std::string& why);
  void on_fenced(bool force, const GroupView& old, Epoch epoch, std::vector<FencedNode> fenced, const AnswerTo& answer);
  [[nodiscard]] std::optional<std::string> why_dropped(const GroupView& old,
                                                       const std::vector<FencedNode>& fenced) const;
  void demote(AnswerTo answer);
  [[nodiscard]] Answer fence(Epoch epoch);
  [[nodiscard]] Answer follow_command(Epoch epoch, const std::string& primary);
  void add(const std::string& address, const AnswerTo& answer);
  [[nodiscard]] Answer begin_term();
  [[nodiscard]] Answer remove(const std::string& address);

  // Without a coordinator the primary's word is the group's, unless somebody whom it would drop knows of a later epoch.
  class OwnAuthority final : public Authority {
   public:
    explicit OwnAuthority(Node& node) : node_(node) {}
    void propose(const GroupView& next, Decided done) override;

   private:
    Node& node_;
  };

  Outside outside_;
  Settings settings_;
  Serving serving_;
  History history_;
  Graveyard graveyard_;
  LedgerRing ring_;
  Applier applier_;
  OwnAuthority own_authority_{*this};
  Authority& authority_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for answers of the authority that come too late
  Role role_ = Role::kNone;
  Epoch seen_;
  Epoch heard_;         // of this epoch it knows only that it has begun: it has not been fenced by it
  Epoch authority_at_;  // the epoch that the authority was in when it disagreed
  GroupView view_;
  std::unique_ptr<Leader> leader_;
  std::unique_ptr<Standby> standby_;
  std::unique_ptr<Takeover> takeover_;
  // By what this node has promised as a backup, to any primary: it outlives the standby, and takeovers that fail.
  TimePoint primary_may_serve_until_{};
  std::set<std::string> known_;    // nodes that belong here, to be told whom to follow
  std::set<std::string> removed_;  // are refused
  std::set<std::string> invited_;  // and have not answered
  std::map<std::string, std::string> refusals_;
  std::map<std::uint64_t, std::unique_ptr<Errand>> errands_;
  std::uint64_t next_errand_ = 0;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  // Where the ledger of this node as primary ended, while what its log holds is from then.
  std::optional<Position> led_to_;
  Epoch led_in_;            // the epoch that it was the end of
  bool promoting_ = false;  // the others, or the authority, have been asked
  AnswerTo demoting_;
  Deaf deaf_;
  std::vector<std::unique_ptr<Peer>> farewells_;  // until what was sent last has gone
  std::unique_ptr<Timer> farewell_over_;
  std::unique_ptr<Timer> inviter_;
};

}  // namespace lmc::replication

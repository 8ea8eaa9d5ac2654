// A member: one backup at its primary, from its Join to the end of its session. What it does, by state:
//   kCopying     rounds of bytes over the bulk link (copy_sender.h)
//   kIndexing    the living items, in parts: each part is true of one place in the ledger, which is
//                held there until the part was added (note "living parts")
//   kCatchingUp  the ledger, until nothing much is missing
//   kInSync      counted by the commit rule
// A backup whose copy the ledger continues begins with kCatchingUp, or as kInSync if it never left the set.
//
// Threads: the replication thread's. Ownership: its Leader's, which it tells what happens; it ends itself only by
// telling so.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "replication/engine/bulk_pacer.h"
#include "replication/engine/copy_sender.h"
#include "replication/engine/join_backpressure.h"
#include "replication/engine/ledger_end.h"
#include "replication/engine/messages.h"
#include "replication/engine/reports.h"
#include "replication/engine/shipper.h"
#include "replication/engine/surroundings.h"

namespace lmc::replication {

class Member;

// What a member tells, and asks.
class MemberOwner {
 public:
  virtual ~MemberOwner() = default;
  // More of it has landed, or was applied, or its lease has moved.
  virtual void on_progress(Member& member) = 0;
  // It can take the next batch.
  virtual void on_batch_landed() = 0;
  // Of all members, since what one is sent slows down the others.
  [[nodiscard]] virtual BulkPacer& pacer() = 0;
  [[nodiscard]] virtual bool copying() const = 0;  // to some member
  virtual void on_caught_up(Member& member) = 0;
  // It is over; the owner ends it. `ended`: the backup's side is known to have given up the session.
  virtual void on_lost(Member& member, std::string_view cause, bool ended) = 0;
  // The backup has seen a later epoch than its primary.
  virtual void on_deposed(Epoch by) = 0;
  // Announces everything there is, so that the ledger's end is what the log is.
  virtual void collect_for(Member& member) = 0;
  [[nodiscard]] virtual Head head() const = 0;  // as told last
  [[nodiscard]] virtual Version committed() const = 0;
  // As far as leases go.
  [[nodiscard]] virtual bool may_serve(TimePoint now) const = 0;
  [[nodiscard]] virtual const GroupView& view() const = 0;
};

class Member final : PeerObserver {
 public:
  enum class State : std::uint8_t { kCopying, kIndexing, kCatchingUp, kInSync, kLost };

  Member(const Surroundings& around, MemberOwner& owner, const Ledger& ledger, std::unique_ptr<Peer> control,
         const Join& join);
  ~Member() override;
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // Answers the Join. `copy`: the ledger does not continue what it has. `in_sync`: it never left the set.
  void welcome(bool copy, bool in_sync);

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool up() const { return up_; }
  // What has landed there counts: nothing before it is missing.
  [[nodiscard]] bool has_copy() const { return state_ == State::kCatchingUp || state_ == State::kInSync; }
  [[nodiscard]] const Shipper& shipper() const { return shipper_; }
  [[nodiscard]] const Reports& reports() const { return reports_; }
  [[nodiscard]] const CopySender& copy() const { return copy_; }
  // The first entry that the ring must still hold for it; nothing if it makes do without.
  [[nodiscard]] std::optional<Sequence> needs_after() const;
  // As needs_after(): up to where it has no reader in what is retired.
  [[nodiscard]] std::optional<Sequence> readers_past() const;
  // How many retired segments its copy lets the log use again now.
  [[nodiscard]] std::uint64_t may_reuse() const;
  void on_reused(std::uint64_t segments);
  // Bytes a second, of its copy since that began; 0: no copy is under way.
  [[nodiscard]] std::uint64_t copy_rate() const;
  // Its copy did not gain on the writes, which wait for it now.
  [[nodiscard]] bool slows_writes() const { return state_ == State::kCopying && backpressure_.on(); }

  // Posts what is new, as far as the link takes it; a report too if `say_commit`, now or as soon as one may go.
  void pump(bool say_commit);
  // It is sent what is new, as soon as a batch of its may go.
  [[nodiscard]] bool ships() const { return up_ && state_ != State::kLost && !shipper_.held(); }
  void tick();
  void tell(const GroupView& view);
  void set_in_sync();
  void leave_set();
  // The ring that its copy needed to go on from is needed otherwise.
  void copy_again();
  // As copy_again(), of the log's room, unless the writes are to wait for this last round.
  void yield_room();
  // Ends the session. The owner is not told.
  void end();

 private:
  class Lane final : public LinkObserver {
   public:
    Lane(Member& member, bool bulk) : member_(member), bulk_(bulk) {}
    void on_up() override { member_.on_link_up(bulk_); }
    void on_completed(std::size_t chains) override { member_.on_completed(bulk_, chains); }
    void on_arrival() override { member_.on_arrival(); }
    void on_down(std::string_view cause) override { member_.on_link_down(bulk_, cause); }

   private:
    Member& member_;
    bool bulk_;
  };

  void on_up() override {}
  void on_message(std::string_view message) override;
  void on_down(std::string_view cause, bool by_peer) override;

  void on_link_up(bool bulk);
  void on_link_down(bool bulk, std::string_view cause);
  void on_completed(bool bulk, std::size_t chains);
  void on_arrival();
  void go_on_copying();
  void begin_round();
  void begin_indexing();
  void send_living();
  void on_inventory(const Inventory& inventory);
  void on_living_added(const LivingAdded& added);
  void check_caught_up();
  void send(const std::string& message);
  void lose(std::string_view cause, bool ended);
  [[nodiscard]] Report report() const;

  Surroundings around_;
  MemberOwner& owner_;
  const Ledger& ledger_;
  std::unique_ptr<Peer> control_;
  const std::string address_;
  const Join join_;
  State state_ = State::kCatchingUp;
  bool up_ = false;  // the foreground link
  bool bulk_up_ = false;
  std::optional<std::string> lost_link_;  // why the foreground link went; the control connection may yet say more
  TimePoint patience_;                    // until then nothing need be heard
  TimePoint bulk_patience_;               // nor the bulk link be up
  Reports reports_;
  bool says_commit_ = false;  // a report is owed, for what has been committed
  Shipper shipper_;
  CopySender copy_;
  bool inventory_known_ = false;
  JoinBackpressure backpressure_;
  bool last_round_ = false;
  TimePoint room_held_until_;  // for the last round, with backpressure
  std::size_t bulk_in_flight_ = 0;
  std::uint64_t landed_copy_ = 0;  // bytes
  TimePoint copying_since_;
  Position copied_to_;  // where the copy goes on in the ledger, from the last round's begin on
  Head copied_head_;
  std::unique_ptr<LivingScan> scan_;
  bool living_done_ = false;
  std::vector<LivingItem> living_;  // scratch
  // The index may be newer than what has been told: an item that was replaced meanwhile is missing in the copy until it
  // has been told up to here.
  Version living_version_;
  Sequence part_at_;  // of the part of living items that is on its way
  Lane foreground_lane_{*this, false};
  Lane bulk_lane_{*this, true};
  std::unique_ptr<Link> foreground_;
  std::unique_ptr<Link> bulk_;
  std::unique_ptr<Timer> go_on_;
};

}  // namespace lmc::replication

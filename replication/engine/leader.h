// The leader: what a node does while it is primary. It makes the ledger of what its log announces, has it shipped to
// the backups (member.h), and decides what is committed:
//
//   commit point = the version of the latest kHead that has landed at every in-sync backup (--ack=all), or at one of
//   them (one); with none in the set, everything. Note "ack point" (../NOTES.md has the notes).
//
// The in-sync set changes only by an epoch change that the Authority has agreed to. Until its answer is known both sets
// count: a backup that may be in the set already must have everything that is acknowledged, and so must one that may
// not have left it yet. (Kafka's maximal in-sync set, KIP-497; note "maximal set".) A backup leaves when its session is
// lost and the lease that it may still hold has run out, or it is known to be gone; or when it is behind for longer
// than the lease's term. It enters when it has caught up.
//
// What bounds it: the ring. Entries that an in-sync backup has not applied are kept, and nothing more is announced when
// the ring is full of them (the log keeps what is to be told as numbers, announcer.h); what a joining one lacks is
// given up, and its copy does another round.
//
// Threads: the replication thread's. What workers must know is in Serving.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "replication/engine/member.h"

namespace lmc::replication {

// Decides what the group is. It keeps a decision durably before it agrees.
class Authority {
 public:
  virtual ~Authority() = default;
  // May the group become this? `done` is called once, now or later; `current`: the group as it is now.
  using Decided = std::function<void(bool agreed, const GroupView& current)>;
  virtual void propose(const GroupView& next, Decided done) = 0;
};

class LeaderOwner {
 public:
  virtual ~LeaderOwner() = default;
  // Replies may go that waited, or serving may go on: what Serving says has changed.
  virtual void on_commit() = 0;
  virtual void on_view(const GroupView& view) = 0;
  // A later epoch was seen. The leader is to be ended.
  virtual void on_deposed(Epoch by) = 0;
};

struct LeaderCounters {
  std::uint64_t announcements = 0;  // runs of entries
  std::uint64_t ring_waits = 0;     // announcements put off for want of room in the ring
  std::uint64_t members_lost = 0;
};

class Leader final : MemberOwner {
 public:
  struct Start {
    Position at;       // where the ring ends
    Sequence retired;  // the last kRetired before it: what was retired until then may be used again
    bool goes_on;      // the log has not changed since: copies that are at `at` or somewhat before it can go on
    GroupView view;    // of this node as primary; its backups are waited for, for a term
    std::map<std::string, Sequence> positions;  // of those backups, who have no reader in what was retired until then
  };
  Leader(const Surroundings& around, LeaderOwner& owner, Authority& authority, LedgerRing& ring, const Start& start);
  ~Leader() override;
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  // Of the role: from now on it says, decides and writes nothing. It may be in the middle of a call, and be destroyed
  // later.
  void end();

  // The log may have news.
  void collect();
  // The log wants room that backups may hold up.
  void make_room();
  // Why not, if it is to be refused.
  [[nodiscard]] std::optional<std::string> join(std::unique_ptr<Peer>& control, const Join& join);
  // The same set in an epoch of another term, which outranks a primary that is not of this group's history. False: the
  // set is being decided.
  [[nodiscard]] bool begin_term(Epoch epoch);
  // Ends its session and its place in the set; false: nobody of that address.
  bool remove(const std::string& address);

  [[nodiscard]] const GroupView& view() const override { return view_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Member>>& members() const { return members_; }
  [[nodiscard]] const LeaderCounters& counters() const { return counters_; }
  // All that was told is committed.
  [[nodiscard]] bool drained() const { return !wants_collect_ && committed_ >= told_.version; }
  [[nodiscard]] const Head& told() const { return told_; }
  [[nodiscard]] std::chrono::microseconds copy_pause() const { return pacer_.pause(); }
  [[nodiscard]] Version committed() const override { return std::min(committed_, told_.version); }
  // What it keeps that grows with what happens, and how far: heads that are not committed, to the ring's places;
  // retirements, to the log's segments; samples, to a term's ticks.
  struct Kept {
    std::size_t heads = 0;
    std::size_t retirements = 0;
    std::size_t samples = 0;
  };
  [[nodiscard]] Kept kept() const { return {heads_.size(), retirements_.size(), samples_.size()}; }
  // For how long the backup has lacked what it lacks, microseconds, to the tick; 0: nothing for longer.
  [[nodiscard]] std::uint64_t lag_us(const Member& member) const;

 private:
  struct ToldHead {
    Sequence at;
    Version version;
  };
  struct Retirement {
    Sequence at;
    std::uint64_t number;
  };
  struct Absence {
    TimePoint until;        // then it may be dropped
    Sequence readers_past;  // it had no reader in what was retired up to here
  };
  struct Sample {
    Sequence last;
    TimePoint at;
  };

  void on_progress(Member& member) override;
  void on_batch_landed() override;
  [[nodiscard]] BulkPacer& pacer() override { return pacer_; }
  [[nodiscard]] bool copying() const override;
  void on_caught_up(Member& member) override;
  void on_lost(Member& member, std::string_view cause, bool ended) override;
  void on_deposed(Epoch by) override;
  void collect_for(Member& member) override;
  [[nodiscard]] Head head() const override { return told_; }
  [[nodiscard]] bool may_serve(TimePoint now) const override { return now < serves_until_; }

  [[nodiscard]] bool ended() const { return !*alive_; }
  void announce_all(const Member* except);
  [[nodiscard]] bool make_ring_room(const Member* except);
  [[nodiscard]] std::uint64_t ring_room() const;
  void append(const Entry& entry);
  void append_head(const Head& head);
  void pump(bool say_commit);
  void update_bell();
  void on_linger_over();
  [[nodiscard]] Sequence landed_at_all_that_count() const;
  [[nodiscard]] Sequence landed_where_it_counts() const;
  void update_landed();
  void set_mark();
  void take_landed_back();
  void update_commit();
  void suspend();
  void update_lease();
  void update_readers();
  void tick();
  void drop_laggards(TimePoint now);
  void change_set();
  void propose(const GroupView& next);
  void adopt(const GroupView& next);
  void recount();
  [[nodiscard]] bool counts(const std::string& address) const;
  [[nodiscard]] Member* find(const std::string& address) const;
  void forget(const Member& member);
  [[nodiscard]] std::vector<Member*> all() const;  // as of now, for calls that may lose some

  Surroundings around_;
  LeaderOwner& owner_;
  Authority& authority_;
  GroupView view_;
  Ledger ledger_;
  Head told_;
  std::vector<std::unique_ptr<Member>> members_;
  std::map<std::string, Absence> absent_;     // of the in-sync set, without a session
  std::map<std::string, Sequence> entering_;  // caught up, to be taken into the set when they have landed this
  std::vector<std::string> proposed_;         // the set that the authority has been asked for
  std::vector<std::string> counted_;          // who is in the set, or may be: in the three above
  bool widened_ = false;  // who was alone in the set when this epoch began has been told that it need not be
  bool proposing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // until end(); answers of the authority may come later
  std::deque<ToldHead> heads_;                                  // not committed
  std::deque<Retirement> retirements_;
  // One mark at a time in what is told, now and then: when the ledger has landed up to `at`, the log has up to `told`.
  struct Mark {
    Sequence at;
    Extent told;
  };
  std::optional<Mark> mark_;
  std::optional<Sequence> marked_;  // the last mark's, since somebody new has counted
  bool nobody_counts_ = false;      // and the log knows it
  // What was retired up to here may be in use again: no copy from before can be continued. Note "reused room".
  Sequence reused_;
  std::deque<Sample> samples_;  // how far the ledger was when, over the last term
  Sequence late_;               // who has not applied it by now is late
  std::vector<Entry> news_;     // scratch
  bool wants_collect_ = false;  // put off for want of room
  TimePoint serves_until_{};
  bool was_serving_ = true;
  LeaderCounters counters_;
  std::unique_ptr<Timer> ticker_;
  std::unique_ptr<Timer> linger_;
  BulkPacer pacer_;
  bool lingers_ = false;
  Version committed_;  // kEverything: nothing waits
};

}  // namespace lmc::replication

// The store: a hash table over an append-only log of records in a fixed arena.
//
// One Store per process; every thread that touches items has its own Session. A session is used in turns: between
// begin_turn() and end_turn() what find() returned stays readable; end_turn() gives the memory behind it back and does
// this thread's bounded share of reclaiming. Time is always an argument of begin_turn: the store reads no clock.
//
// What find() returned must not be used after a mutate() of the same session: making room may give its memory back.
//
// Threads: find() takes no lock. Mutations of one key are serialised by the lock of its index buckets; mutations of
// different keys share only the short reservation in the log. Store's own methods may be called from any thread.
//
// Limits: StoreOptions; a key has 1..250 bytes; an item (record headers, key and value) at most max_item_bytes.
// Errors: opening throws std::runtime_error with what failed, on what, and what to do; afterwards outcomes are values.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "server/store/change.h"
#include "server/store/eviction_observer.h"
#include "server/store/index.h"
#include "server/store/item.h"
#include "server/store/types.h"

namespace lmc::store {

struct StoreOptions {
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;   // the arena (-m)
  std::uint64_t max_item_bytes = std::uint64_t{1} << 20;  // (-I) record header and key included
  bool evict = true;                                      // false: -M, refuse when full
  std::string memory_file;                                // empty: anonymous memory; else (-e) survives a restart
  bool lock_memory = false;                               // (-k)
  bool keeps_pages = false;     // gives none back when it is to use less: somebody else has their addresses
  bool large_pages = false;     // (-L) explicit huge pages; transparent ones are asked for anyway
  std::uint64_t hash_seed = 0;  // of a new store; 0: drawn, so that nobody knows which keys collide
  // How often a mutation that finds no room waits, for other sessions to end their turns and for followers, before it
  // gives up: two seconds or so.
  unsigned room_waits = 40000;
  unsigned max_sessions = 64;             // threads that may have a session at the same time
  EvictionObserver* evictions = nullptr;  // told of each; none: nobody
  UnixSeconds now;                        // at opening
};

// How the store came to its first state.
enum class Opened : std::uint8_t {
  kEmpty,      // new memory
  kRestarted,  // took over what a clean stop left
  kRecovered,  // took over what a killed process left, every record validated
};

// How items of one stream went; or, as the base of StoreCounters, of both.
struct DepartureCounters {
  std::uint64_t evictions = 0;          // living items dropped for room
  std::uint64_t evicted_nonzero = 0;    // ... that had an expiry time
  std::uint64_t evicted_unfetched = 0;  // ... that were never read
  std::uint64_t reclaimed = 0;          // expired or flushed items whose room was taken back
  std::uint64_t expired_unfetched = 0;  // ... that were never read
};

// Counted since opening or the last reset_counters(), summed over sessions. Words as in memcached's stats where it has
// them.
struct StoreCounters : DepartureCounters {
  DepartureCounters fresh;  // their share of the above
  DepartureCounters survivor;
  std::uint64_t total_items = 0;      // items ever stored
  std::uint64_t out_of_memory = 0;    // stores refused for want of room
  std::uint64_t direct_reclaims = 0;  // times a mutation had to reclaim before it could append
  std::uint64_t relocated_items = 0;  // moved to the survivor stream
  std::uint64_t relocated_bytes = 0;
  std::uint64_t segments_compacted = 0;  // reclaimed because mostly dead
  std::uint64_t segments_evicted = 0;    // reclaimed because oldest
  std::uint64_t ghost_hits = 0;          // new items that went straight to the survivor stream
  std::uint64_t index_splits = 0;
};

struct StreamSummary {
  std::uint64_t segments = 0;
  std::uint64_t items = 0;
  std::uint64_t live_bytes = 0;  // log bytes of living items
  std::uint64_t used_bytes = 0;  // log bytes appended, dead ones included
  UnixSeconds oldest{0};         // when its oldest segment was opened; 0: none
  // How long the item of it that was evicted last had not been read, at that time.
  std::uint32_t last_evicted_idle_s = 0;
};

struct StoreSummary {
  std::uint64_t memory_limit_bytes = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t segments = 0;  // in all, within the limit
  std::uint64_t free_segments = 0;
  std::uint64_t items = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t index_buckets = 0;
  std::uint64_t index_bytes = 0;
  std::uint64_t max_item_bytes = 0;
  Version version;  // the last one drawn
  StreamSummary fresh;
  StreamSummary survivor;
};

// What a put gives the item beside key and value.
struct NewItem {
  std::uint32_t client_flags = 0;
  UnixSeconds expiry = kNeverExpires;
  std::uint64_t explicit_cas = 0;  // 0: the version drawn
  bool binary_key = false;
  bool stale = false;
  bool win_sent = false;
  bool fetched = false;  // counts as read: what an item takes along that is replaced only because a log never changes
  UnixSeconds last_access;  // 0: now
};

class Store;
class Session;

// One key, locked: look, decide, change. Handed to the function given to Session::mutate and gone after it.
class Mutation {
 public:
  Mutation(const Mutation&) = delete;
  Mutation& operator=(const Mutation&) = delete;

  // The living item under the key, or an empty view (absent, expired and flushed are the same).
  [[nodiscard]] const ItemView& current() const { return current_; }

  // Replaces whatever is there by one record whose value is the parts in order; parts may point into current().
  // False: the log has no room at the moment; return from the function at once, mutate() makes room and calls it again.
  [[nodiscard]] bool put(const NewItem& item, std::span<const std::string_view> value_parts);
  // CAS unique of what put() stored last.
  [[nodiscard]] std::uint64_t stored_cas() const { return stored_cas_; }

  // current() must be there; afterwards it may be another record, with the same CAS unique. False: as put().
  [[nodiscard]] bool touch(UnixSeconds expiry);
  [[nodiscard]] bool set_state(bool stale, bool win_sent);

  // Removes current(), if there is one.
  [[nodiscard]] bool erase();

 private:
  friend class Session;
  Mutation(Session& session, const HashedKey& key);
  ~Mutation() = default;

  struct Appended;  // a record that is in the log but not yet in the index
  [[nodiscard]] bool append_item(const NewItem& item, std::span<const std::string_view> parts, Appended& out);
  [[nodiscard]] bool append_chunked(const NewItem& item, std::span<const std::string_view> parts, Appended& out);
  // In the log, but not complete.
  [[nodiscard]] bool append_note(RecordKind kind, UnixSeconds expiry, const Access& access, Appended& out);
  [[nodiscard]] bool replace(const NewItem& item, std::span<const std::string_view> parts);
  [[nodiscard]] bool change_words(UnixSeconds expiry, const Access& access);
  // The same item anew, but for these.
  [[nodiscard]] bool append_anew(UnixSeconds expiry, const Access& access);
  [[nodiscard]] Stream stream_for_put();
  void publish(const Appended& appended);
  void wants_room(std::uint64_t bytes, Purpose purpose = Purpose::kItem) {
    wanted_bytes_ = bytes;
    wanted_for_ = purpose;
  }

  Session& session_;
  const HashedKey& key_;
  Index::BucketLock lock_;
  Index::Found found_;  // what the index holds under the key, alive or not
  ItemView current_;
  std::uint64_t stored_cas_ = 0;
  std::uint64_t wanted_bytes_ = 0;  // log room the failed call asked for; 0: none failed
  Purpose wanted_for_ = Purpose::kItem;
};

enum class MutateResult : std::uint8_t {
  kDone,      // the function ran to its end
  kNoMemory,  // no room could be made (full under -M, or everything pinned): nothing was changed
};

class Session {
 public:
  explicit Session(Store& store);  // throws if max_sessions are open
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void begin_turn(UnixSeconds now);
  void end_turn();
  [[nodiscard]] UnixSeconds now() const;

  // Everything below only within a turn.

  [[nodiscard]] HashedKey hash(std::string_view key) const;
  // Two steps of one look-up's memory traffic, for batches: first all buckets, then all records.
  void prefetch_bucket(const HashedKey& key) const;
  void prefetch_record(const HashedKey& key) const;

  // The living item, or an empty view. Does not count as an access.
  [[nodiscard]] ItemView find(const HashedKey& key);
  // Why the last find() of this session found nothing.
  enum class Miss : std::uint8_t { kAbsent, kExpired, kFlushed };
  [[nodiscard]] Miss last_miss() const;
  // While the store is copied, or a copy: the latest mutation that an answer given since forget_dependency() can show,
  // or deny. Who must not show what copies may lack waits until they have it. Else 0.
  [[nodiscard]] Version dependency() const;
  void forget_dependency();
  // Counts an access: frequency, last access time, fetched.
  void record_access(const ItemView& item);
  // False while the store follows another one, which would have to wait for the pin's end.
  [[nodiscard]] bool may_pin() const;
  // Keeps the segment behind a piece of an item's value; see SegmentPin.
  [[nodiscard]] SegmentPin pin(std::string_view piece);

  // Calls change(Mutation&) with the key locked. It may be called several times (when room has to be made in between),
  // so what it does besides the mutation must only overwrite its own results. value_bytes: size of the value it will
  // put. It must not use the session, nor look at another key.
  template <class Change>
  [[nodiscard]] MutateResult mutate(const HashedKey& key, std::uint64_t value_bytes, Change&& change) {
    return mutate_with(key, value_bytes, std::ref(change));
  }

  // Whether an item of these sizes can ever be stored here (max_item_bytes).
  [[nodiscard]] bool fits(std::uint64_t key_bytes, std::uint64_t value_bytes) const;

  // Everything stored up to now dies: at once, or when the clock reaches `at`; the last call wins.
  void flush_all();
  void flush_all_at(UnixSeconds at);

  // Visits living items. One that is there from the first step to the last is visited at least once (again each time
  // that its slot moves ahead). To be destroyed before its session; steps only within turns.
  class Scan {
   public:
    explicit Scan(Session& session);
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;
    void step(unsigned buckets, const std::function<void(const ItemView&)>& visit);
    [[nodiscard]] bool done() const { return done_; }

   private:
    Session& session_;
    Index::Scan index_;
    std::uint64_t cursor_ = 0;
    bool done_ = false;
  };

  // Takes the room of expired and flushed items back, some index buckets a call; for lru_crawler. The cursor starts at
  // 0 and is at kCrawlEnd when all buckets were seen.
  static constexpr std::uint64_t kCrawlEnd = ~std::uint64_t{0};
  void crawl(std::uint64_t& cursor, unsigned buckets);

 private:
  friend class Mutation;
  friend class Store;
  using Change = std::function<void(Mutation&)>;
  [[nodiscard]] MutateResult mutate_with(const HashedKey& key, std::uint64_t value_bytes, const Change& change);
  [[nodiscard]] bool make_room(std::uint64_t bytes, Purpose purpose);
  void bury_if_dead(const HashedKey& key);
  struct State;
  std::unique_ptr<State> state_;
};

class Follower;

class Store {
 public:
  explicit Store(const StoreOptions& options);
  ~Store();  // a store with a memory_file is closed cleanly: the next opening is kRestarted
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] Opened opened() const;
  // One line about what opening did, for the log: items taken over, or why what was there was not.
  [[nodiscard]] const std::string& opening_report() const;
  [[nodiscard]] StoreSummary summary() const;
  [[nodiscard]] StoreCounters counters() const;
  void reset_counters();
  enum class LimitChange : std::uint8_t { kDone, kTooLarge };
  // (cache_memlimit) Shrinks by reclaiming over time; cannot exceed StoreOptions::memory_bytes.
  [[nodiscard]] LimitChange set_memory_limit(std::uint64_t bytes);

  // --- copies of this store (change.h); one thread at a time ---
  // The last one drawn.
  [[nodiscard]] Version last_version() const;
  // The segments: what Change speaks of, by offsets from its begin. Stays where it is.
  [[nodiscard]] std::span<char> log_memory() const;
  // `room_wanted`: called by a session whose mutation waits for room that followers may hold up, again and again. Any
  // thread; it must not use the session's store but for what this section offers.
  // Of a copy: what was applied is now this store's own, as with stop_following(), and what it changes thereby is told.
  void begin_announcing(std::function<void()> room_wanted);
  void end_announcing();
  // While set, a mutation that finds no room gives up instead of waiting for it: for who waits for its turn to end.
  // Any thread.
  void interrupt_waits(bool interrupted);
  [[nodiscard]] LogHead announce(std::size_t most, std::vector<Change>& out);
  void describe(std::vector<AnnouncedSegment>& out) const;
  // What is free or gone when announcing begins counts as retirement 1.
  void set_followers_past(std::uint64_t retirement);
  // As Log has them.
  [[nodiscard]] LogExtent told() const;
  void set_landed(const LogExtent& extent);
  // The segments, as they are: what need not be copied to who had them already.
  void inventory(std::vector<AnnouncedSegment>& out) const;
  // Of the first `bytes` of a segment, but for what each node keeps for itself (last access). Equal digests: equal
  // records. The bytes may be any.
  [[nodiscard]] std::array<std::uint64_t, 2> digest(SegmentId segment, std::uint32_t bytes) const;

  // --- this store as a copy of another ---
  // Forgets what it holds and changes nothing by itself any more: sessions must not mutate. No session may be in a
  // turn.
  [[nodiscard]] Follower& follow();
  // What was applied is now this store's own. No session may be in a turn.
  void stop_following();
  [[nodiscard]] bool following() const;

 private:
  friend class Session;
  friend class Mutation;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace lmc::store

// The index: from key to the address of its living record.
//
// A table of 64-byte buckets, each seven 8-byte slots and a control word. A key may lie in either of two buckets,
// chosen by two hashes; it is put into the emptier one, so that buckets fill evenly (two random choices: Azar, Broder,
// Karlin, Upfal 1994). If both are full, a slot of one of them moves to its own other bucket (cuckoo hashing: Pagh,
// Rodler 2001); that reads no record, because either hash can be told from the other and a slot has its own in full
// (partial-key cuckoo hashing: Fan, Andersen, Kaminsky 2013). If that does not help, the bucket overflows into a chain
// of spare ones, which is rare. The table grows by linear hashing (Litwin 1980): one bucket is split at a time, in
// order, whenever the mean fill is above its target; nothing ever stops for it, and a split reads no record either.
//
// A slot:   tag 23 | choice 1 | frequency 2 | record address / 8: 38.   0: empty.
// Control:  locked 1 | slots moved in, wrapping: 31 | first overflow bucket + 1: 32.
//
// Threads: find() takes no lock and sees, for a key that is there throughout, some version that was current during the
// call. Everything else needs the key's BucketLock. Splitting locks the one bucket it splits, moving a slot the bucket
// that it moves to as well (if that is free: nobody waits for a third lock).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "server/store/arena.h"
#include "server/store/spin_lock.h"
#include "server/store/types.h"

namespace lmc::store {

inline constexpr unsigned kSlotsPerBucket = 7;
inline constexpr std::uint64_t kInitialBuckets = std::uint64_t{1} << 16;
inline constexpr unsigned kTagShiftInHash = 16;  // the tag is bits 16..38 of the hash: every bit a split can ask for
inline constexpr unsigned kTagBits = 23;
inline constexpr unsigned kHashBits = kTagShiftInHash + kTagBits;  // that choose the bucket
static_assert(kInitialBuckets == std::uint64_t{1} << kTagShiftInHash);
// Mean fill that splitting keeps: 5.75 of 7 slots, so that an item costs 11.2 bytes of index. Buckets that are yet to
// be split would hold twice as much as those that have been: without moves a third of them overflow at such a fill,
// with moves one in a hundred, for which one insertion in three moves a slot.
inline constexpr std::uint64_t kTargetItemsPerFourBuckets = 23;
inline constexpr std::uint8_t kMaxFrequency = 3;

// One slot's value.
struct Slot {
  std::uint64_t word = 0;

  [[nodiscard]] static constexpr Slot make(std::uint64_t marker, std::uint8_t frequency, LogAddress address) {
    return {marker << 40 | static_cast<std::uint64_t>(frequency) << 38 | address.offset >> 3};
  }
  [[nodiscard]] constexpr bool empty() const { return word == 0; }
  [[nodiscard]] constexpr std::uint64_t marker() const { return word >> 40; }  // tag and choice
  [[nodiscard]] constexpr std::uint8_t frequency() const { return static_cast<std::uint8_t>(word >> 38 & 3); }
  [[nodiscard]] constexpr LogAddress address() const { return {(word & ((std::uint64_t{1} << 38) - 1)) << 3}; }
  [[nodiscard]] constexpr Slot with_frequency(std::uint8_t frequency) const {
    return make(marker(), frequency, address());
  }
};

struct alignas(64) Bucket {
  static constexpr std::uint64_t kLocked = std::uint64_t{1} << 63;
  static constexpr unsigned kMovedInShift = 32;
  static constexpr std::uint64_t kMostMovedIn = (std::uint64_t{1} << 31) - 1;
  static constexpr std::uint64_t kOverflow = (std::uint64_t{1} << 32) - 1;

  std::atomic<std::uint64_t> control;                             // written by the lock's holder
  std::array<std::atomic<std::uint64_t>, kSlotsPerBucket> slots;  // stored (release) by the lock's holder; readers
                                                                  // acquire, and may only raise the frequency (CAS)

  void lock() {
    for (Backoff backoff;; backoff.pause()) {
      std::uint64_t word = control.load(std::memory_order_relaxed);
      if ((word & kLocked) == 0 && control.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire))
        return;
    }
  }
  [[nodiscard]] bool try_lock() {
    std::uint64_t word = control.load(std::memory_order_relaxed);
    return (word & kLocked) == 0 && control.compare_exchange_strong(word, word | kLocked, std::memory_order_seq_cst);
  }
  void await_unlocked() const {
    for (Backoff backoff; (control.load(std::memory_order_seq_cst) & kLocked) != 0;) backoff.pause();
  }
  void unlock() { control.store(control.load(std::memory_order_relaxed) & ~kLocked, std::memory_order_release); }
  // Bit i: slot i has this marker (or, if the marker is 0, may be empty). Without branches: which slot it is, is
  // random, and a recovery that asks millions of times lost as much to mispredictions as to cache misses.
  [[nodiscard]] unsigned matching(std::uint64_t marker) const {
    unsigned bits = 0;
    for (unsigned i = 0; i < kSlotsPerBucket; ++i)
      bits |= static_cast<unsigned>(Slot{slots[i].load(std::memory_order_relaxed)}.marker() == marker) << i;
    return bits;
  }
  [[nodiscard]] std::uint32_t overflow() const {
    return static_cast<std::uint32_t>(control.load(std::memory_order_acquire));
  }
  void set_overflow(std::uint32_t link) {  // by the lock's holder
    const std::uint64_t word = control.load(std::memory_order_relaxed);
    control.store((word & ~kOverflow) | link, std::memory_order_release);
  }
  [[nodiscard]] std::uint32_t moved_in() const {
    return static_cast<std::uint32_t>(control.load(std::memory_order_acquire) >> kMovedInShift & kMostMovedIn);
  }
  void count_moved_in() {  // by the lock's holder
    const std::uint64_t word = control.load(std::memory_order_relaxed);
    const std::uint64_t count = ((word >> kMovedInShift) + 1) & kMostMovedIn;
    control.store((word & (kLocked | kOverflow)) | count << kMovedInShift, std::memory_order_release);
  }
};
static_assert(sizeof(Bucket) == 64);

class Index {
 public:
  explicit Index(Arena& arena) : arena_(arena), head_(arena.head()), buckets_(arena.buckets()) {}

  struct Pair {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    auto operator<=>(const Pair&) const = default;
  };

  [[nodiscard]] HashedKey hash(std::string_view key) const;
  // The hashes of a key (without its bytes) whose first hash is known.
  [[nodiscard]] static constexpr HashedKey key_of(std::uint64_t first) { return {{}, first, second_of(first)}; }
  // Each of a key's hashes from the other's kHashBits lowest bits: one-to-one.
  [[nodiscard]] static constexpr std::uint64_t second_of(std::uint64_t first);
  [[nodiscard]] static constexpr std::uint64_t first_of(std::uint64_t second);
  [[nodiscard]] Pair locate(const HashedKey& key) const {
    const std::uint64_t count = bucket_count();
    return {bucket_of(key.first, count), bucket_of(key.second, count)};
  }
  void prefetch(const HashedKey& key) const {
    const Pair pair = locate(key);
    __builtin_prefetch(&buckets_[pair.first]);
    __builtin_prefetch(&buckets_[pair.second]);
  }
  // Only the key's first (choice 0) or second (1) bucket.
  void prefetch(const HashedKey& key, unsigned choice) const {
    const Pair pair = locate(key);
    __builtin_prefetch(&buckets_[choice == 0 ? pair.first : pair.second]);
  }
  // Prefetches the records whose tags match (nearly always at most one).
  void prefetch_records(const HashedKey& key) const;

  // A place in the index that held `slot` when looked at.
  struct Found {
    std::atomic<std::uint64_t>* place = nullptr;
    Slot slot;
    [[nodiscard]] explicit operator bool() const { return place != nullptr; }
  };
  // Lock-free. The record found has this key; whether it is expired is the caller's question.
  [[nodiscard]] Found find(const HashedKey& key) const;

  // Holds both buckets of a key. While it lives nobody else changes where or whether the key is.
  class BucketLock {
   public:
    BucketLock(Index& index, const HashedKey& key);
    ~BucketLock();
    BucketLock(const BucketLock&) = delete;
    BucketLock& operator=(const BucketLock&) = delete;
    [[nodiscard]] const Pair& pair() const { return pair_; }

   private:
    Index& index_;
    Pair pair_;
  };

  // These need the key's BucketLock.
  [[nodiscard]] Found find_locked(const HashedKey& key, const Pair& pair) const { return find_in(key, pair); }
  // False: both buckets are full and so is the overflow area; nothing was changed.
  [[nodiscard]] bool insert(const HashedKey& key, const Pair& pair, LogAddress address);
  void replace(const Found& found, LogAddress address, std::uint8_t frequency) {
    found.place->store(Slot::make(found.slot.marker(), frequency, address).word, std::memory_order_release);
  }
  void erase(const Found& found);

  // Raises the access frequency; a slot that changed in the meantime is left alone.
  static void raise_frequency(const Found& found) {
    if (found.slot.frequency() >= kMaxFrequency) return;
    std::uint64_t expected = found.slot.word;
    const Slot raised = found.slot.with_frequency(static_cast<std::uint8_t>(found.slot.frequency() + 1));
    // Relaxed: the address in it does not change, so nothing new is published... but a reader that acquires this value
    // must still see the record, hence release (the record was acquired by this thread before).
    (void)found.place->compare_exchange_strong(expected, raised.word, std::memory_order_release,
                                               std::memory_order_relaxed);
  }

  // Splits buckets until the fill is on target, at most `most` of them. No lock may be held. Returns how many were
  // split.
  unsigned grow(unsigned most);

  [[nodiscard]] std::uint64_t bucket_count() const { return head_.buckets.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t item_count() const { return head_.items.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t overflow_count() const { return head_.overflow_used.load(std::memory_order_relaxed); }

  // Visits the occupied slots of one bucket and its chain, without lock.
  template <class Visit>
  void visit_bucket(std::uint64_t bucket, Visit&& visit) const {
    for (Bucket* b = &buckets_[bucket]; b != nullptr; b = next(*b)) {
      for (auto& place : b->slots) {
        const Slot slot{place.load(std::memory_order_acquire)};
        if (!slot.empty()) visit(Found{&place, slot});
      }
    }
  }

  // While one lives, slots move only to buckets of higher numbers, as they do when a bucket is split: who visits all
  // buckets in order meets every key that is there throughout. Threads: each scan belongs to one, which holds no lock.
  // While scans live half of the moves are refused, so that up to an eighth of the buckets overflow.
  class Scan {
   public:
    explicit Scan(Index& index) : index_(index) { index_.scans_.fetch_add(1, std::memory_order_seq_cst); }
    ~Scan() { index_.scans_.fetch_sub(1, std::memory_order_relaxed); }
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;
    template <class Visit>
    void visit_bucket(std::uint64_t bucket, Visit&& visit) const {
      // Who moves a slot here without having seen this scan has locked the bucket before; who locks it later sees it.
      index_.buckets_[bucket].await_unlocked();
      index_.visit_bucket(bucket, visit);
    }

   private:
    Index& index_;
  };

  // Visits the slots whose tags say that they may hold the key in its first (choice 0) or second (1) bucket, in the
  // order in which find() looks at them.
  template <class Visit>
  void visit_places(const HashedKey& key, unsigned choice, Visit&& visit) const {
    const Pair pair = locate(key);
    const std::uint64_t marker = marker_of(choice == 0 ? key.first : key.second, choice);
    for (Bucket* b = &buckets_[choice == 0 ? pair.first : pair.second]; b != nullptr; b = next(*b)) {
      for (unsigned bits = b->matching(marker); bits != 0; bits &= bits - 1) {
        auto& place = b->slots[static_cast<unsigned>(std::countr_zero(bits))];
        const Slot slot{place.load(std::memory_order_acquire)};
        if (slot.marker() == marker && !slot.empty()) visit(Found{&place, slot});
      }
    }
  }

  // --- while nobody else uses the index ---
  // Forgets all.
  void empty();

  // --- after a restart, while nobody else uses the index ---
  // Frees every lock, keeps the chains that can be walked, makes the list of free overflow buckets anew.
  void repair_links();
  // Then: numbers every word of the buckets in use and of their overflow area, below place_count().
  [[nodiscard]] std::uint64_t place_count() const { return (bucket_count() + overflow_count()) * kWordsPerBucket; }
  [[nodiscard]] std::uint64_t place_number(const Found& found) const {
    const auto* table = reinterpret_cast<const std::atomic<std::uint64_t>*>(buckets_);
    const auto* spare = reinterpret_cast<const std::atomic<std::uint64_t>*>(arena_.overflow());
    const bool in_table = found.place >= table && found.place < table + bucket_count() * kWordsPerBucket;
    if (in_table) return static_cast<std::uint64_t>(found.place - table);
    return bucket_count() * kWordsPerBucket + static_cast<std::uint64_t>(found.place - spare);
  }
  // Empties the slots of buckets [begin, end) that `keep` refuses. Several threads may each have their own buckets.
  template <class Keep>
  void repair_buckets(std::uint64_t begin, std::uint64_t end, Keep&& keep) {
    for (std::uint64_t i = begin; i < end; ++i)
      visit_bucket(i, [&](const Found& found) {
        if (!keep(found)) found.place->store(0, std::memory_order_relaxed);
      });
  }
  void set_item_count(std::uint64_t items) { head_.items.store(items, std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kWordsPerBucket = sizeof(Bucket) / sizeof(std::uint64_t);

  [[nodiscard]] static std::uint64_t bucket_of(std::uint64_t hash, std::uint64_t count) {
    const unsigned level = static_cast<unsigned>(std::bit_width(count) - 1);
    const std::uint64_t wide = hash & ((std::uint64_t{2} << level) - 1);
    return wide < count ? wide : wide & ((std::uint64_t{1} << level) - 1);
  }
  [[nodiscard]] static std::uint64_t marker_of(std::uint64_t hash, unsigned choice) {
    return (hash >> kTagShiftInHash & ((std::uint64_t{1} << kTagBits) - 1)) << 1 | choice;
  }
  [[nodiscard]] Bucket* next(const Bucket& bucket) const {
    const std::uint32_t link = bucket.overflow();
    return link == 0 ? nullptr : &arena_.overflow()[link - 1];
  }
  [[nodiscard]] Found find_in(const HashedKey& key, const Pair& pair) const;
  [[nodiscard]] Found find_chain(std::uint64_t bucket, std::uint64_t marker, std::string_view key) const;
  // For a bucket that nobody reads yet. What lies there may be anything: a split or an overflow that a kill cut short,
  // or the rest of a larger table in a damaged file.
  static void clear(Bucket& bucket);
  [[nodiscard]] static unsigned empty_slots(const Bucket& bucket);
  // Null: all seven are taken.
  [[nodiscard]] static std::atomic<std::uint64_t>* empty_slot(Bucket& bucket);
  // Moves one of a full bucket's slots to its other bucket, if that has room and is not locked; the place that it left,
  // or null. `held`: the locked pair that the bucket is one of.
  [[nodiscard]] std::atomic<std::uint64_t>* move_away(std::uint64_t bucket, const Pair& held);
  // An empty place in the bucket's chain, extended if need be; null: the overflow area is full.
  [[nodiscard]] std::atomic<std::uint64_t>* empty_place(Bucket& bucket);
  [[nodiscard]] std::uint32_t take_overflow();
  void release_empty_tail(Bucket& bucket);
  bool split_one();

  Arena& arena_;
  Superblock& head_;
  Bucket* buckets_;
  SpinLock split_lock_;
  SpinLock overflow_lock_;
  std::atomic<unsigned> scans_{0};
};

namespace internal {
inline constexpr std::uint64_t kHashMask = (std::uint64_t{1} << kHashBits) - 1;
// One-to-one on kHashBits bits, each step with its inverse; the shift, more than half of them, is its own.
inline constexpr unsigned kFold = 20;
static_assert(2 * kFold >= kHashBits);
inline constexpr std::uint64_t kFactors[2] = {0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53};  // MurmurHash3's finaliser's
constexpr std::uint64_t inverse(std::uint64_t odd) {
  std::uint64_t x = odd;  // right in three bits; each step doubles them (Newton)
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}
}  // namespace internal

constexpr std::uint64_t Index::second_of(std::uint64_t first) {
  std::uint64_t x = first & internal::kHashMask;
  for (const std::uint64_t factor : internal::kFactors) {
    x ^= x >> internal::kFold;
    x = x * factor & internal::kHashMask;
  }
  return x ^ x >> internal::kFold;
}

constexpr std::uint64_t Index::first_of(std::uint64_t second) {
  std::uint64_t x = second & internal::kHashMask;
  for (const std::uint64_t factor :
       {internal::inverse(internal::kFactors[1]), internal::inverse(internal::kFactors[0])}) {
    x ^= x >> internal::kFold;
    x = x * factor & internal::kHashMask;
  }
  return x ^ x >> internal::kFold;
}

}  // namespace lmc::store

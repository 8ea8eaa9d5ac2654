// The index: from key to the address of its living record.
//
// A table of 64-byte buckets, each seven 8-byte slots and a control word. A key may lie in either of two buckets,
// chosen by two hashes; it is put into the emptier one, so that buckets fill evenly (two random choices: Azar, Broder,
// Karlin, Upfal 1994). The table grows by linear hashing (Litwin 1980): one bucket is split at a time, in order,
// whenever the mean fill is above its target; nothing ever stops for it, and a split reads no record, because a slot's
// tag has the hash bits that splitting needs. A full pair of buckets overflows into a chain of spare ones.
//
// A slot:   tag 23 | choice 1 | frequency 2 | record address / 8: 38.   0: empty.
// Control:  locked 1 | reserved 31 | first overflow bucket + 1: 32.
//
// Threads: find() takes no lock and sees, for a key that is there throughout, some version that was current during the
// call. Everything else needs the key's BucketLock. Splitting locks the one bucket it splits.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
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
static_assert(kInitialBuckets == std::uint64_t{1} << kTagShiftInHash);
// Mean fill that splitting keeps: 5.25 of 7 slots. Buckets that are yet to be split hold up to twice as much as those
// that have been, so a higher fill saves nothing: at 6.25 a third of the buckets overflow, at 5.25 an eighth, and
// either way an item costs 13 to 14 bytes of index (simulated and measured).
inline constexpr std::uint64_t kTargetItemsPerFourBuckets = 21;
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
    control.store((word & kLocked) | link, std::memory_order_release);
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
  [[nodiscard]] static HashedKey key_of(std::uint64_t first) { return {{}, first, remix(first)}; }
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

  // --- after a restart, while nobody else uses the index
  // -------------------------------------------------------------- Frees every lock, keeps the chains that can be
  // walked, makes the list of free overflow buckets anew.
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

  // The second hash comes from the first; this is the finaliser of MurmurHash3, which mixes every bit into every other.
  [[nodiscard]] static constexpr std::uint64_t remix(std::uint64_t hash) {
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53ULL;
    return hash ^ hash >> 33;
  }
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
};

}  // namespace lmc::store

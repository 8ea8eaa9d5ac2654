#include "server/store/index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <mutex>

namespace lmc::store {

HashedKey Index::hash(std::string_view key) const {
  const std::uint64_t first = XXH3_64bits_withSeed(key.data(), key.size(), head_.hash_seed);
  return {key, first, second_of(first)};
}

void Index::prefetch_records(const HashedKey& key) const {
  const Pair pair = locate(key);
  const std::uint64_t markers[2] = {marker_of(key.first, 0), marker_of(key.second, 1)};
  const std::uint64_t where[2] = {pair.first, pair.second};
  for (unsigned choice = 0; choice < 2; ++choice) {
    for (const auto& place : buckets_[where[choice]].slots) {
      const Slot slot{place.load(std::memory_order_relaxed)};
      if (slot.marker() != markers[choice] || slot.empty()) continue;
      const char* record = arena_.at(slot.address());
      __builtin_prefetch(record);
      __builtin_prefetch(record + 64);
      __builtin_prefetch(record + 128);
    }
  }
}

Index::Found Index::find_chain(std::uint64_t bucket, std::uint64_t marker, std::string_view key) const {
  for (const Bucket* b = &buckets_[bucket]; b != nullptr; b = next(*b)) {
    for (auto& place : b->slots) {
      const Slot slot{place.load(std::memory_order_acquire)};
      if (slot.marker() == marker && !slot.empty() && arena_.record(slot.address()).key() == key)
        return {const_cast<std::atomic<std::uint64_t>*>(&place), slot};
    }
  }
  return {};
}

Index::Found Index::find_in(const HashedKey& key, const Pair& pair) const {
  if (const Found found = find_chain(pair.first, marker_of(key.first, 0), key.bytes)) return found;
  return find_chain(pair.second, marker_of(key.second, 1), key.bytes);
}

Index::Found Index::find(const HashedKey& key) const {
  // A split moves slots to a bucket that did not exist when the pair was computed: it fills the new bucket, publishes
  // the new count, then clears the old bucket. A move fills the other place, counts, then clears the old place; only
  // one from the second bucket to the first, which was looked at before, can be missed. Who misses and finds that count
  // and that pair unchanged has seen every place the key can have been in.
  Pair pair = locate(key);
  for (;;) {
    const std::uint32_t moved_in = buckets_[pair.first].moved_in();
    if (const Found found = find_in(key, pair)) return found;
    const Pair again = locate(key);
    if (again == pair && buckets_[pair.first].moved_in() == moved_in) return {};
    pair = again;
  }
}

Index::BucketLock::BucketLock(Index& index, const HashedKey& key) : index_(index) {
  for (;;) {
    pair_ = index_.locate(key);
    const auto [low, high] = std::minmax(pair_.first, pair_.second);
    index_.buckets_[low].lock();
    if (high != low) index_.buckets_[high].lock();
    // Only a split of one of these two buckets, or a move between them, can move the key, and needs a lock now held.
    if (index_.locate(key) == pair_) return;
    if (high != low) index_.buckets_[high].unlock();
    index_.buckets_[low].unlock();
  }
}

Index::BucketLock::~BucketLock() {
  if (pair_.first != pair_.second) index_.buckets_[pair_.second].unlock();
  index_.buckets_[pair_.first].unlock();
}

void Index::clear(Bucket& bucket) {
  for (auto& place : bucket.slots) place.store(0, std::memory_order_relaxed);
  bucket.control.store(0, std::memory_order_relaxed);
}

unsigned Index::empty_slots(const Bucket& bucket) {
  unsigned empty = 0;
  for (const auto& place : bucket.slots) empty += place.load(std::memory_order_relaxed) == 0 ? 1u : 0u;
  return empty;
}

std::uint32_t Index::take_overflow() {
  const std::lock_guard guard(overflow_lock_);
  if (const std::uint32_t link = head_.overflow_free.load(std::memory_order_relaxed); link != 0) {
    Bucket& bucket = arena_.overflow()[link - 1];
    head_.overflow_free.store(bucket.overflow(), std::memory_order_relaxed);
    bucket.set_overflow(0);
    return link;
  }
  const std::uint32_t used = head_.overflow_used.load(std::memory_order_relaxed);
  if (used >= head_.overflow_capacity) return 0;
  clear(arena_.overflow()[used]);
  head_.overflow_used.store(used + 1, std::memory_order_relaxed);
  return used + 1;
}

std::atomic<std::uint64_t>* Index::empty_slot(Bucket& bucket) {
  for (auto& place : bucket.slots)
    if (place.load(std::memory_order_relaxed) == 0) return &place;
  return nullptr;
}

std::atomic<std::uint64_t>* Index::move_away(std::uint64_t bucket, const Pair& held) {
  // All seven slots are taken, and stay so: the bucket is locked.
  struct Home {
    std::uint64_t bucket;
    std::uint64_t hash;
    unsigned choice;
  };
  const auto other_home = [&](const Slot& slot) {
    const std::uint64_t own = slot.marker() >> 1 << kTagShiftInHash | bucket % kInitialBuckets;
    const unsigned choice = slot.marker() & 1;
    const std::uint64_t other = choice == 0 ? second_of(own) : first_of(own);
    return Home{bucket_of(other, bucket_count()), other, 1 - choice};
  };
  std::array<Home, kSlotsPerBucket> homes;
  for (unsigned i = 0; i < kSlotsPerBucket; ++i) {
    homes[i] = other_home(Slot{buckets_[bucket].slots[i].load(std::memory_order_relaxed)});
    __builtin_prefetch(&buckets_[homes[i].bucket]);
  }
  for (unsigned i = 0; i < kSlotsPerBucket; ++i) {
    Bucket& target = buckets_[homes[i].bucket];
    if (homes[i].bucket == held.first || homes[i].bucket == held.second) continue;
    if (empty_slot(target) == nullptr || !target.try_lock()) continue;
    auto& from = buckets_[bucket].slots[i];
    const Slot slot{from.load(std::memory_order_relaxed)};
    // A split of the target may have come first; from now on none can.
    std::atomic<std::uint64_t>* to = empty_slot(target);
    const bool seen_by_scans = homes[i].bucket > bucket || scans_.load(std::memory_order_seq_cst) == 0;
    const bool moves = to != nullptr && seen_by_scans && bucket_of(homes[i].hash, bucket_count()) == homes[i].bucket;
    if (moves) {
      to->store(Slot::make(marker_of(homes[i].hash, homes[i].choice), slot.frequency(), slot.address()).word,
                std::memory_order_release);
      target.count_moved_in();
      from.store(0, std::memory_order_release);
    }
    target.unlock();
    if (moves) return &from;
  }
  return nullptr;
}

std::atomic<std::uint64_t>* Index::empty_place(Bucket& bucket) {
  Bucket* last = &bucket;
  for (Bucket* b = &bucket; b != nullptr; b = next(*b)) {
    if (std::atomic<std::uint64_t>* place = empty_slot(*b)) return place;
    last = b;
  }
  const std::uint32_t link = take_overflow();
  if (link == 0) return nullptr;
  last->set_overflow(link);
  return &arena_.overflow()[link - 1].slots[0];
}

void Index::release_empty_tail(Bucket& bucket) {
  // Only the last bucket of a chain is ever unlinked, so a reader that stands in it loses nothing behind it.
  Bucket* before = &bucket;
  Bucket* tail = next(bucket);
  if (tail == nullptr) return;
  for (Bucket* after = next(*tail); after != nullptr; after = next(*after)) {
    before = tail;
    tail = after;
  }
  if (empty_slots(*tail) != kSlotsPerBucket) return;
  const std::uint32_t link = before->overflow();
  before->set_overflow(0);
  const std::lock_guard guard(overflow_lock_);
  tail->set_overflow(head_.overflow_free.load(std::memory_order_relaxed));
  head_.overflow_free.store(link, std::memory_order_relaxed);
}

bool Index::insert(const HashedKey& key, const Pair& pair, LogAddress address) {
  Bucket& first = buckets_[pair.first];
  Bucket& second = buckets_[pair.second];
  bool take_first = empty_slots(first) >= empty_slots(second);
  std::atomic<std::uint64_t>* place = empty_slot(take_first ? first : second);
  if (place == nullptr && (place = move_away(pair.first, pair)) != nullptr) take_first = true;
  if (place == nullptr && (place = move_away(pair.second, pair)) != nullptr) take_first = false;
  if (place == nullptr) place = empty_place(take_first ? first : second);
  if (place == nullptr) return false;
  const std::uint64_t marker = take_first ? marker_of(key.first, 0) : marker_of(key.second, 1);
  place->store(Slot::make(marker, 0, address).word, std::memory_order_release);
  head_.items.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Index::erase(const Found& found) {
  found.place->store(0, std::memory_order_release);
  head_.items.fetch_sub(1, std::memory_order_relaxed);
}

unsigned Index::grow(unsigned most) {
  unsigned done = 0;
  while (done < most && item_count() * 4 > kTargetItemsPerFourBuckets * bucket_count()) {
    if (!split_lock_.try_lock()) break;
    const bool split = split_one();
    split_lock_.unlock();
    if (!split) break;
    ++done;
  }
  return done;
}

bool Index::split_one() {
  const std::uint64_t count = bucket_count();
  if (count >= head_.bucket_capacity) return false;
  const unsigned level = static_cast<unsigned>(std::bit_width(count) - 1);
  Bucket& source = buckets_[count - (std::uint64_t{1} << level)];
  Bucket& target = buckets_[count];
  const unsigned tag_bit = level - kTagShiftInHash;
  const auto moves = [tag_bit](const Slot& slot) { return (slot.marker() >> (1 + tag_bit) & 1) != 0; };

  source.lock();
  clear(target);
  target.lock();
  bool fits = true;
  for (Bucket* b = &source; b != nullptr && fits; b = next(*b)) {
    for (auto& place : b->slots) {
      const Slot slot{place.load(std::memory_order_relaxed)};
      if (slot.empty() || !moves(slot)) continue;
      std::atomic<std::uint64_t>* to = empty_place(target);
      if (to == nullptr) {
        fits = false;
        break;
      }
      to->store(slot.word, std::memory_order_release);
    }
  }
  if (fits) {
    // Release: who sees the new count sees the filled target. The source is cleared only after that (see find()).
    head_.buckets.store(count + 1, std::memory_order_release);
    for (Bucket* b = &source; b != nullptr; b = next(*b)) {
      for (auto& place : b->slots) {
        const Slot slot{place.load(std::memory_order_relaxed)};
        if (!slot.empty() && moves(slot)) place.store(0, std::memory_order_release);
      }
    }
    release_empty_tail(source);
  } else {
    for (Bucket* b = &target; b != nullptr; b = next(*b))
      for (auto& place : b->slots) place.store(0, std::memory_order_relaxed);
    while (next(target) != nullptr) release_empty_tail(target);
  }
  target.unlock();
  source.unlock();
  return fits;
}

void Index::empty() {
  const std::uint64_t used = bucket_count();
  for (std::uint64_t i = 0; i < used; ++i) clear(buckets_[i]);
  head_.items.store(0, std::memory_order_relaxed);
  head_.overflow_used.store(0, std::memory_order_relaxed);
  head_.overflow_free.store(0, std::memory_order_relaxed);
  head_.buckets.store(kInitialBuckets, std::memory_order_release);
}

void Index::repair_links() {
  // Each overflow bucket stays in one chain at most.
  const std::uint64_t count = bucket_count();
  const std::uint32_t used = std::min(head_.overflow_used.load(std::memory_order_relaxed),
                                      static_cast<std::uint32_t>(head_.overflow_capacity));
  std::vector<bool> linked(used, false);
  for (std::uint64_t i = 0; i < count; ++i) {
    Bucket* b = &buckets_[i];
    for (;;) {
      const std::uint32_t link = b->overflow();
      const bool sound = link != 0 && link <= used && !linked[link - 1];
      b->control.store(sound ? link : 0, std::memory_order_relaxed);
      if (!sound) break;
      linked[link - 1] = true;
      b = &arena_.overflow()[link - 1];
    }
  }
  head_.overflow_used.store(used, std::memory_order_relaxed);
  std::uint32_t free = 0;
  for (std::uint32_t i = 0; i < used; ++i) {
    if (linked[i]) continue;
    Bucket& bucket = arena_.overflow()[i];
    for (auto& place : bucket.slots) place.store(0, std::memory_order_relaxed);
    bucket.control.store(free, std::memory_order_relaxed);
    free = i + 1;
  }
  head_.overflow_free.store(free, std::memory_order_relaxed);
}

}  // namespace lmc::store

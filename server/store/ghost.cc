#include "server/store/ghost.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

namespace lmc::store {

namespace {
constexpr std::uint64_t kEachLane = 0x0001000100010001ULL;
constexpr std::uint64_t kTopBits = 0x8000800080008000ULL;

static_assert(kStreams == 2, "an entry has one bit for its stream");

// The lowest 16-bit lane of `word` that equals `value`, or 4. (Zero-byte test of Mycroft, on lanes: the lowest hit is
// exact.)
unsigned lane_of(std::uint64_t word, std::uint16_t value) {
  const std::uint64_t difference = word ^ (kEachLane * value);
  const std::uint64_t zero = (difference - kEachLane) & ~difference & kTopBits;
  return zero == 0 ? 4 : static_cast<unsigned>(std::countr_zero(zero)) / 16;
}

std::uint16_t lane_at(std::uint64_t word, unsigned lane) {
  return static_cast<std::uint16_t>(word >> lane * 16);
}

std::uint64_t with_lane(std::uint64_t word, unsigned lane, std::uint16_t value) {
  const unsigned shift = lane * 16;
  return (word & ~(std::uint64_t{0xffff} << shift)) | std::uint64_t{value} << shift;
}
}  // namespace

Ghost::Ghost(std::uint64_t max_entries)
    : max_lines_(std::clamp<std::uint64_t>(max_entries / kEntriesPerLine, 1, 0xffffffff)) {
  void* lines = ::mmap(nullptr, max_lines_ * sizeof(Line), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (lines == MAP_FAILED) throw std::bad_alloc();
  lines_ = static_cast<Line*>(lines);
}

Ghost::~Ghost() {
  ::munmap(lines_, max_lines_ * sizeof(Line));
}

void Ghost::fit(std::uint64_t entries) {
  const std::uint64_t third = fitted_entries_ / 3;
  if (used_lines_.load(std::memory_order_relaxed) != 0 && entries < fitted_entries_ + third &&
      entries + third > fitted_entries_)
    return;
  fitted_entries_ = entries;
  (void)::madvise(lines_, max_lines_ * sizeof(Line), MADV_DONTNEED);
  used_lines_.store(std::clamp<std::uint64_t>(entries / kEntriesPerLine, 1, max_lines_), std::memory_order_relaxed);
}

void Ghost::insert(const HashedKey& key, Stream evicted_from) {
  const std::uint64_t lines = used_lines_.load(std::memory_order_relaxed);
  if (lines == 0) return;
  Line& into = line(key, lines);
  const std::uint64_t first = into.words[0].load(std::memory_order_relaxed);
  const unsigned entry = static_cast<unsigned>((first & 0xffff) % kEntriesPerLine) + 1;
  into.words[0].store(with_lane(first, 0, static_cast<std::uint16_t>(entry)), std::memory_order_relaxed);
  std::atomic<std::uint64_t>& word = into.words[entry / 4];
  const auto remembered = static_cast<std::uint16_t>(fingerprint(key) | static_cast<unsigned>(evicted_from));
  word.store(with_lane(word.load(std::memory_order_relaxed), entry % 4, remembered), std::memory_order_relaxed);
  // The one for which it is too late to come back soon.
  const unsigned late = (entry - 1 + kEntriesPerLine - kSoon) % kEntriesPerLine + 1;
  const std::uint16_t still_there = lane_at(into.words[late / 4].load(std::memory_order_relaxed), late % 4);
  if (still_there != 0) ++lost_[still_there & 1];
}

bool Ghost::take(const HashedKey& key) {
  const std::uint64_t lines = used_lines_.load(std::memory_order_relaxed);
  if (lines == 0) return false;
  Line& in = line(key, lines);
  for (unsigned i = 0; i < kWords; ++i) {
    std::uint64_t word = in.words[i].load(std::memory_order_relaxed);
    // The cursor's lane must not look like a fingerprint: none is 0.
    const std::uint64_t fingerprints = (i == 0 ? word & ~std::uint64_t{0xffff} : word) & ~kEachLane;
    const unsigned lane = lane_of(fingerprints, fingerprint(key));
    if (lane == 4) continue;
    const auto cursor = static_cast<unsigned>(in.words[0].load(std::memory_order_relaxed) & 0xffff);
    const unsigned newer = (cursor + kEntriesPerLine - (i * 4 + lane)) % kEntriesPerLine;
    const unsigned stream = lane_at(word, lane) & 1;
    const bool forgotten =
        in.words[i].compare_exchange_strong(word, with_lane(word, lane, 0), std::memory_order_relaxed);
    if (forgotten && newer < kSoon) back_[stream].fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

Ghost::Returns Ghost::take_returns(Stream evicted_from) {
  const auto stream = static_cast<unsigned>(evicted_from);
  return {back_[stream].exchange(0, std::memory_order_relaxed), std::exchange(lost_[stream], 0)};
}

void Ghost::prefetch(const HashedKey& key) const {
  const std::uint64_t lines = used_lines_.load(std::memory_order_relaxed);
  if (lines != 0) __builtin_prefetch(&line(key, lines));
}

}  // namespace lmc::store

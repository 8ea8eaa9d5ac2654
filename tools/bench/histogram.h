// Latencies in nanoseconds, counted in buckets whose width is at most 1/128 of their value (the idea of HdrHistogram):
// every quantile is reported with a relative error below 0.8 %, whatever the range, in constant memory.
//
// Values from 0 to kMaxValue are told apart; larger ones are counted as kMaxValue (about 18 minutes). Minimum, maximum
// and sum are exact. A quantile is reported as the upper end of its bucket (never too good), but not above the maximum.
//
// Histogram: a plain value. LiveHistogram: one thread records, any other may take a snapshot at any time; counts of a
// snapshot taken while recording goes on may be one apart from each other.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lmc::bench {

namespace histogram_layout {
inline constexpr unsigned kPrecisionBits = 7;  // 128 buckets for each power of two
inline constexpr unsigned kRangeBits = 40;     // values below 2^40 ns
inline constexpr std::uint64_t kMaxValue = (std::uint64_t{1} << kRangeBits) - 1;
inline constexpr std::size_t kBuckets = (kRangeBits - kPrecisionBits + 1) << kPrecisionBits;

[[nodiscard]] constexpr std::size_t bucket_of(std::uint64_t value) {
  if (value > kMaxValue) value = kMaxValue;
  if (value < (1U << kPrecisionBits)) return static_cast<std::size_t>(value);
  const unsigned exponent = static_cast<unsigned>(std::bit_width(value)) - 1;  // >= kPrecisionBits
  const unsigned shift = exponent - kPrecisionBits;
  return (static_cast<std::size_t>(shift + 1) << kPrecisionBits) + static_cast<std::size_t>(value >> shift) -
         (std::size_t{1} << kPrecisionBits);
}

// The largest value that falls into `bucket`.
[[nodiscard]] constexpr std::uint64_t upper_end(std::size_t bucket) {
  if (bucket < (1U << kPrecisionBits)) return bucket;
  const std::size_t shift = (bucket >> kPrecisionBits) - 1;
  const std::uint64_t mantissa = (bucket & ((1U << kPrecisionBits) - 1)) + (1U << kPrecisionBits);
  return ((mantissa + 1) << shift) - 1;
}

static_assert(bucket_of(kMaxValue) == kBuckets - 1);
static_assert(upper_end(kBuckets - 1) == kMaxValue);
}  // namespace histogram_layout

class Histogram {
 public:
  Histogram() : counts_(histogram_layout::kBuckets) {}

  void record(std::uint64_t value_ns);
  void merge(const Histogram& other);
  // What was recorded since `earlier`, a snapshot of the same histogram. Minimum and maximum become bucket ends.
  [[nodiscard]] Histogram since(const Histogram& earlier) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  // The value that a share `quantile` (0..1) of all recorded values does not exceed; 0 when nothing was recorded.
  [[nodiscard]] std::uint64_t at(double quantile) const;

 private:
  friend class LiveHistogram;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
};

class LiveHistogram {
 public:
  void record(std::uint64_t value_ns) {
    bump(counts_[histogram_layout::bucket_of(value_ns)], 1);
    bump(sum_, value_ns);
    if (value_ns > max_.load(std::memory_order_relaxed)) max_.store(value_ns, std::memory_order_relaxed);
    if (value_ns < min_.load(std::memory_order_relaxed)) min_.store(value_ns, std::memory_order_relaxed);
  }

  [[nodiscard]] Histogram snapshot() const;

 private:
  // Written by the recording thread alone, hence no read-modify-write; read by others, hence atomic. Relaxed: each
  // count is meaningful by itself.
  using Count = std::atomic<std::uint64_t>;
  static void bump(Count& count, std::uint64_t by) {
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  std::array<Count, histogram_layout::kBuckets> counts_{};
  Count sum_{0};
  Count min_{~std::uint64_t{0}};
  Count max_{0};
};

}  // namespace lmc::bench

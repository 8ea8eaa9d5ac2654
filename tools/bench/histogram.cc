#include "tools/bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace lmc::bench {

using histogram_layout::bucket_of;
using histogram_layout::kBuckets;
using histogram_layout::upper_end;

void Histogram::record(std::uint64_t value_ns) {
  ++counts_[bucket_of(value_ns)];
  ++count_;
  sum_ += value_ns;
  min_ = std::min(min_, value_ns);
  max_ = std::max(max_, value_ns);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

Histogram Histogram::since(const Histogram& earlier) const {
  Histogram difference;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const std::uint64_t count = counts_[i] - earlier.counts_[i];
    if (count == 0) continue;
    difference.counts_[i] = count;
    difference.count_ += count;
    difference.min_ = std::min(difference.min_, upper_end(i));
    difference.max_ = std::min(max_, upper_end(i));
  }
  difference.sum_ = sum_ - earlier.sum_;
  return difference;
}

std::uint64_t Histogram::at(double quantile) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(upper_end(i), max_);
  }
  return max_;
}

Histogram LiveHistogram::snapshot() const {
  Histogram copy;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    copy.counts_[i] = counts_[i].load(std::memory_order_relaxed);
    copy.count_ += copy.counts_[i];
  }
  copy.sum_ = sum_.load(std::memory_order_relaxed);
  copy.min_ = min_.load(std::memory_order_relaxed);
  copy.max_ = max_.load(std::memory_order_relaxed);
  return copy;
}

}  // namespace lmc::bench

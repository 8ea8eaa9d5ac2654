// What one worker's sockets did, counted by that worker alone and read by whoever serves stats.
//
// Single writer: a relaxed load and store per event, no locked instruction. Sums over workers are of slightly different
// moments.
#pragma once

#include <atomic>
#include <cstdint>

namespace lmc::net {

class TrafficCounter {
 public:
  void add(std::uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct alignas(64) Traffic {
  TrafficCounter bytes_read;
  TrafficCounter bytes_written;
  TrafficCounter yields;
  TrafficCounter idle_kicks;
};

}  // namespace lmc::net

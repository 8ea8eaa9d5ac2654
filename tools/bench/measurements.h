// What one worker measures, and which moment of the run it is: the little that worker and runner share.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <mutex>
#include <string>
#include <vector>

#include "tools/bench/counters.h"
#include "tools/bench/histogram.h"

namespace lmc::bench {

[[nodiscard]] inline std::uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

enum class Phase : std::uint8_t {
  kWarmup,   // load runs, nothing counts
  kMeasure,  // operations that begin now count
  kDrain,    // no new operations; answers to those under way are waited for
  kStop,     // leave, whatever is under way
};

// Keys asked for and found in one stretch of the run (Plan::hit_window_keys).
struct HitWindow {
  std::uint64_t keys = 0;
  std::uint64_t hits = 0;
};

struct Measurements {
  Counters all;       // from the first operation on
  Counters measured;  // operations that began in kMeasure
  LiveHistogram get_ns;
  LiveHistogram set_ns;
  LiveHistogram send_lag_ns;              // open loop: from the intended time until the request was written
  std::atomic<std::uint64_t> idle_ns{0};  // open loop: spun with nothing to do. Written by the worker, relaxed: a sum
  std::vector<HitWindow> hit_windows;     // the worker's own; read after it has ended

  // First problem seen, for the report. Rare, so a mutex.
  void note_problem(const std::string& problem) {
    const std::lock_guard lock(problem_mutex);
    if (first_problem.empty()) first_problem = problem;
  }
  std::mutex problem_mutex;
  std::string first_problem;
};

// Written by the runner, read by the workers in each turn of their loops. Relaxed: nothing else hangs on the value.
using PhaseNow = std::atomic<Phase>;

}  // namespace lmc::bench

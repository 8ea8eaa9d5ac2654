// One run of a plan: starts the workers, moves them through the phases, takes the snapshots, prints progress.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/bench/cpu_accounting.h"
#include "tools/bench/histogram.h"
#include "tools/bench/measurements.h"
#include "tools/bench/plan.h"

namespace lmc::bench {

struct RunResult {
  // The operations that began in the measured time, whenever they ended.
  Totals measured;
  Histogram get_ns;
  Histogram set_ns;
  Histogram send_lag_ns;
  std::vector<HitWindow> hit_windows;

  // What ended between the two snapshots: rates and CPU time are taken from these.
  Totals window;
  double window_s = 0;
  std::optional<ProcessCpu> server_cpu;  // the difference
  std::vector<double> thread_busy;       // share of the window each thread was at work, 0..1

  std::string first_problem;  // empty: none
  bool aborted = false;       // a worker gave up; first_problem says why
};

struct RunOptions {
  std::optional<pid_t> server_pid;
  bool progress = true;       // a line on stderr each second
  std::string label = "run";  // its first word
};

// Throws std::runtime_error when the connections cannot be made.
[[nodiscard]] RunResult run(const Plan& plan, const RunOptions& options);

}  // namespace lmc::bench

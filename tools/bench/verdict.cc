#include "tools/bench/verdict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lmc::bench {
namespace {

template <typename... Numbers>
std::string sentence(const char* format, Numbers... numbers) {
  char text[400];
  std::snprintf(text, sizeof(text), format, numbers...);
  return text;
}

// The busiest CPU that the server could use is unknown; a server with one worker is saturated near 1.0.
double server_cpus(const RunResult& result) {
  if (!result.server_cpu.has_value() || result.window_s <= 0) return 0;
  return static_cast<double>(result.server_cpu->on_cpu_ns) / 1e9 / result.window_s;
}

void doubt_closed(const RunResult& result, std::vector<std::string>& found) {
  if (result.thread_busy.empty()) return;
  const double busiest = *std::max_element(result.thread_busy.begin(), result.thread_busy.end());
  if (busiest < kBusyShare) return;
  const double server = server_cpus(result);
  if (server >= kBusyShare) {
    found.push_back(
        sentence("the generator (%.0f %% busy) and the server (%.2f CPUs) were both near their limit: the "
                 "throughput may be either's",
                 busiest * 100, server));
  } else {
    found.push_back(
        sentence("the generator was the bottleneck (a thread was %.0f %% busy): the throughput is the "
                 "generator's, not the server's; CPU time per operation still holds",
                 busiest * 100));
  }
}

void doubt_open(const Plan& plan, const RunResult& result, std::vector<std::string>& found) {
  Histogram latency = result.get_ns;
  latency.merge(result.set_ns);
  const auto lag = static_cast<double>(result.send_lag_ns.at(0.99));
  const auto p99 = static_cast<double>(latency.at(0.99));
  if (lag > kHarmlessLagNs && lag > p99 * kLagShareOfLatency) {
    found.push_back(
        sentence("the generator sent late (99 %% within %.0f us of the intended time, the latency's p99 is "
                 "%.0f us): these latencies are partly the generator's",
                 lag / 1e3, p99 / 1e3));
  }
  const double reached = static_cast<double>(result.window[Count::kOperations]) / std::max(result.window_s, 1e-9);
  // A Poisson process of n arrivals varies by sqrt(n): three of these are no shortfall.
  const double wanted = plan.rate - 3 * std::sqrt(plan.rate * plan.pipeline / std::max(result.window_s, 1e-9));
  if (plan.operations == 0 && reached < wanted * kReachedShareOfRate) {
    found.push_back(
        sentence("%.0f operations a second were asked for, %.0f were answered: server or generator cannot "
                 "keep up, and the latencies grow with the length of the run",
                 plan.rate, reached));
  }
  const double busiest =
      result.thread_busy.empty() ? 0 : *std::max_element(result.thread_busy.begin(), result.thread_busy.end());
  if (busiest >= kBusyShare) {
    found.push_back(sentence(
        "a generator thread was at work %.0f %% of the time: use more --threads, or a lower --rate", busiest * 100));
  }
}

}  // namespace

std::vector<std::string> doubts(const Plan& plan, const RunResult& result) {
  std::vector<std::string> found;
  if (plan.loop == Loop::kOpen) {
    doubt_open(plan, result, found);
  } else {
    doubt_closed(result, found);
  }
  return found;
}

}  // namespace lmc::bench

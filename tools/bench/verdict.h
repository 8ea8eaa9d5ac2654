// Was the generator itself the bottleneck? A rule on plain numbers, so that it can be tested and argued about.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/plan.h"
#include "tools/bench/runner.h"

namespace lmc::bench {

// Shares and times beyond which a run says more about the generator than about the server.
inline constexpr double kBusyShare = 0.95;         // of a thread's time
inline constexpr double kLagShareOfLatency = 0.2;  // 99th percentile of the send lag to that of the latency
inline constexpr double kHarmlessLagNs = 20'000;
inline constexpr double kReachedShareOfRate = 0.98;

// One sentence for each doubt; empty: no doubt.
[[nodiscard]] std::vector<std::string> doubts(const Plan& plan, const RunResult& result);

}  // namespace lmc::bench

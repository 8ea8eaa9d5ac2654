// The result of a run, in words (report_text.cc), as JSON (report_json.cc) and as a picture (report_svg.cc).
//
// JSON: times in microseconds unless the name says otherwise; the names are those of tools/README.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/options.h"
#include "tools/bench/runner.h"

namespace lmc::bench {

struct Report {
  const Options& options;
  const RunResult& result;
  const std::vector<std::string>& doubts;
  std::string_view command_line;
};

// CPU time of the server per operation, per get command and per key; fills (cache-aside) count as operations here.
struct ServerCost {
  double us_per_operation = 0;
  double us_per_key = 0;  // keys asked for and keys set
  double cpus = 0;        // CPUs kept busy
  double system_share = 0;
};
[[nodiscard]] std::optional<ServerCost> server_cost(const RunResult& result);

// "open loop, 50000 operations/s in batches of 1, 16 connections, ...": one line, for titles.
[[nodiscard]] std::string load_in_words(const Plan& plan);

[[nodiscard]] double hit_ratio(const Totals& totals);

[[nodiscard]] std::string text_report(const Report& report);
[[nodiscard]] std::string json_report(const Report& report);

// Latency over percentile, one line for each named histogram that is not empty. Standalone SVG.
struct Curve {
  std::string name;
  const Histogram& latency_ns;
};
[[nodiscard]] std::string svg_picture(std::string_view title, std::string_view subtitle,
                                      const std::vector<Curve>& curves);

}  // namespace lmc::bench

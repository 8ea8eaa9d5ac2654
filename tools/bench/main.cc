// lmc-bench: see options.cc (or --help) for what it does, tools/README.md for how to read its figures.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "tools/bench/options.h"
#include "tools/bench/report.h"
#include "tools/bench/runner.h"
#include "tools/bench/verdict.h"

namespace lmc::bench {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitUsage = 1;
constexpr int kExitBad = 2;

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path + "; give a path in a directory that you may write to");
}

// The prefill is a run of its own: sets of all keys in order, as fast as they go.
Plan prefill_plan(const Plan& plan) {
  constexpr std::uint32_t kPipeline = 64;
  Plan fill = plan;
  fill.prefill = true;
  fill.loop = Loop::kClosed;
  fill.pipeline = plan.value_bytes.mean() > 10'000 ? 1 : kPipeline;
  fill.cache_aside = false;
  fill.popularity.kind = KeyPopularity::Kind::kSequential;
  fill.popularity.scan_share = 0;
  fill.popularity.drift_period = 0;
  fill.operations = plan.popularity.keys;
  fill.warmup_operations = 0;
  fill.warmup_s = 0;
  fill.hit_window_keys = 0;
  return fill;
}

bool bad(const RunResult& result) {
  return result.aborted || result.window[Count::kErrors] != 0 || result.window[Count::kMismatches] != 0 ||
         result.measured[Count::kErrors] != 0 || result.measured[Count::kMismatches] != 0 ||
         result.measured[Count::kUnanswered] != 0;
}

int report_run(const Options& options, const RunResult& result, const std::string& command_line) {
  const auto found = doubts(options.plan, result);
  const Report report{options, result, found, command_line};
  if (options.json_path == "-") {
    std::cout << json_report(report);
  } else {
    std::cout << text_report(report);
    if (!options.json_path.empty()) write_file(options.json_path, json_report(report));
  }
  if (!options.svg_path.empty()) {
    const std::string title = options.title.empty() ? "Latency by percentile" : options.title;
    write_file(options.svg_path,
               svg_picture(title, load_in_words(options.plan), {{"get", result.get_ns}, {"set", result.set_ns}}));
  }
  return bad(result) ? kExitBad : kExitGood;
}

int run_all(const Options& options, const std::string& command_line) {
  if (options.prefill) {
    const Plan fill = prefill_plan(options.plan);
    const RunResult filled =
        run(fill, {.server_pid = options.server_pid, .progress = !options.quiet, .label = "prefill"});
    if (options.prefill_only) {
      Options own = options;
      own.plan = fill;
      return report_run(own, filled, command_line);
    }
    if (bad(filled)) {
      std::cerr << "lmc-bench: the prefill went wrong: " << filled.first_problem << "\n";
      return kExitBad;
    }
  }
  const RunResult result =
      run(options.plan, {.server_pid = options.server_pid, .progress = !options.quiet, .label = "run"});
  return report_run(options, result, command_line);
}

}  // namespace
}  // namespace lmc::bench

int main(int argc, char** argv) {
  using namespace lmc::bench;
  try {
    const auto options = parse_options(argc, argv);
    if (!options.has_value()) return kExitGood;
    std::string command_line = "lmc-bench";
    for (int i = 1; i < argc; ++i) command_line.append(" ").append(argv[i]);
    return run_all(*options, command_line);
  } catch (const std::exception& error) {
    std::cerr << "lmc-bench: " << error.what() << " (lmc-bench --help explains)\n";
    return kExitUsage;
  }
}

#include "tools/bench/report.h"

#include <catch2/catch.hpp>
#include <string>

namespace {

using namespace lmc::bench;

RunResult some_result() {
  RunResult result;
  result.window_s = 2;
  result.thread_busy = {0.5};
  result.window.counts[static_cast<std::size_t>(Count::kOperations)] = 1'000;
  result.window.counts[static_cast<std::size_t>(Count::kKeys)] = 10'000;
  result.server_cpu = ProcessCpu{.on_cpu_ns = 6'000'000, .user_ns = 1, .system_ns = 3, .threads = 4};
  result.first_problem = "a \"quoted\"\nproblem";
  for (std::uint64_t i = 1; i <= 1'000; ++i) result.get_ns.record(i * 1'000);
  return result;
}

}  // namespace

TEST_CASE("the server's cost is its CPU time over operations and over keys") {
  const auto cost = server_cost(some_result());
  REQUIRE(cost.has_value());
  CHECK(cost->us_per_operation == Approx(6.0));
  CHECK(cost->us_per_key == Approx(0.6));
  CHECK(cost->cpus == Approx(0.003));
  CHECK(cost->system_share == Approx(0.75));
  CHECK_FALSE(server_cost(RunResult{}).has_value());
}

TEST_CASE("JSON escapes what it quotes and carries the figures") {
  const RunResult result = some_result();
  const Options options;
  const std::string json = json_report({options, result, {}, "lmc-bench"});
  CHECK(json.find(R"("first_problem": "a \"quoted\"\u000aproblem")") != std::string::npos);
  CHECK(json.find(R"("operations_per_s": 500)") != std::string::npos);
  CHECK(json.find(R"("us_per_operation": 6)") != std::string::npos);
}

TEST_CASE("a picture draws every curve that has samples, and escapes its titles") {
  const RunResult result = some_result();
  const std::string svg = svg_picture("a < b", "c & d", {{"get", result.get_ns}, {"set", result.set_ns}});
  CHECK(svg.find("a &lt; b") != std::string::npos);
  CHECK(svg.find("c &amp; d") != std::string::npos);
  CHECK(svg.find(">get<") != std::string::npos);
  CHECK(svg.find(">set<") == std::string::npos);
  CHECK(svg.find("99.9 %") != std::string::npos);
}

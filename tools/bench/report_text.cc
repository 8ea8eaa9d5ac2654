#include <algorithm>
#include <cstdio>

#include "tools/bench/report.h"

namespace lmc::bench {
namespace {

template <typename... Values>
void line(std::string& out, const char* format, Values... values) {
  char text[600];
  std::snprintf(text, sizeof(text), format, values...);
  out.append(text).append("\n");
}

unsigned long long whole(std::uint64_t value) {
  return value;
}

double us(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e3;
}

void latency_line(std::string& out, const char* name, const Histogram& latency) {
  if (latency.count() == 0) return;
  line(out, "%-10s %11llu %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f", name, whole(latency.count()),
       latency.mean() / 1e3, us(latency.at(0.5)), us(latency.at(0.9)), us(latency.at(0.99)), us(latency.at(0.999)),
       us(latency.at(0.9999)), us(latency.max()));
}

const char* dialect_in_words(protocol::Dialect dialect) {
  switch (dialect) {
    case protocol::Dialect::kText:
      return "text";
    case protocol::Dialect::kMeta:
      return "meta";
    case protocol::Dialect::kBinary:
      return "binary";
  }
  return "";
}

void counts(std::string& out, const Report& report) {
  const Totals& measured = report.result.measured;
  const Totals& window = report.result.window;
  const double seconds = std::max(report.result.window_s, 1e-9);
  line(out, "operations   %llu in %.2f s: %.0f /s; sent %.1f MB/s, received %.1f MB/s",
       whole(window[Count::kOperations]), seconds, static_cast<double>(window[Count::kOperations]) / seconds,
       static_cast<double>(window[Count::kBytesSent]) / 1e6 / seconds,
       static_cast<double>(window[Count::kBytesReceived]) / 1e6 / seconds);
  line(out, "gets         %llu of %llu keys, %llu hits: hit ratio %.4f, miss ratio %.4f", whole(measured[Count::kGets]),
       whole(measured[Count::kKeys]), whole(measured[Count::kHits]), hit_ratio(measured), 1 - hit_ratio(measured));
  line(out, "sets         %llu, and %llu after misses", whole(measured[Count::kSets]), whole(measured[Count::kFills]));
  line(out, "errors       %llu errors, %llu wrong values, %llu unanswered", whole(measured[Count::kErrors]),
       whole(measured[Count::kMismatches]), whole(measured[Count::kUnanswered]));
  if (!report.result.first_problem.empty()) line(out, "             first: %s", report.result.first_problem.c_str());
}

void costs(std::string& out, const Report& report) {
  if (report.options.server_pid.has_value()) {
    if (const auto cost = server_cost(report.result)) {
      line(out, "server CPU   %.3f us per operation, %.3f us per key; %.2f CPUs busy, %.0f %% of it in the kernel",
           cost->us_per_operation, cost->us_per_key, cost->cpus, cost->system_share * 100);
    } else {
      line(out, "server CPU   unknown: process %d cannot be read", static_cast<int>(*report.options.server_pid));
    }
  }
  std::string busy;
  for (const double share : report.result.thread_busy) {
    char text[16];
    std::snprintf(text, sizeof(text), " %.0f %%", share * 100);
    busy += text;
  }
  line(out, "generator    threads busy:%s", busy.c_str());
  const Histogram& lag = report.result.send_lag_ns;
  if (lag.count() != 0) {
    line(out, "send lag     p50 %.1f us, p99 %.1f us, max %.1f us behind the intended time", us(lag.at(0.5)),
         us(lag.at(0.99)), us(lag.max()));
  }
}

}  // namespace

std::optional<ServerCost> server_cost(const RunResult& result) {
  if (!result.server_cpu.has_value() || result.window_s <= 0) return std::nullopt;
  const ProcessCpu& cpu = *result.server_cpu;
  const std::uint64_t operations = result.window[Count::kOperations] + result.window[Count::kFills];
  const std::uint64_t keys = result.window[Count::kKeys] + result.window[Count::kSets] + result.window[Count::kFills];
  const double total_us = static_cast<double>(cpu.on_cpu_ns) / 1e3;
  ServerCost cost;
  if (operations != 0) cost.us_per_operation = total_us / static_cast<double>(operations);
  if (keys != 0) cost.us_per_key = total_us / static_cast<double>(keys);
  cost.cpus = total_us / 1e6 / result.window_s;
  const std::uint64_t ticks_ns = cpu.user_ns + cpu.system_ns;
  if (ticks_ns != 0) cost.system_share = static_cast<double>(cpu.system_ns) / static_cast<double>(ticks_ns);
  return cost;
}

std::string load_in_words(const Plan& plan) {
  char loop[120];
  if (plan.loop == Loop::kOpen) {
    std::snprintf(loop, sizeof(loop), "open loop, %.0f operations/s in batches of %u", plan.rate, plan.pipeline);
  } else {
    std::snprintf(loop, sizeof(loop), "closed loop, %s of %u", plan.loop == Loop::kWindow ? "window" : "batches",
                  plan.pipeline);
  }
  char all[300];
  std::snprintf(all, sizeof(all), "%s, %u connections, %u threads, %s protocol, seed %llu", loop, plan.connections,
                plan.threads, plan.redis ? "redis" : dialect_in_words(plan.dialect), whole(plan.seed));
  return all;
}

double hit_ratio(const Totals& totals) {
  if (totals[Count::kKeys] == 0) return 0;
  return static_cast<double>(totals[Count::kHits]) / static_cast<double>(totals[Count::kKeys]);
}

std::string text_report(const Report& report) {
  std::string out;
  line(out, "load         %s", load_in_words(report.options.plan).c_str());
  counts(out, report);
  costs(out, report);
  line(out, "%-10s %11s %9s %9s %9s %9s %9s %9s %9s", "latency us", "count", "mean", "p50", "p90", "p99", "p99.9",
       "p99.99", "max");
  latency_line(out, "get", report.result.get_ns);
  latency_line(out, "set", report.result.set_ns);
  for (const std::string& doubt : report.doubts) line(out, "NOTE: %s", doubt.c_str());
  return out;
}

}  // namespace lmc::bench

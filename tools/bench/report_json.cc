#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "tools/bench/report.h"

namespace lmc::bench {
namespace {

// Writes one JSON value after the other; knows where commas belong.
class Json {
 public:
  Json& open(char bracket) {
    comma();
    text_.push_back(bracket);
    fresh_ = true;
    return *this;
  }
  Json& close(char bracket) {
    text_.push_back(bracket);
    fresh_ = false;
    return *this;
  }
  Json& key(std::string_view name) {
    value(name);
    text_ += ": ";
    fresh_ = true;
    return *this;
  }
  Json& value(std::string_view string) {
    comma();
    text_.push_back('"');
    for (const char c : string) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        text_.push_back('\\');
        text_.push_back(c);
      } else if (byte < 0x20 || byte > 0x7e) {
        char escape[8];
        std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
        text_ += escape;
      } else {
        text_.push_back(c);
      }
    }
    text_.push_back('"');
    return *this;
  }
  Json& value(double number) {
    comma();
    char digits[32];
    std::snprintf(digits, sizeof(digits), "%.6g", std::isfinite(number) ? number : 0);
    text_ += digits;
    return *this;
  }
  Json& value(std::uint64_t number) {
    comma();
    text_ += std::to_string(number);
    return *this;
  }
  template <typename T>
  Json& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void comma() {
    if (!fresh_) text_ += ", ";
    fresh_ = false;
  }
  std::string text_;
  bool fresh_ = true;
};

void latency(Json& json, std::string_view name, const Histogram& histogram) {
  static constexpr std::array<std::pair<const char*, double>, 7> kQuantiles = {{{"p50", 0.5},
                                                                                {"p90", 0.9},
                                                                                {"p95", 0.95},
                                                                                {"p99", 0.99},
                                                                                {"p99.9", 0.999},
                                                                                {"p99.99", 0.9999},
                                                                                {"p99.999", 0.99999}}};
  json.key(name).open('{').field("count", histogram.count());
  json.field("mean", histogram.mean() / 1e3).field("min", static_cast<double>(histogram.min()) / 1e3);
  for (const auto& [label, quantile] : kQuantiles) {
    json.field(label, static_cast<double>(histogram.at(quantile)) / 1e3);
  }
  json.field("max", static_cast<double>(histogram.max()) / 1e3);
  // For pictures: eight points for each halving of what is left above, as far as there are samples.
  json.key("curve").open('[');
  for (double above = 1; histogram.count() != 0 && above * static_cast<double>(histogram.count()) >= 1;
       above *= std::exp2(-1.0 / 8)) {
    json.open('[').value(1 - above).value(static_cast<double>(histogram.at(1 - above)) / 1e3).close(']');
  }
  json.close(']').close('}');
}

void counts(Json& json, std::string_view name, const Totals& totals) {
  json.key(name).open('{');
  for (std::size_t i = 0; i < kCounts; ++i) json.field(kCountNames[i], totals.counts[i]);
  json.close('}');
}

}  // namespace

std::string json_report(const Report& report) {
  const RunResult& result = report.result;
  Json json;
  json.open('{').field("command", report.command_line).field("seed", report.options.plan.seed);
  json.field("window_s", result.window_s);
  json.field("operations_per_s",
             static_cast<double>(result.window[Count::kOperations]) / std::max(result.window_s, 1e-9));
  json.field("hit_ratio", hit_ratio(result.measured)).field("miss_ratio", 1 - hit_ratio(result.measured));
  counts(json, "measured", result.measured);
  counts(json, "window", result.window);
  json.key("latency_us").open('{');
  latency(json, "get", result.get_ns);
  latency(json, "set", result.set_ns);
  Histogram all = result.get_ns;
  all.merge(result.set_ns);
  latency(json, "all", all);
  latency(json, "send_lag", result.send_lag_ns);
  json.close('}');
  if (const auto cost = server_cost(result)) {
    json.key("server_cpu").open('{').field("us_per_operation", cost->us_per_operation);
    json.field("us_per_key", cost->us_per_key).field("cpus", cost->cpus).field("system_share", cost->system_share);
    json.close('}');
  }
  json.key("generator").open('{').key("thread_busy").open('[');
  for (const double share : result.thread_busy) json.value(share);
  json.close(']').key("doubts").open('[');
  for (const std::string& doubt : report.doubts) json.value(doubt);
  json.close(']').close('}');
  json.key("hit_windows").open('[');
  for (const HitWindow& window : result.hit_windows) json.open('[').value(window.keys).value(window.hits).close(']');
  json.close(']');
  json.field("first_problem", std::string_view(result.first_problem)).close('}');
  return json.text() + "\n";
}

}  // namespace lmc::bench

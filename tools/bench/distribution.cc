#include "tools/bench/distribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace lmc::bench {
namespace {

[[noreturn]] void refuse(std::string_view specification, const std::string& why) {
  throw std::invalid_argument(
      std::string("'").append(specification).append("' is no distribution: ").append(why) +
      ". Write 100, uniform:10-500, lognormal:MEDIAN,SIGMA[,MAX], gev:LOCATION,SCALE,SHAPE[,MAX], "
      "pareto:LOCATION,SCALE,SHAPE[,MAX] or list:50@0.5,500@0.5");
}

double number(std::string_view specification, std::string_view text) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(std::string(text), &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != text.size() || !std::isfinite(value)) {
    refuse(specification, std::string("'").append(text).append("' is not a number"));
  }
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::vector<double> numbers(std::string_view specification, std::string_view text, std::size_t least,
                            std::size_t most) {
  std::vector<double> values;
  for (const std::string_view part : split(text, ',')) values.push_back(number(specification, part));
  if (values.size() < least || values.size() > most) refuse(specification, "wrong number of parameters");
  return values;
}

// The quantile function of the standard normal distribution (P. J. Acklam's rational approximation; error
// below 1.2e-9).
double normal_quantile(double p) {
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                          1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                          -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
  constexpr double kTail = 0.02425;
  if (p > 1 - kTail) return -normal_quantile(1 - p);
  if (p < kTail) {
    const double q = std::sqrt(-2 * std::log(p));
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
           ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  }
  const double q = p - 0.5;
  const double r = q * q;
  return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
         (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

template <typename Quantile>
std::vector<std::uint64_t> tabulate(double max, Quantile quantile) {
  std::vector<std::uint64_t> steps(Distribution::kSteps);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(steps.size());
    steps[i] = static_cast<std::uint64_t>(std::llround(std::clamp(quantile(p), 0.0, max)));
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

double optional_max(const std::vector<double>& parameters, std::size_t at) {
  return parameters.size() > at ? parameters[at] : static_cast<double>(Distribution::kMaxValue);
}

std::vector<std::uint64_t> weighted_list(std::string_view specification, std::string_view text) {
  std::vector<std::pair<double, double>> entries;  // value, weight
  double total = 0;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t at = part.find('@');
    const double weight = at == std::string_view::npos ? 1 : number(specification, part.substr(at + 1));
    entries.emplace_back(number(specification, part.substr(0, at)), weight);
    if (weight < 0) refuse(specification, "a weight is negative");
    total += weight;
  }
  if (total <= 0) refuse(specification, "the weights add up to nothing");
  std::sort(entries.begin(), entries.end());
  return tabulate(static_cast<double>(Distribution::kMaxValue), [&](double p) {
    double below = 0;
    for (const auto& [value, weight] : entries) {
      below += weight / total;
      if (p < below) return value;
    }
    return entries.back().first;
  });
}

}  // namespace

Distribution::Distribution(std::string_view specification) {
  const std::size_t colon = specification.find(':');
  const std::string_view kind = colon == std::string_view::npos ? "" : specification.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? specification : specification.substr(colon + 1);
  if (kind.empty()) {
    const double value = number(specification, rest);
    if (value < 0 || value > static_cast<double>(kMaxValue)) refuse(specification, "out of range 0..2^30");
    steps_ = {static_cast<std::uint64_t>(value)};
  } else if (kind == "uniform") {
    const auto parts = split(rest, '-');
    if (parts.size() != 2) refuse(specification, "two bounds are needed");
    const double low = number(specification, parts[0]);
    const double high = number(specification, parts[1]);
    if (low > high) refuse(specification, "the lower bound is above the upper one");
    steps_ = tabulate(static_cast<double>(kMaxValue), [&](double p) { return std::floor(low + p * (high - low + 1)); });
  } else if (kind == "lognormal") {
    const auto v = numbers(specification, rest, 2, 3);
    steps_ = tabulate(optional_max(v, 2), [&](double p) { return v[0] * std::exp(v[1] * normal_quantile(p)); });
  } else if (kind == "gev") {
    const auto v = numbers(specification, rest, 3, 4);
    steps_ = tabulate(optional_max(v, 3), [&](double p) {
      const double e = -std::log(p);
      return v[0] + v[1] * (std::abs(v[2]) < 1e-9 ? -std::log(e) : (std::pow(e, -v[2]) - 1) / v[2]);
    });
  } else if (kind == "pareto") {
    const auto v = numbers(specification, rest, 3, 4);
    steps_ = tabulate(optional_max(v, 3), [&](double p) {
      return v[0] + v[1] * (std::abs(v[2]) < 1e-9 ? -std::log(1 - p) : (std::pow(1 - p, -v[2]) - 1) / v[2]);
    });
  } else if (kind == "list") {
    steps_ = weighted_list(specification, rest);
  } else {
    refuse(specification, std::string("unknown kind '").append(kind).append("'"));
  }
}

double Distribution::mean() const {
  return std::accumulate(steps_.begin(), steps_.end(), 0.0) / static_cast<double>(steps_.size());
}

}  // namespace lmc::bench

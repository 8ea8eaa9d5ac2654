#include "tools/bench/zipf.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace lmc::bench {
namespace {

// log(1 + x) / x and (exp(x) - 1) / x, exact near 0: there theta = 1 needs no case of its own.
double log1p_over(double x) {
  return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x * (0.5 - x / 3);
}
double expm1_over(double x) {
  return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x * 0.5 * (1 + x / 3);
}

}  // namespace

Zipf::Zipf(std::uint64_t ranks, double theta) : ranks_(ranks), theta_(theta) {
  assert(ranks >= 1 && theta >= 0);
  integral_first_ = integral(1.5) - 1;
  integral_last_ = integral(static_cast<double>(ranks) + 0.5);
  shortcut_ = 2 - inverse_integral(integral(2.5) - density(2));
}

std::uint64_t Zipf::sample(Random& random) const {
  while (true) {
    const double u = integral_last_ + random.unit() * (integral_first_ - integral_last_);
    const double x = inverse_integral(u);
    const double rounded = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(ranks_));
    if (rounded - x <= shortcut_ || u >= integral(rounded + 0.5) - density(rounded)) {
      return static_cast<std::uint64_t>(rounded);
    }
  }
}

double Zipf::integral(double x) const {
  const double log_x = std::log(x);
  return expm1_over((1 - theta_) * log_x) * log_x;
}

double Zipf::inverse_integral(double y) const {
  const double t = std::max(-1.0, y * (1 - theta_));
  return std::exp(log1p_over(t) * y);
}

double Zipf::density(double x) const {
  return std::exp(-theta_ * std::log(x));
}

}  // namespace lmc::bench

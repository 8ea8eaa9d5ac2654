// Ranks 1..n with probability proportional to rank^-theta, for any theta >= 0 (1 and more included), in constant time
// and memory: rejection-inversion (W. Hörmann, G. Derflinger: "Rejection-inversion to generate variates from monotone
// discrete distributions", ACM TOMACS 6(3), 1996). About 1.1 draws a sample.
//
// Threads: immutable after construction; each thread brings its own Random.
#pragma once

#include <cstdint>

#include "tools/bench/random.h"

namespace lmc::bench {

class Zipf {
 public:
  // ranks >= 1, theta >= 0 (0: uniform).
  Zipf(std::uint64_t ranks, double theta);

  // A rank in 1..ranks; 1 is the most popular.
  [[nodiscard]] std::uint64_t sample(Random& random) const;

 private:
  [[nodiscard]] double integral(double x) const;  // H: of the density x^-theta, up to a constant
  [[nodiscard]] double inverse_integral(double y) const;
  [[nodiscard]] double density(double x) const;  // h

  std::uint64_t ranks_;
  double theta_;
  double integral_first_;  // H(1.5) - h(1)
  double integral_last_;   // H(ranks + 0.5)
  double shortcut_;        // distance below which a candidate is accepted unseen
};

}  // namespace lmc::bench

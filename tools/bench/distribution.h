// Sizes and times to live, as distributions of whole numbers that are written on the command line:
//
//   100                             always 100
//   uniform:10-500                  each of 10..500
//   lognormal:MEDIAN,SIGMA[,MAX]    exp(normal) around MEDIAN
//   gev:LOCATION,SCALE,SHAPE[,MAX]  generalised extreme value (key sizes of Facebook's ETC pool:
//   gev:30.8,8.2,0.079,250) pareto:LOCATION,SCALE,SHAPE[,MAX]  generalised Pareto (its value sizes:
//   pareto:1,214.5,0.348,8192) list:50@0.5,500@0.4,5000@0.1    weighted list
//
// A draw is a function of a random number given by the caller, so that the size of a key's value can be a property of
// the key. The distribution is tabulated in kSteps equal steps of probability: tails thinner than half a step are cut
// off. Threads: immutable after construction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lmc::bench {

class Distribution {
 public:
  static constexpr std::uint64_t kSteps = 4096;
  static constexpr std::uint64_t kMaxValue = 1U << 30;

  // Throws std::invalid_argument that names the specification, what is wrong with it and what would be right.
  explicit Distribution(std::string_view specification);

  [[nodiscard]] std::uint64_t at(std::uint64_t random) const {
    return steps_.size() == 1 ? steps_.front() : steps_[random >> (64 - kStepBits)];
  }
  [[nodiscard]] std::uint64_t min() const { return steps_.front(); }
  [[nodiscard]] std::uint64_t max() const { return steps_.back(); }
  [[nodiscard]] double mean() const;

 private:
  static constexpr unsigned kStepBits = 12;
  static_assert(kSteps == 1U << kStepBits);

  std::vector<std::uint64_t> steps_;  // ascending; one entry: constant
};

}  // namespace lmc::bench

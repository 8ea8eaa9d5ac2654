// How often to do what is worth doing many times: LMC_EFFORT (1 where it is not set) of `times`, at least once.
// Sanitizers make a test thirty times as long, and find what they find early.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace lmc::test {

[[nodiscard]] inline std::uint64_t effort(std::uint64_t times) {
  const char* share = std::getenv("LMC_EFFORT");
  if (share == nullptr) return times;
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(times) * std::atof(share)));
}

}  // namespace lmc::test

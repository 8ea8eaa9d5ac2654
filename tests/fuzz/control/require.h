// What must hold whatever came in: ends the process, so that libFuzzer keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace lmc::testing {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace lmc::testing

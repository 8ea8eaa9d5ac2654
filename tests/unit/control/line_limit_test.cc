#include "replication/control/line_limit.h"

#include <catch2/catch.hpp>

namespace lmc::replication {
namespace {

TEST_CASE("a flood of lines is cut off, counted, and told of later") {
  LineLimit limit;
  const LineLimit::TimePoint start{};
  for (std::uint32_t i = 0; i < LineLimit::kMostLines; ++i) CHECK(limit.admit("line", start) == "line");
  for (int i = 0; i < 3; ++i) CHECK_FALSE(limit.admit("line", start));
  CHECK_FALSE(limit.admit("line", start + LineLimit::kWindow - std::chrono::nanoseconds(1)));
  CHECK(limit.admit("line", start + LineLimit::kWindow) == "line (4 more such lines were left out before)");
  CHECK(limit.admit("line", start + LineLimit::kWindow) == "line");
}

}  // namespace
}  // namespace lmc::replication

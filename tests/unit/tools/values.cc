#include "tools/bench/values.h"

#include <catch2/catch.hpp>
#include <string>

namespace {

using namespace lmc::bench;

std::string value_of(const Values& values, Values::Description description) {
  std::string out;
  values.append(description, out);
  return out;
}

}  // namespace

TEST_CASE("a value belongs to its key at every length, with any nonce") {
  const Values values;
  for (const std::uint64_t bytes : {0U, 1U, 15U, 16U, 17U, 100U, 65'536U, 300'000U}) {
    for (const std::uint64_t nonce : {0U, 12'345U}) {
      const std::string value = value_of(values, {7, nonce, bytes});
      REQUIRE(value.size() == bytes);
      CHECK(values.belongs_to(7, value));
    }
  }
}

TEST_CASE("another key's value, a torn one, and one of another length are told") {
  const Values values;
  const std::string value = value_of(values, {7, 1, 500});
  CHECK_FALSE(values.belongs_to(8, value));
  CHECK_FALSE(values.belongs_to(7, value.substr(0, 499)));
  CHECK_FALSE(values.belongs_to(7, value + "x"));
  const std::string other = value_of(values, {7, 2, 500});
  CHECK_FALSE(values.belongs_to(7, value.substr(0, 250) + other.substr(250)));
  for (const std::size_t at : {0U, 9U, 16U, 499U}) {
    std::string flipped = value;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    CHECK_FALSE(values.belongs_to(7, flipped));
  }
  CHECK_FALSE(values.belongs_to(8, value_of(values, {7, 0, 12})));
}

#include "protocol/numbers.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>

namespace lmc::protocol {
namespace {

template <typename Number>
std::optional<Number> read(bool (*reader)(std::string_view, Number&), std::string_view word) {
  Number number{};
  if (!reader(word, number)) return std::nullopt;
  return number;
}

}  // namespace

TEST_CASE("strict numbers are digits and nothing else") {
  CHECK(read(strict_u32, "0") == 0U);
  CHECK(read(strict_u32, "4294967295") == 4294967295U);
  CHECK_FALSE(read(strict_u32, "4294967296"));
  for (const char* word : {"", "+1", "-1", "1x", "x", " 1", "1\t", "000000000001"}) {
    INFO(word);
    CHECK_FALSE(read(strict_u32, word));
  }
  CHECK(read(strict_u64, "18446744073709551615") == 18446744073709551615U);
  CHECK_FALSE(read(strict_u64, "18446744073709551616"));
  CHECK_FALSE(read(strict_u64, "99999999999999999999"));
}

TEST_CASE("strict signed numbers reach both ends of their range") {
  CHECK(read(strict_i32, "2147483647") == 2147483647);
  CHECK(read(strict_i32, "-2147483648") == INT32_MIN);
  CHECK_FALSE(read(strict_i32, "2147483648"));
  CHECK_FALSE(read(strict_i32, "-2147483649"));
  CHECK(read(strict_i64, "-9223372036854775808") == INT64_MIN);
  CHECK(read(strict_i64, "9223372036854775807") == INT64_MAX);
  CHECK_FALSE(read(strict_i64, "9223372036854775808"));
  CHECK_FALSE(read(strict_i64, ""));
  CHECK_FALSE(read(strict_i32, "--1"));
}

TEST_CASE("a lone minus is a strict zero, as in memcached") {
  CHECK(read(strict_i32, "-") == 0);
}

TEST_CASE("loose numbers are what strtoull takes") {
  CHECK(read(loose_u64, "+5") == 5U);
  CHECK(read(loose_u64, "\t5") == 5U);
  CHECK(read(loose_u64, "5\tx") == 5U);
  CHECK(read(loose_u64, {"5\0x", 3}) == 5U);
  CHECK_FALSE(read(loose_u64, {"\0", 1}));
  CHECK(read(loose_u64, "0000000000000000000000000000005") == 5U);
  CHECK(read(loose_u64, "18446744073709551615") == 18446744073709551615U);
  CHECK(read(loose_u64, "-0") == 0U);
  for (const char* word : {"", "-", "+", "x", "5x", "-1", "--5", "18446744073709551616"}) {
    INFO(word);
    CHECK_FALSE(read(loose_u64, word));
  }
}

TEST_CASE("loose 32-bit numbers keep the low bits") {
  CHECK(read(loose_u32, "4294967296") == 0U);
  CHECK(read(loose_u32, "4294967297") == 1U);
  CHECK(read(loose_u32, "18446744073709551615") == 4294967295U);
  CHECK_FALSE(read(loose_u32, "18446744073709551616"));
  CHECK_FALSE(read(loose_u32, "-1"));
  CHECK(read(loose_i32, "-1") == -1);
  CHECK(read(loose_i32, "4294967296") == 0);
  CHECK(read(loose_i32, "2147483648") == INT32_MIN);
  CHECK_FALSE(read(loose_i32, "9223372036854775808"));
  CHECK(read(loose_i32, "-9223372036854775808") == 0);
  CHECK_FALSE(read(loose_i32, "-9223372036854775809"));
}

TEST_CASE("a word that is no number leaves the output alone") {
  std::uint64_t wide = 7;
  CHECK_FALSE(loose_u64("x", wide));
  CHECK_FALSE(strict_u64("1x", wide));
  CHECK_FALSE(loose_u64("99999999999999999999999", wide));
  CHECK(wide == 7);
}

}  // namespace lmc::protocol

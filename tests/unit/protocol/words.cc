#include "protocol/words.h"

#include <catch2/catch.hpp>

namespace lmc::protocol {

TEST_CASE("words are what stands between spaces, however many") {
  std::string_view rest = "  one two   three ";
  CHECK(next_word(rest) == "one");
  CHECK(next_short_word(rest) == "two");
  CHECK(next_word(rest) == "three");
  CHECK(next_word(rest).empty());
  CHECK(next_short_word(rest).empty());
}

TEST_CASE("no other white space separates words") {
  std::string_view rest = "a\tb\rc";
  CHECK(next_word(rest) == "a\tb\rc");
}

TEST_CASE("a plain number is one to ten digits and nothing else") {
  std::string_view rest = "  0 4294967296 12x 12345678901";
  std::uint64_t number = 7;
  REQUIRE(next_plain_number(rest, number));
  CHECK(number == 0);
  REQUIRE(next_plain_number(rest, number));
  CHECK(number == 4294967296);
  CHECK_FALSE(next_plain_number(rest, number));
  CHECK(next_word(rest) == "12x");
  CHECK_FALSE(next_plain_number(rest, number));
  CHECK(next_word(rest) == "12345678901");
  CHECK_FALSE(next_plain_number(rest, number));
  CHECK(number == 4294967296);
}

TEST_CASE("the last word and the count ignore spaces around") {
  CHECK(last_word("a bc  ") == "bc");
  CHECK(last_word("bc") == "bc");
  CHECK(last_word("  ").empty());
  CHECK(last_word("").empty());
  CHECK(count_words(" a b  c ") == 3);
  CHECK(count_words("") == 0);
}

}  // namespace lmc::protocol

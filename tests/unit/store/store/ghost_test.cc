#include "server/store/ghost.h"

#include <catch2/catch.hpp>
#include <cstdint>

using namespace lmc::store;

namespace {
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}
HashedKey key(std::uint64_t i) {
  return {"", mixed(i + 1), mixed(i + 0x123456789)};
}
unsigned remembered(Ghost& ghost, std::uint64_t begin, std::uint64_t end) {
  unsigned hits = 0;
  for (std::uint64_t i = begin; i < end; ++i) hits += ghost.take(key(i)) ? 1u : 0u;
  return hits;
}
}  // namespace

TEST_CASE("a ghost list that was never fitted remembers nothing") {
  Ghost ghost(1000);
  ghost.insert(key(1));
  CHECK_FALSE(ghost.take(key(1)));
}

TEST_CASE("a remembered key is found once and then forgotten") {
  Ghost ghost(10000);
  ghost.fit(10000);
  ghost.insert(key(1));
  CHECK(ghost.take(key(1)));
  CHECK_FALSE(ghost.take(key(1)));
}

TEST_CASE("the ghost list remembers about as many keys as there are items, the latest ones") {
  Ghost ghost(100000);
  ghost.fit(31000);
  for (std::uint64_t i = 0; i < 93000; ++i) ghost.insert(key(i));
  CHECK(remembered(ghost, 0, 31000) < 1000);
  CHECK(remembered(ghost, 72000, 93000) > 18000);
}

TEST_CASE("strangers are rarely taken for a remembered key") {
  Ghost ghost(100000);
  ghost.fit(31000);
  for (std::uint64_t i = 0; i < 31000; ++i) ghost.insert(key(i));
  CHECK(remembered(ghost, 1000000, 1100000) < 150);  // 31 of 65535 each: 47 expected
}

TEST_CASE("the ghost list is emptied only when the number of items has moved by a third") {
  Ghost ghost(100000);
  ghost.fit(30000);
  ghost.insert(key(1));
  ghost.insert(key(2));
  ghost.fit(39000);
  ghost.fit(21000);
  CHECK(ghost.take(key(1)));
  ghost.fit(41000);
  CHECK_FALSE(ghost.take(key(2)));
}

TEST_CASE("a ghost list of the smallest size and of any number of items stays within its room") {
  Ghost ghost(0);
  for (const std::uint64_t items : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0} / 2}) {
    ghost.fit(items);
    for (std::uint64_t i = 0; i < 1000; ++i) ghost.insert(key(i));
    CHECK(remembered(ghost, 0, 1000) <= 40);
  }
}

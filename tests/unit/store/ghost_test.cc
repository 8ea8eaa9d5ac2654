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
  ghost.insert(key(1), Stream::kFresh);
  CHECK_FALSE(ghost.take(key(1)));
}

TEST_CASE("a remembered key is found once and then forgotten") {
  Ghost ghost(10000);
  ghost.fit(10000);
  ghost.insert(key(1), Stream::kFresh);
  CHECK(ghost.take(key(1)));
  CHECK_FALSE(ghost.take(key(1)));
}

TEST_CASE("the ghost list remembers about as many keys as there are items, the latest ones") {
  Ghost ghost(100000);
  ghost.fit(31000);
  for (std::uint64_t i = 0; i < 93000; ++i) ghost.insert(key(i), Stream::kFresh);
  CHECK(remembered(ghost, 0, 31000) < 1000);
  CHECK(remembered(ghost, 72000, 93000) > 18000);
}

TEST_CASE("strangers are rarely taken for a remembered key") {
  Ghost ghost(100000);
  ghost.fit(31000);
  for (std::uint64_t i = 0; i < 31000; ++i) ghost.insert(key(i), Stream::kFresh);
  CHECK(remembered(ghost, 1000000, 1100000) < 200);  // 31 of 32767 each: 95 expected
}

TEST_CASE("a key is remembered whichever stream evicted it") {
  Ghost ghost(10000);
  ghost.fit(10000);
  for (std::uint64_t i = 0; i < 1000; ++i) ghost.insert(key(i), i % 2 == 0 ? Stream::kFresh : Stream::kSurvivor);
  CHECK(remembered(ghost, 0, 1000) == 1000);
}

TEST_CASE("an evicted key that comes back soon counts for the stream that evicted it") {
  Ghost ghost(31);
  ghost.fit(31);  // one line
  for (const Stream stream : {Stream::kFresh, Stream::kSurvivor}) {
    const Stream other = stream == Stream::kFresh ? Stream::kSurvivor : Stream::kFresh;
    ghost.insert(key(1), stream);
    ghost.insert(key(2), other);
    ghost.insert(key(3), other);
    ghost.insert(key(4), other);
    CHECK(ghost.take(key(1)));
    CHECK(ghost.take_returns(stream).back == 1);
    CHECK(ghost.take_returns(stream).back == 0);
    CHECK(ghost.take_returns(other).back == 0);
    for (std::uint64_t i = 2; i < 5; ++i) CHECK(ghost.take(key(i)));
    CHECK(ghost.take_returns(other).back == 3);
    for (std::uint64_t i = 0; i < 40; ++i) ghost.insert(key(100 + i), other);
    CHECK(ghost.take_returns(stream).lost == 0);  // what came back is not lost as well
    (void)ghost.take_returns(other);
  }
}

TEST_CASE("an evicted key that does not come back soon is lost to its stream, though still remembered") {
  Ghost ghost(31);
  ghost.fit(31);
  ghost.insert(key(1), Stream::kSurvivor);
  for (std::uint64_t i = 2; i < 5; ++i) ghost.insert(key(i), Stream::kFresh);
  CHECK(ghost.take_returns(Stream::kSurvivor).lost == 0);
  ghost.insert(key(5), Stream::kFresh);
  CHECK(ghost.take_returns(Stream::kSurvivor).lost == 1);
  CHECK(ghost.take(key(1)));
  CHECK(ghost.take_returns(Stream::kSurvivor).back == 0);
  for (std::uint64_t i = 6; i < 106; ++i) ghost.insert(key(i), Stream::kFresh);
  // Every one of them once, round the ring and past its end, but for the last four, whose case is open.
  CHECK(ghost.take_returns(Stream::kFresh).lost == 100);
  CHECK(ghost.take_returns(Stream::kSurvivor).lost == 0);
}

TEST_CASE("the ghost list is emptied only when the number of items has moved by a third") {
  Ghost ghost(100000);
  ghost.fit(30000);
  ghost.insert(key(1), Stream::kFresh);
  ghost.insert(key(2), Stream::kFresh);
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
    for (std::uint64_t i = 0; i < 1000; ++i) ghost.insert(key(i), Stream::kFresh);
    CHECK(remembered(ghost, 0, 1000) <= 40);
  }
}

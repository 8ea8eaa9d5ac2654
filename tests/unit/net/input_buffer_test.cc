#include "server/net/input_buffer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

using namespace lmc::net;

namespace {

void put(InputBuffer& buffer, std::string_view bytes) {
  REQUIRE(buffer.room().size() >= bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer.room().begin());
  buffer.received(bytes.size());
}

}  // namespace

TEST_CASE("a block that was given back is the next one provided") {
  StagingBudget budget(0);
  InputPool pool(budget);
  InputBuffer buffer;
  pool.provide(buffer, false);
  const char* first = buffer.room().data();
  pool.release(buffer);
  CHECK_FALSE(buffer.held());
  pool.provide(buffer, false);
  CHECK(buffer.room().data() == first);
}

TEST_CASE("growing keeps the unread bytes and charges the budget for the whole buffer") {
  StagingBudget budget(10'000'000);
  InputPool pool(budget);
  InputBuffer buffer;
  pool.provide(buffer, false);
  put(buffer, "skipped, kept");
  buffer.consume(9);
  REQUIRE(pool.grow(buffer, 100'000));
  CHECK(buffer.unread() == "kept");
  CHECK(buffer.capacity() == 100'000);
  CHECK(budget.used_bytes() == 100'000);
  pool.release(buffer);
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE("an announced gigabyte costs one step until its bytes arrive") {
  StagingBudget budget(std::uint64_t{1} << 40);
  InputPool pool(budget);
  InputBuffer buffer;
  pool.provide(buffer, false);
  REQUIRE(pool.grow(buffer, std::size_t{1} << 30));
  CHECK(budget.used_bytes() == kStagingStepBytes);
  REQUIRE(pool.grow(buffer, std::size_t{1} << 30));
  CHECK(budget.used_bytes() == 2 * kStagingStepBytes);
  pool.release(buffer);
}

TEST_CASE("beyond the budget a buffer stays as it is") {
  StagingBudget budget(50'000);
  InputPool pool(budget);
  InputBuffer one;
  InputBuffer two;
  pool.provide(one, false);
  pool.provide(two, false);
  put(two, "kept");
  REQUIRE(pool.grow(one, 40'000));
  CHECK_FALSE(pool.grow(two, 20'000));
  CHECK(two.unread() == "kept");
  CHECK(budget.used_bytes() == 40'000);
  pool.release(one);
  CHECK(pool.grow(two, 20'000));
  pool.release(two);
}

TEST_CASE("moving to the front makes the consumed room usable") {
  StagingBudget budget(0);
  InputPool pool(budget);
  InputBuffer buffer;
  pool.provide(buffer, false);
  put(buffer, std::string(kInputBlockBytes - 1, 'a') + "b");
  buffer.consume(kInputBlockBytes - 1);
  CHECK(buffer.room().empty());
  buffer.move_to_front();
  CHECK(buffer.unread() == "b");
  CHECK(buffer.room().size() == kInputBlockBytes - 1);
  pool.release(buffer);
}

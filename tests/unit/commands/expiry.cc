#include "server/commands/expiry.h"

#include <catch2/catch.hpp>

using namespace lmc::commands;
using lmc::store::kAlreadyExpired;
using lmc::store::kNeverExpires;
using lmc::store::UnixSeconds;

namespace {
constexpr UnixSeconds kNow{1'800'000'000};
}

TEST_CASE("an exptime is never, relative up to 30 days, absolute beyond, at once when negative or past") {
  CHECK(absolute_expiry(0, kNow) == kNeverExpires);
  CHECK(absolute_expiry(1, kNow) == UnixSeconds{kNow.value + 1});
  CHECK(absolute_expiry(kMaxRelativeSeconds, kNow) == UnixSeconds{kNow.value + 2592000});
  CHECK(absolute_expiry(kMaxRelativeSeconds + 1, kNow) == kAlreadyExpired);  // a day in 1970: how exist() asks
  CHECK(absolute_expiry(kNow.value + 5, kNow) == UnixSeconds{kNow.value + 5});
  CHECK(absolute_expiry(kNow.value, kNow) == kAlreadyExpired);
  CHECK(absolute_expiry(-1, kNow) == kAlreadyExpired);
  CHECK(absolute_expiry(0x1ffffffff, kNow) == UnixSeconds{0xffffffff});
}

TEST_CASE("what is left of never is -1") {
  CHECK(seconds_left(kNeverExpires, kNow) == -1);
  CHECK(seconds_left({kNow.value + 30}, kNow) == 30);
}

TEST_CASE("time since is never negative") {
  CHECK(seconds_since({kNow.value - 3}, kNow) == 3);
  CHECK(seconds_since({kNow.value + 3}, kNow) == 0);
}

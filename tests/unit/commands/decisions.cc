#include "server/commands/decisions.h"

#include <catch2/catch.hpp>

using namespace lmc::commands;
using lmc::store::kNeverExpires;
using lmc::store::UnixSeconds;

namespace {

constexpr ItemState kAbsent{};

ItemState present(std::uint64_t cas = 10) {
  ItemState item;
  item.present = true;
  item.cas = cas;
  return item;
}

StoreOutcome outcome(StoreMode mode, const ItemState& item, CasCompare compare = {}) {
  return decide_store(mode, item, compare).outcome;
}

}  // namespace

TEST_CASE("what each store mode does to an absent and to a present key") {
  CHECK(outcome(StoreMode::kSet, kAbsent) == StoreOutcome::kStored);
  CHECK(outcome(StoreMode::kSet, present()) == StoreOutcome::kStored);
  CHECK(outcome(StoreMode::kAdd, kAbsent) == StoreOutcome::kStored);
  CHECK(outcome(StoreMode::kAdd, present()) == StoreOutcome::kNotStored);
  CHECK(outcome(StoreMode::kReplace, kAbsent) == StoreOutcome::kNotStored);
  CHECK(outcome(StoreMode::kReplace, present()) == StoreOutcome::kStored);
  CHECK(outcome(StoreMode::kAppend, kAbsent) == StoreOutcome::kNotStored);
  CHECK(outcome(StoreMode::kPrepend, kAbsent) == StoreOutcome::kNotStored);
  CHECK(decide_store(StoreMode::kAppend, present(), {}).joins);
  CHECK(decide_store(StoreMode::kPrepend, present(), {}).joins);
  CHECK(outcome(StoreMode::kAppendOrCreate, kAbsent) == StoreOutcome::kStored);
  CHECK_FALSE(decide_store(StoreMode::kAppendOrCreate, kAbsent, {}).joins);
  CHECK(decide_store(StoreMode::kPrependOrCreate, present(), {}).joins);
}

TEST_CASE("cas stores only over the version it names") {
  CHECK(outcome(StoreMode::kCas, kAbsent, {10, false}) == StoreOutcome::kNotFound);
  CHECK(outcome(StoreMode::kCas, present(10), {10, false}) == StoreOutcome::kStored);
  CHECK(outcome(StoreMode::kCas, present(10), {9, false}) == StoreOutcome::kExists);
  CHECK(outcome(StoreMode::kCas, present(10), {0, false}) == StoreOutcome::kExists);
  CHECK(outcome(StoreMode::kAppend, present(10), {9, false}) == StoreOutcome::kExists);
  CHECK(outcome(StoreMode::kAppend, present(10), {10, false}) == StoreOutcome::kStored);
}

TEST_CASE("an invalidating set stores over a newer version, and stays stale") {
  const StoreDecision older = decide_store(StoreMode::kCas, present(10), {9, true});
  CHECK(older.outcome == StoreOutcome::kStored);
  CHECK(older.keeps_as_stale);
  const StoreDecision equal = decide_store(StoreMode::kCas, present(10), {10, true});
  CHECK(equal.outcome == StoreOutcome::kStored);
  CHECK_FALSE(equal.keeps_as_stale);
  CHECK(outcome(StoreMode::kCas, present(10), {11, true}) == StoreOutcome::kExists);
}

TEST_CASE("a delete compares only if asked to, then with 0 too") {
  CHECK(decide_delete(kAbsent, false, 0) == DeleteOutcome::kNotFound);
  CHECK(decide_delete(kAbsent, true, 5) == DeleteOutcome::kNotFound);
  CHECK(decide_delete(present(10), false, 0) == DeleteOutcome::kDeleted);
  CHECK(decide_delete(present(10), true, 10) == DeleteOutcome::kDeleted);
  CHECK(decide_delete(present(10), true, 0) == DeleteOutcome::kExists);
}

TEST_CASE("incr wraps at 2^64, decr stops at 0") {
  ArithmeticOrder order;
  order.delta = 2;
  CHECK(decide_arithmetic(order, present(), "18446744073709551615").number == 1);
  order.decrement = true;
  CHECK(decide_arithmetic(order, present(), "1").number == 0);
  CHECK(decide_arithmetic(order, present(), "5").number == 3);
}

TEST_CASE("a padded number is a number; words, signs and nothing are not") {
  const ArithmeticOrder order;
  CHECK(decide_arithmetic(order, present(), "9 ").number == 10);
  for (const char* value : {"", "x", "1x", "-1", "18446744073709551616"}) {
    CAPTURE(value);
    CHECK(decide_arithmetic(order, present(), value).outcome == ArithmeticOutcome::kNotNumeric);
  }
}

TEST_CASE("a missing number is created only on request, and not changed by the delta") {
  ArithmeticOrder order;
  order.initial = 13;
  CHECK(decide_arithmetic(order, kAbsent, {}).outcome == ArithmeticOutcome::kNotFound);
  order.creates = true;
  CHECK(decide_arithmetic(order, kAbsent, {}).outcome == ArithmeticOutcome::kCreated);
  CHECK(decide_arithmetic(order, kAbsent, {}).number == 13);
}

TEST_CASE("arithmetic compares the CAS unless it is 0") {
  ArithmeticOrder order;
  order.expected_cas = 9;
  CHECK(decide_arithmetic(order, present(10), "1").outcome == ArithmeticOutcome::kExists);
  order.expected_cas = 10;
  CHECK(decide_arithmetic(order, present(10), "1").outcome == ArithmeticOutcome::kDone);
}

namespace {

constexpr MetaGetTimes kTimes{{1000}, {2000}, {500}};

ItemState expiring(std::uint32_t at) {
  ItemState item = present();
  item.expiry = {at};
  return item;
}

}  // namespace

TEST_CASE("a plain meta get changes nothing, found or not") {
  CHECK_FALSE(decide_meta_get(kAbsent, "vtO", kTimes).changes_item());
  CHECK_FALSE(decide_meta_get(present(), "vtO", kTimes).changes_item());
  CHECK_FALSE(decide_meta_get(kAbsent, "T", kTimes).changes_item());
}

TEST_CASE("vivifying a missing item wins it; a present one is left alone") {
  const MetaGetDecision made = decide_meta_get(kAbsent, "vN", kTimes);
  CHECK(made.creates);
  CHECK(made.won);
  CHECK(made.expiry == UnixSeconds{2000});
  CHECK_FALSE(decide_meta_get(present(), "vN", kTimes).changes_item());
}

TEST_CASE("recaching wins once, and only close to the end") {
  CHECK(decide_meta_get(expiring(499), "R", kTimes).won);
  CHECK_FALSE(decide_meta_get(expiring(500), "R", kTimes).won);
  CHECK_FALSE(decide_meta_get(present(), "R", kTimes).won);  // never expires
  ItemState won_before = expiring(499);
  won_before.win_sent = true;
  CHECK_FALSE(decide_meta_get(won_before, "R", kTimes).won);
}

TEST_CASE("a stale item is won by the first to ask") {
  ItemState stale = present();
  stale.stale = true;
  CHECK(decide_meta_get(stale, "v", kTimes).won);
  stale.win_sent = true;
  CHECK_FALSE(decide_meta_get(stale, "v", kTimes).won);
}

TEST_CASE("flags are carried out in request order") {
  CHECK_FALSE(decide_meta_get(expiring(100), "TR", kTimes).won);  // touched to 1000 first
  CHECK(decide_meta_get(expiring(100), "RT", kTimes).won);
  CHECK(decide_meta_get(kAbsent, "TN", kTimes).expiry == UnixSeconds{2000});
  CHECK(decide_meta_get(kAbsent, "NT", kTimes).expiry == UnixSeconds{1000});
}

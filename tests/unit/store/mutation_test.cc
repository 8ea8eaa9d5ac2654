#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "books.h"
#include "server/store/store.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

// Runs `change` on the key in a turn of its own.
template <class Change>
MutateResult change(Cache& cache, std::string_view key, std::uint64_t value_bytes, Change&& what) {
  cache.session.begin_turn(cache.now);
  const MutateResult result = cache.session.mutate(cache.session.hash(key), value_bytes, what);
  cache.session.end_turn();
  return result;
}

}  // namespace

TEST_CASE("what was put is found, with everything it was given") {
  Cache cache(options_of(kMiB));
  NewItem item;
  item.client_flags = 42;
  item.expiry = later(60);
  item.binary_key = true;
  item.stale = true;
  REQUIRE(cache.set("apple", "red", item) == MutateResult::kDone);
  cache.session.begin_turn(kNow);
  const ItemView found = cache.session.find(cache.session.hash("apple"));
  REQUIRE(found);
  CHECK(found.key() == "apple");
  CHECK(found.value() == "red");
  CHECK(found.value_bytes() == 3);
  CHECK(found.client_flags() == 42);
  CHECK(found.expiry() == later(60));
  CHECK(found.binary_key());
  CHECK(found.stale());
  CHECK_FALSE(found.win_sent());
  CHECK_FALSE(found.fetched());
  CHECK(found.last_access() == kNow);
  CHECK(found.cas() == found.version().value);
  CHECK(found.contiguous());
  CHECK(found.log_bytes() == 40);
  cache.session.end_turn();
}

TEST_CASE("the parts of a value are put together in order, empty ones included") {
  Cache cache(options_of(kMiB));
  const std::array<std::string_view, 4> parts{"ab", "", "cd", ""};
  REQUIRE(change(cache, "k", 4, [&](Mutation& m) { REQUIRE(m.put({}, parts)); }) == MutateResult::kDone);
  CHECK(cache.get("k") == "abcd");
  REQUIRE(change(cache, "none", 0, [&](Mutation& m) { REQUIRE(m.put({}, {})); }) == MutateResult::kDone);
  CHECK(cache.get("none") == "");
}

TEST_CASE("every put has a larger CAS unique than the one before; an explicit one is taken as it is") {
  Cache cache(options_of(kMiB));
  std::uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(cache.set(i % 2 == 0 ? "a" : "b", "v") == MutateResult::kDone);
    const std::uint64_t now = cache.cas(i % 2 == 0 ? "a" : "b");
    CHECK(now > last);
    last = now;
  }
  NewItem given;
  given.explicit_cas = 5;
  std::uint64_t stored = 0;
  const std::string_view value = "v";
  REQUIRE(change(cache, "a", 1, [&](Mutation& m) {
            REQUIRE(m.put(given, {&value, 1}));
            stored = m.stored_cas();
          }) == MutateResult::kDone);
  CHECK(stored == 5);
  CHECK(cache.cas("a") == 5);
  REQUIRE(cache.set("a", "v") == MutateResult::kDone);
  CHECK(cache.cas("a") > last);
}

TEST_CASE("a mutation sees its own puts and erases") {
  Cache cache(options_of(kMiB));
  const std::string_view value = "v";
  REQUIRE(change(cache, "k", 1, [&](Mutation& m) {
            CHECK_FALSE(m.current());
            REQUIRE(m.put({}, {&value, 1}));
            CHECK(m.current().value() == "v");
            CHECK(m.current().cas() == m.stored_cas());
            REQUIRE(m.erase());
            CHECK_FALSE(m.current());
            REQUIRE(m.erase());
            REQUIRE(m.put({}, {&value, 1}));
          }) == MutateResult::kDone);
  CHECK(cache.get("k") == "v");
  CHECK(cache.store.summary().items == 1);
}

TEST_CASE("touch and set_state change what they say and leave value and CAS alone") {
  Cache cache(options_of(kMiB));
  REQUIRE(cache.set("k", "v") == MutateResult::kDone);
  const std::uint64_t cas = cache.cas("k");
  REQUIRE(cache.read("k"));
  REQUIRE(change(cache, "k", 0, [](Mutation& m) {
            REQUIRE(m.touch(later(100)));
            REQUIRE(m.set_state(true, true));
          }) == MutateResult::kDone);
  cache.session.begin_turn(kNow);
  const ItemView item = cache.session.find(cache.session.hash("k"));
  REQUIRE(item);
  CHECK(item.value() == "v");
  CHECK(item.cas() == cas);
  CHECK(item.expiry() == later(100));
  CHECK(item.stale());
  CHECK(item.win_sent());
  CHECK(item.fetched());
  cache.session.end_turn();
  REQUIRE(cache.set("k", "w") == MutateResult::kDone);
  CHECK(cache.store.summary().version > Version{cas + 2});  // touch and state drew versions of their own
}

TEST_CASE("an erased key is gone, and erasing it again is no error") {
  Cache cache(options_of(kMiB));
  REQUIRE(cache.set("k", "v") == MutateResult::kDone);
  REQUIRE(cache.erase("k") == MutateResult::kDone);
  CHECK_FALSE(cache.has("k"));
  REQUIRE(cache.erase("k") == MutateResult::kDone);
  CHECK(cache.store.summary().items == 0);
  CHECK(cache.store.summary().live_bytes == 0);
}

TEST_CASE("values of every size up to the largest item come back byte for byte") {
  Cache cache(options_of(4 * kMiB));
  std::vector<std::uint64_t> sizes;
  for (const std::uint64_t around :
       {std::uint64_t{8192}, std::uint64_t{16384}, std::uint64_t{65536}, 2 * std::uint64_t{65536}, kMiB})
    for (std::uint64_t size = around - 90; size <= around + 10; size += 9) sizes.push_back(size);
  sizes.push_back(2 * kMiB - kRecordHeaderBytes - 1);
  for (const std::uint64_t size : sizes) {
    const std::string value = patterned(size, size);
    REQUIRE(cache.session.fits(1, size));
    REQUIRE(cache.set("k", value) == MutateResult::kDone);
    REQUIRE(cache.get("k") == value);
  }
  CHECK_FALSE(cache.session.fits(1, 2 * kMiB - kRecordHeaderBytes));
}

TEST_CASE("the largest item of half the memory fits the smallest store, again and again") {
  Cache cache(options_of(kMiB));
  for (std::uint64_t i = 0; i < 8; ++i) {
    const std::string value = patterned(kMiB / 2 - kRecordHeaderBytes - 250, i);
    REQUIRE(cache.set(std::string(250, 'k'), value) == MutateResult::kDone);
    REQUIRE(cache.get(std::string(250, 'k')) == value);
  }
}

TEST_CASE("a large value may be appended to itself while it is replaced") {
  Cache cache(options_of(4 * kMiB));
  const std::string tail = patterned(30000, 2);
  std::string expected = patterned(100000, 1);
  REQUIRE(cache.set("k", expected) == MutateResult::kDone);
  for (int i = 0; i < 10; ++i) {
    const std::uint64_t bytes = expected.size() + tail.size();
    REQUIRE(change(cache, "k", bytes, [&](Mutation& m) {
              REQUIRE(m.current());
              std::vector<std::string_view> parts;
              m.current().for_each_piece([&](std::string_view piece) { parts.push_back(piece); });
              parts.push_back(tail);
              (void)m.put({}, parts);
            }) == MutateResult::kDone);
    expected += tail;
    REQUIRE(cache.get("k") == expected);
  }
}

TEST_CASE("a change that did not announce its large value still gets the room for it") {
  Cache cache(options_of(kMiB));
  for (int i = 0; i < 40; ++i) {
    const std::string value = patterned(200000, static_cast<std::uint64_t>(i));
    const std::string_view part = value;
    REQUIRE(change(cache, "k", 0, [&](Mutation& m) { (void)m.put({}, {&part, 1}); }) == MutateResult::kDone);
    REQUIRE(cache.get("k") == value);
  }
}

TEST_CASE("an overwrite-heavy load keeps every key's last value and the books") {
  const ScratchFile file;
  {
    Cache cache(options_of(2 * kMiB, file.path()));
    std::vector<std::string> last(50);
    for (unsigned i = 0; i < 20000; ++i) {
      const unsigned k = (i * 7919) % 50;
      last[k] = patterned(100 + i % 1000, i);
      REQUIRE(cache.set(numbered("key", k), last[k]) == MutateResult::kDone);
    }
    for (unsigned k = 0; k < 50; ++k) CHECK(cache.get(numbered("key", k)) == last[k]);
    CHECK(cache.store.counters().evictions == 0);
  }
  CHECK(audit_file(file.path(), 2 * kMiB) == "");
}

TEST_CASE("the books agree after puts, erases, touches, evictions, large values and expiry") {
  const ScratchFile file;
  {
    Cache cache(options_of(2 * kMiB, file.path()));
    for (std::uint32_t i = 0; i < 30000; ++i) {
      const std::string key = numbered("key", i * 2654435761u % 20000);
      NewItem item;
      item.client_flags = i % 3;
      item.explicit_cas = i % 5 == 0 ? i + 1 : 0;
      item.expiry = i % 4 == 0 ? UnixSeconds{cache.now.value + 1 + i % 50} : kNeverExpires;
      switch (i % 8) {
        case 0:
          REQUIRE(cache.erase(key) == MutateResult::kDone);
          break;
        case 1:
          REQUIRE(cache.touch(key, {cache.now.value + 5}) == MutateResult::kDone);
          break;
        case 2:
          (void)cache.read(key);
          break;
        case 3:
          (void)cache.read(key);
          break;
        case 4: {
          const std::uint64_t bytes = i % 400 == 4 ? 100000 : 10;
          REQUIRE(cache.set(key, patterned(bytes, i), item) == MutateResult::kDone);
          break;
        }
        default:
          REQUIRE(cache.set(key, patterned(i % 900, i), item) == MutateResult::kDone);
      }
      if (i % 300 == 0) ++cache.now.value;
    }
    CHECK(cache.store.counters().evictions > 0);
    CHECK(cache.store.counters().reclaimed > 0);
    CHECK(cache.store.counters().relocated_items > 0);
  }
  CHECK(audit_file(file.path(), 2 * kMiB) == "");
}

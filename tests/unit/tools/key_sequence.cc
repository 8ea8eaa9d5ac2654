#include "tools/bench/key_sequence.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace lmc::bench;

KeyPopularity zipf_popularity(std::uint64_t keys) {
  KeyPopularity popularity;
  popularity.kind = KeyPopularity::Kind::kZipf;
  popularity.keys = keys;
  popularity.zipf = std::make_shared<const Zipf>(keys, 1.0);
  return popularity;
}

std::vector<std::uint64_t> draw(const KeyPopularity& popularity, std::uint64_t seed, int count) {
  KeySequence sequence(popularity, seed, {});
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(sequence.next());
  return ids;
}

}  // namespace

TEST_CASE("the same seed asks for the same keys, another seed for others") {
  const KeyPopularity popularity = zipf_popularity(1'000);
  CHECK(draw(popularity, 5, 100) == draw(popularity, 5, 100));
  CHECK(draw(popularity, 5, 100) != draw(popularity, 6, 100));
}

TEST_CASE("scattering reaches every key of the set, and none twice for two ranks") {
  for (const std::uint64_t keys : {1U, 2U, 10U, 1'000U, 4'096U}) {
    KeyPopularity popularity = zipf_popularity(keys);
    popularity.key_offset = 500;
    popularity.zipf = std::make_shared<const Zipf>(keys, 0.0);
    const auto ids = draw(popularity, 1, static_cast<int>(keys) * 20);
    const std::set<std::uint64_t> distinct(ids.begin(), ids.end());
    CHECK(distinct.size() == keys);
    CHECK(*distinct.begin() == 500);
    CHECK(*distinct.rbegin() == 500 + keys - 1);
  }
}

TEST_CASE("connections that prefill sequentially cover the set exactly once") {
  KeyPopularity popularity;
  popularity.kind = KeyPopularity::Kind::kSequential;
  popularity.keys = 1'003;
  std::multiset<std::uint64_t> ids;
  constexpr std::uint32_t kConnections = 16;
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    KeySequence sequence(popularity, 1, {i, kConnections});
    const std::uint64_t part = 1'003 / kConnections + (i < 1'003 % kConnections ? 1 : 0);
    for (std::uint64_t n = 0; n < part; ++n) ids.insert(sequence.next());
  }
  CHECK(ids.size() == 1'003);
  CHECK(std::set<std::uint64_t>(ids.begin(), ids.end()).size() == 1'003);
}

TEST_CASE("scans have their share, run in a row, and use keys of their own") {
  KeyPopularity popularity = zipf_popularity(1'000);
  popularity.scan_share = 0.2;
  popularity.scan_length = 50;
  popularity.scan_keys = 10'000;
  const auto ids = draw(popularity, 1, 10'000);
  const auto scanned = std::count_if(ids.begin(), ids.end(), [](auto id) { return id >= KeySequence::kScanBase; });
  CHECK(scanned == Approx(2'000).margin(60));
  const auto first = std::find_if(ids.begin(), ids.end(), [](auto id) { return id >= KeySequence::kScanBase; });
  for (int i = 1; i < 50; ++i) CHECK(first[i] == first[i - 1] + 1);
  CHECK(first[50] < KeySequence::kScanBase);
}

TEST_CASE("drift replaces every key once in its period, a few at a time") {
  KeyPopularity popularity = zipf_popularity(100);
  popularity.drift_period = 10'000;
  const auto ids = draw(popularity, 1, 30'000);
  const auto fresh = [&](int begin, int end) {
    return std::count_if(ids.begin() + begin, ids.begin() + end, [](auto id) { return id >= 100; });
  };
  CHECK(fresh(0, 100) < 20);
  CHECK(fresh(10'000, 20'000) == 10'000);
  CHECK(fresh(4'500, 5'500) > 200);
  CHECK(fresh(4'500, 5'500) < 800);
}

TEST_CASE("names have the wanted length, differ, and carry the prefix") {
  const KeyNames names("k:", Distribution("uniform:5-30"));
  std::set<std::string> distinct;
  KeyNames::Buffer buffer;
  for (std::uint64_t id = 0; id < 5'000; ++id) {
    const std::string name(names.spell(id, buffer));
    CHECK(name.starts_with("k:"));
    CHECK(name.size() >= 5);
    CHECK(name.size() <= 30);
    distinct.insert(name);
  }
  CHECK(distinct.size() == 5'000);
  const KeyNames fixed("key:", Distribution("20"));
  CHECK(fixed.spell(42, buffer) == "key:0000000000000042");
  const KeyNames narrow("key:", Distribution("1"));
  CHECK(narrow.spell(12345, buffer) == "key:12345");
}

#include "protocol/text_format.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

namespace lmc::protocol {
namespace {

// What `write` writes; it may write at most `max_bytes`.
template <typename Write>
std::string written(std::size_t max_bytes, Write write) {
  std::string out(max_bytes, '?');
  char* const end = write(out.data());
  REQUIRE(end <= out.data() + out.size());
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out;
}

std::string u64(std::uint64_t number) {
  return written(kMaxU64Bytes, [&](char* out) { return write_u64(out, number); });
}
std::string i64(std::int64_t number) {
  return written(kMaxI64Bytes, [&](char* out) { return write_i64(out, number); });
}

ItemFacts longest_item(std::string_view key) {
  ItemFacts item;
  item.key = key;
  item.key_is_binary = true;
  item.expires = INT64_MIN;
  item.last_access = INT64_MIN;
  item.cas = UINT64_MAX;
  item.size_class = UINT32_MAX;
  item.total_bytes = UINT64_MAX;
  item.client_flags = UINT32_MAX;
  return item;
}

}  // namespace

TEST_CASE("numbers are written as decimal digits") {
  std::uint64_t power = 1;
  for (int digits = 1; digits <= 20; ++digits) {
    for (const std::uint64_t number : {power - 1, power, power + 1, power * 9, power * 9 + 7}) {
      CHECK(u64(number) == std::to_string(number));
    }
    power *= 10;
  }
  for (std::uint64_t number = 0; number < 2000; ++number) CHECK(u64(number) == std::to_string(number));
  CHECK(u64(UINT64_MAX) == "18446744073709551615");
  for (const std::int64_t number : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
    CHECK(i64(number) == std::to_string(number));
  }
}

TEST_CASE("a value line names key, flags, length and, for gets, the CAS unique") {
  CHECK(written(kMaxValueLineBytes, [](char* out) { return write_value_line(out, "k", 5, 100); }) ==
        "VALUE k 5 100\r\n");
  CHECK(written(kMaxValueLineBytes, [](char* out) { return write_value_line_with_cas(out, "k", 5, 100, 77); }) ==
        "VALUE k 5 100 77\r\n");
}

TEST_CASE("the longest lines fit their named maximum") {
  const std::string key(kMaxKeyBytes, '\xff');
  const std::string longest = written(kMaxValueLineBytes, [&](char* out) {
    return write_value_line_with_cas(out, key, UINT32_MAX, UINT64_MAX, UINT64_MAX);
  });
  CHECK(longest.size() == kMaxValueLineBytes);
  const ItemFacts item = longest_item(key);
  written(kMaxDebugLineBytes, [&](char* out) { return write_debug_line(out, item); });
  written(kMaxMetadumpLineBytes, [&](char* out) { return write_metadump_line(out, item); });
  written(kMaxMgdumpLineBytes, [&](char* out) { return write_mgdump_line(out, key, true); });
  written(kMaxMetaLineBytes, [&](char* out) {
    out = write_meta_value_status(out, UINT64_MAX);
    for (const char flag : {'s', 'c'}) out = write_meta_number(out, flag, UINT64_MAX);
    for (const char flag : {'t', 'l'}) out = write_meta_signed(out, flag, INT64_MIN);
    out = write_meta_number(out, 'f', UINT32_MAX);
    out = write_meta_number(out, 'h', 1);
    out = write_meta_key(out, key, true);
    out = write_meta_opaque(out, std::string(kMaxOpaqueTokenBytes, 'O'));
    for (const char flag : {'W', 'X', 'Z'}) out = write_meta_flag(out, flag);
    return write_crlf(out);
  });
}

TEST_CASE("keys in dumps and watch lines are URI encoded") {
  CHECK(written(kMaxUriKeyBytes, [](char* out) { return write_uri(out, "aZ0-._~ %\xff\x01/"); }) ==
        "aZ0-._~%20%25%FF%01%2F");
}

TEST_CASE("meta return flags follow a space, a binary key is base64 with its mark") {
  const std::string line = written(kMaxMetaLineBytes, [](char* out) {
    out = write_meta_value_status(out, 1);
    out = write_meta_number(out, 's', 1);
    out = write_meta_signed(out, 't', -1);
    out = write_meta_key(out, "a", true);
    return write_crlf(write_meta_opaque(out, "Oq1"));
  });
  CHECK(line == "VA 1 s1 t-1 kYQ== b Oq1\r\n");
  CHECK(written(kMaxMetaLineBytes, [](char* out) { return write_meta_key(out, "a", false); }) == " ka");
}

TEST_CASE("lines about an item are memcached's to the byte") {
  ItemFacts item;
  item.key = "a b";
  item.last_access = 1795337609;
  item.cas = 23;
  item.size_class = 1;
  item.total_bytes = 61;
  CHECK(written(kMaxMetadumpLineBytes, [&](char* out) { return write_metadump_line(out, item); }) ==
        "key=a%20b exp=-1 la=1795337609 cas=23 fetch=no cls=1 size=61 flags=0 \n");
  item.key = "a";
  item.last_access = 0;
  item.fetched = true;
  CHECK(written(kMaxDebugLineBytes, [&](char* out) { return write_debug_line(out, item); }) ==
        "ME a exp=-1 la=0 cas=23 fetch=yes cls=1 size=61\r\n");
  item.key_is_binary = true;
  CHECK(written(kMaxDebugLineBytes, [&](char* out) { return write_debug_line(out, item); }) ==
        "ME YQ== exp=-1 la=0 cas=23 fetch=yes cls=1 size=61\r\n");
  CHECK(written(kMaxMgdumpLineBytes, [](char* out) { return write_mgdump_line(out, "a", false); }) == "mg a\r\n");
  CHECK(written(kMaxMgdumpLineBytes, [](char* out) { return write_mgdump_line(out, "a", true); }) == "mg YQ== b\r\n");
}

TEST_CASE("small lines") {
  CHECK(written(kMaxNumberLineBytes, [](char* out) { return write_number_line(out, UINT64_MAX); }) ==
        "18446744073709551615\r\n");
  CHECK(written(kStatLineOverheadBytes + 3 + 2, [](char* out) { return write_stat_line(out, "pid", "42"); }) ==
        "STAT pid 42\r\n");
}

}  // namespace lmc::protocol

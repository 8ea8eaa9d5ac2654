#include "protocol/base64.h"

#include <catch2/catch.hpp>
#include <string>

namespace lmc::protocol {
namespace {

std::string encode(std::string_view plain) {
  std::string out(base64_encoded_bytes(plain.size()), '?');
  char* const end = base64_encode(out.data(), plain);
  REQUIRE(end == out.data() + out.size());
  return out;
}

std::string decode(std::string_view encoded) {
  std::string out(base64_decoded_bytes(encoded.size()), '?');
  out.resize(base64_decode(out.data(), encoded));
  return out;
}

}  // namespace

TEST_CASE("base64 encodes the vectors of RFC 4648") {
  CHECK(encode("").empty());
  CHECK(encode("f") == "Zg==");
  CHECK(encode("fo") == "Zm8=");
  CHECK(encode("foo") == "Zm9v");
  CHECK(encode("foob") == "Zm9vYg==");
  CHECK(encode("fooba") == "Zm9vYmE=");
  CHECK(encode("foobar") == "Zm9vYmFy");
}

TEST_CASE("every byte survives base64") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    CHECK(decode(encode(bytes)) == bytes);
  }
}

TEST_CASE("base64 takes what memcached's decoder takes") {
  CHECK(decode("YR==") == "a");      // bits behind the last byte
  CHECK(decode("YQ==YQ==") == "a");  // a padded group ends the input
  CHECK(decode("Y!Q-==") == "a");    // bytes outside the alphabet are skipped
}

TEST_CASE("base64 refuses what is not whole groups") {
  for (const char* encoded : {"", "Y", "YQ", "YQ=", "====", "Y===", "!!"}) {
    INFO(encoded);
    CHECK(decode(encoded).empty());
  }
}

}  // namespace lmc::protocol

#include <catch2/catch.hpp>
#include <string>

#include "parse_stream.h"
#include "protocol/text_replies.h"

namespace lmc::protocol {

using testing::is_reject;
using testing::is_request;
using testing::text;

namespace {
const std::string kLongestKey(kMaxKeyBytes, 'k');
const std::string kTooLongKey(kMaxKeyBytes + 1, 'k');
}  // namespace

TEST_CASE("delete takes nothing but 0 and noreply behind its key") {
  CHECK(is_request(text("delete a\r\n"), Command::kDelete));
  CHECK(is_request(text("delete a 0\r\n"), Command::kDelete));
  CHECK(text("delete a noreply\r\n").request.quiet);
  CHECK(is_request(text("delete a 0 noreply\r\n"), Command::kDelete));
  CHECK(text("delete a 0 noreply\r\n").request.quiet);
  for (const char* line : {"delete a 10\r\n", "delete a 00\r\n", "delete a noreply 0\r\n", "delete a 0 0\r\n"}) {
    INFO(line);
    CHECK(is_reject(text(line), reply::kDeleteUsage));
  }
  CHECK(is_reject(text("delete a 10 noreply\r\n"), ""));
  CHECK(is_reject(text("delete a b c d e\r\n"), reply::kError));
  CHECK(is_reject(text("delete a b c noreply\r\n"), reply::kError));
  CHECK(is_reject(text("delete\r\n"), reply::kBadLine));
}

TEST_CASE("keys of the keyed commands have their limit") {
  for (const std::string start : {"delete ", "incr ", "decr ", "touch ", "mg ", "md ", "me "}) {
    INFO(start);
    const std::string rest = start.size() == 3 || start == "delete " ? "\r\n" : " 1\r\n";
    CHECK(text(start + kLongestKey + rest).parsed.status == Parsed::Status::kRequest);
    CHECK(is_reject(text(start + kTooLongKey + rest), reply::kBadLine));
  }
  CHECK(is_reject(text("ma " + kTooLongKey + "\r\n"), reply::kInvalidOrDuplicateFlag));
  CHECK(is_reject(text("delete " + kTooLongKey + " noreply\r\n"), ""));
}

TEST_CASE("incr and decr carry a 64-bit delta") {
  CHECK(text("incr a 18446744073709551615\r\n").request.delta == UINT64_MAX);
  CHECK(is_request(text("decr a 1 noreply\r\n"), Command::kDecrement));
  CHECK(text("decr a 1 noreply\r\n").request.quiet);
  for (const char* line : {"incr a x\r\n", "incr a -1\r\n", "incr a 18446744073709551616\r\n", "incr a 1x\r\n"}) {
    INFO(line);
    CHECK(is_reject(text(line), reply::kBadDelta));
  }
  CHECK(is_reject(text("incr a noreply\r\n"), ""));
  CHECK(is_reject(text("incr a\r\n"), reply::kBadLine));
  CHECK(is_reject(text("decr\r\n"), reply::kBadLine));
}

TEST_CASE("touch carries its exptime") {
  CHECK(text("touch a 10\r\n").request.exptime == 10);
  CHECK(text("touch a -1 noreply\r\n").request.exptime == -1);
  CHECK(text("touch a -1 noreply\r\n").request.quiet);
  CHECK(is_reject(text("touch a x\r\n"), reply::kBadExptime));
  CHECK(is_reject(text("touch a x noreply\r\n"), ""));
  CHECK(is_reject(text("touch a\r\n"), reply::kBadLine));
}

TEST_CASE("meta commands keep their flags for MetaFlags, whatever they are") {
  const testing::Outcome outcome = text("mg key  s v  q \r\n");
  REQUIRE(is_request(outcome, Command::kMetaGet));
  CHECK(outcome.request.key == "key");
  CHECK(outcome.request.arguments == "s v  q");
  CHECK_FALSE(outcome.request.quiet);
  for (const char* line : {"mg\r\n", "md\r\n", "ma\r\n", "me\r\n", "mg \r\n"}) {
    INFO(line);
    CHECK(is_reject(text(line), reply::kBadLine));
  }
}

}  // namespace lmc::protocol

#include <catch2/catch.hpp>
#include <string>

#include "parse_stream.h"
#include "protocol/text_replies.h"

namespace lmc::protocol {

using testing::is_reject;
using testing::is_request;
using testing::Outcome;
using testing::text;
using Status = Parsed::Status;
using namespace std::string_literals;

namespace {
const std::string kTooLongKey(kMaxKeyBytes + 1, 'k');
}

TEST_CASE("a set is its words and its value") {
  const std::string input = "set key 5 100 3\r\nabc\r\nget";
  const Outcome outcome = text(input);
  REQUIRE(is_request(outcome, Command::kSet));
  CHECK(outcome.request.key == "key");
  CHECK(outcome.request.client_flags == 5);
  CHECK(outcome.request.exptime == 100);
  CHECK(outcome.request.value == "abc");
  CHECK(outcome.request.value_bytes == 3);
  CHECK(outcome.request.value_state == ValueState::kPresent);
  CHECK_FALSE(outcome.request.quiet);
  CHECK(outcome.parsed.consumed == input.size() - 3);
}

TEST_CASE("the value may hold line ends, and be empty") {
  CHECK(text("set a 0 0 4\r\n\r\n\r\n\r\n").request.value == "\r\n\r\n");
  CHECK(text("set a 0 0 0\r\n\r\n").request.value.empty());
  CHECK(text("set a 0 0 0\r\n\r\n").request.value_state == ValueState::kPresent);
}

TEST_CASE("noreply counts as the last word only") {
  CHECK(text("set a 0 0 1 noreply\r\nx\r\n").request.quiet);
  CHECK(text("set a 0 0 1 what noreply\r\nx\r\n").request.quiet);
  CHECK_FALSE(text("set a 0 0 1 noreply x\r\nx\r\n").request.quiet);
  CHECK_FALSE(text("set a 0 0 1 noreplyx\r\nx\r\n").request.quiet);
}

TEST_CASE("a value that is not all there says how much is needed") {
  const Outcome outcome = text("set a 0 0 10\r\nabc");
  CHECK(outcome.parsed.status == Status::kIncomplete);
  CHECK(outcome.parsed.consumed == 0);
  CHECK(outcome.parsed.needed == 14 + 12);
  CHECK(text("ms a 10\r\n").parsed.needed == 9 + 12);
}

TEST_CASE("a data block that does not end in CRLF is consumed to its announced end") {
  const Outcome too_long = text("set a 0 0 3\r\nabcde\r\n");
  REQUIRE(is_request(too_long, Command::kSet));
  CHECK(too_long.request.value_state == ValueState::kBadChunk);
  CHECK(too_long.parsed.consumed == 13 + 5);
  const Outcome too_short = text("set a 0 0 10\r\nabc\r\nget abcd\r\n");
  CHECK(too_short.request.value_state == ValueState::kBadChunk);
  CHECK(too_short.parsed.consumed == 14 + 12);
}

TEST_CASE("a value over the limit is not waited for but passed over") {
  const Outcome outcome = text("set a 1 2 101 noreply\r\nabc", 100);
  REQUIRE(is_request(outcome, Command::kSet));
  CHECK(outcome.request.value_state == ValueState::kTooLarge);
  CHECK(outcome.request.value.empty());
  CHECK(outcome.request.value_bytes == 101);
  CHECK(outcome.request.quiet);
  CHECK(outcome.request.key == "a");
  CHECK(outcome.parsed.consumed == 23);
  CHECK(outcome.parsed.swallow == 103);
  CHECK(text("set a 0 0 100\r\n", 100).parsed.status == Status::kIncomplete);
  CHECK(text("set a 0 0 2147483645\r\n").parsed.swallow == 2147483647);
  CHECK(text("ms a 101\r\n", 100).request.value_state == ValueState::kTooLarge);
}

TEST_CASE("a length that cannot be leaves the data line to be read as a command") {
  for (const char* line : {"set a 0 0", "set a 0 0 -1", "set a 0 0 abc", "set a 0 0 2147483646", "set a 0 0 +1",
                           "set a 0 0 1x", "set a 0 0 noreply", "set a 0", "set", "cas a 0 0", "set a 0 0 -1 noreply",
                           "set a 0 0 000000000001", "ms a", "ms a S1", "ms", "ms a -1", "ms a 2147483646"}) {
    INFO(line);
    const Outcome outcome = text(std::string(line) + "\r\n");
    CHECK(is_reject(outcome, reply::kBadLine));
    CHECK(outcome.parsed.swallow == 0);
  }
}

TEST_CASE("any other bad word takes the data block with it") {
  for (const std::string& line :
       {"set a x 0 1"s, "set a -1 0 1"s, "set a 0 x 1"s, "set " + kTooLongKey + " 0 0 1", "cas a 0 0 1"s,
        "cas a 0 0 1 x"s, "cas a 0 0 1 -1"s, "append a 0 x 1"s, "ms " + kTooLongKey + " 1"}) {
    INFO(line);
    const Outcome outcome = text(line + "\r\nx\r\n");
    CHECK(is_reject(outcome, reply::kBadLine));
    CHECK(outcome.parsed.consumed == line.size() + 2);
    CHECK(outcome.parsed.swallow == 3);
  }
}

TEST_CASE("a bad storage line that wants no reply gets none") {
  for (const char* line :
       {"set a x 0 1 noreply", "set a 0 x 1 noreply", "cas a 0 0 1 noreply", "cas a 0 0 1 x noreply"}) {
    INFO(line);
    CHECK(is_reject(text(std::string(line) + "\r\n"), ""));
    CHECK(text(std::string(line) + "\r\n").parsed.swallow == 3);
  }
}

TEST_CASE("flags and exptime are read as memcached reads them") {
  CHECK(text("set a 4294967296 0 1\r\nx\r\n").request.client_flags == 0);
  CHECK(text("set a 4294967295 0 1\r\nx\r\n").request.client_flags == 4294967295);
  CHECK(text("set a +7 0 1\r\nx\r\n").request.client_flags == 7);
  CHECK(text("set a 0 -1 1\r\nx\r\n").request.exptime == -1);
  CHECK(text("set a 0 1795337559 1\r\nx\r\n").request.exptime == 1795337559);
  CHECK(text("set a 00000000000000000005 00000000000000000006 1\r\nx\r\n").request.client_flags == 5);
}

TEST_CASE("cas carries its unique") {
  const Outcome outcome = text("cas a 1 2 1 18446744073709551615 noreply\r\nx\r\n");
  REQUIRE(is_request(outcome, Command::kCas));
  CHECK(outcome.request.cas == UINT64_MAX);
  CHECK(outcome.request.quiet);
}

TEST_CASE("a meta set is its key, its flags and its value") {
  const Outcome outcome = text("ms key 3 T30  F5 \r\nabc\r\n");
  REQUIRE(is_request(outcome, Command::kMetaSet));
  CHECK(outcome.request.key == "key");
  CHECK(outcome.request.arguments == "T30  F5");
  CHECK(outcome.request.value == "abc");
  CHECK(text("ms a 1\r\nxyz").request.value_state == ValueState::kBadChunk);
}

}  // namespace lmc::protocol

#include "protocol/meta_flags.h"

#include <catch2/catch.hpp>
#include <string>

#include "parse_stream.h"
#include "protocol/text_replies.h"

namespace lmc::protocol {
namespace {

// The flags of one line, and what parsing them said.
struct ParsedFlags {
  explicit ParsedFlags(std::string_view words)
      : outcome(testing::text(std::string(words) + "\r\na value")), error(flags.parse(outcome.request)) {}

  testing::Outcome outcome;
  MetaFlags flags;
  std::string_view error;
};

std::string_view error_of(std::string_view line) {
  return ParsedFlags(line).error;
}

}  // namespace

TEST_CASE("meta flags keep the order of the request") {
  const ParsedFlags parsed("mg a s  v q Oabc k");
  CHECK(parsed.error.empty());
  CHECK(parsed.flags.in_order() == "svqOk");
  CHECK(parsed.flags.has('q'));
  CHECK_FALSE(parsed.flags.has('t'));
  CHECK(parsed.flags.opaque == "Oabc");
  CHECK(parsed.flags.key == "a");
}

TEST_CASE("meta flags carry their values") {
  const ParsedFlags parsed("ma a N30 T-1 R60 C77 E18446744073709551615 J5 D7 F9 MD");
  REQUIRE(parsed.error.empty());
  CHECK(parsed.flags.vivify_ttl == 30);
  CHECK(parsed.flags.ttl == -1);
  CHECK(parsed.flags.recache_ttl == 60);
  CHECK(parsed.flags.compare_cas == 77);
  CHECK(parsed.flags.new_cas == UINT64_MAX);
  CHECK(parsed.flags.initial == 5);
  CHECK(parsed.flags.delta == 7);
  CHECK(parsed.flags.client_flags == 9);
  CHECK(parsed.flags.mode == MetaMode::kDecrement);
}

TEST_CASE("a line without flags has the defaults") {
  const ParsedFlags parsed("ma a");
  CHECK(parsed.error.empty());
  CHECK(parsed.flags.in_order().empty());
  CHECK(parsed.flags.delta == 1);
  CHECK(parsed.flags.mode == MetaMode::kIncrement);
  CHECK(ParsedFlags("mg a").flags.mode == MetaMode::kSet);
}

TEST_CASE("a base64 key is decoded, into any bytes") {
  const ParsedFlags parsed("mg AP8gCg== b k");
  REQUIRE(parsed.error.empty());
  CHECK(parsed.flags.key == std::string_view("\0\xff \n", 4));
  CHECK(parsed.outcome.request.key == "AP8gCg==");
  CHECK(ParsedFlags("mg YQ==").flags.key == "YQ==");
}

TEST_CASE("the longest base64 key fits") {
  const ParsedFlags parsed("mg " + std::string(248, 'A') + " b");
  REQUIRE(parsed.error.empty());
  CHECK(parsed.flags.key.size() == 186);
  CHECK(ParsedFlags("mg " + std::string(250, 'A') + " b").error == reply::kKeyNotDecodable);
}

TEST_CASE("a key that is not base64 is said") {
  for (const char* line : {"mg YQ b", "mg YQ= b", "mg ==== b", "mg !! b", "ms a 0 b", "md a b"}) {
    INFO(line);
    CHECK(error_of(line) == reply::kKeyNotDecodable);
  }
}

TEST_CASE("known flags without meaning for the command are ignored") {
  for (const char* line : {"mg a s t f v c k h l Ox q u P L x I F1 T0", "md a v t f MZ", "mg a MZ D5"}) {
    INFO(line);
    CHECK(error_of(line).empty());
  }
}

TEST_CASE("an unknown or repeated flag ends the line") {
  CHECK(error_of("mg a Y") == reply::kInvalidFlag);
  CHECK(error_of("mg a 5") == reply::kInvalidFlag);
  CHECK(error_of("mg a [") == reply::kInvalidFlag);
  CHECK(error_of("mg a v v") == reply::kDuplicateFlag);
  CHECK(error_of("mg a T30 T40") == reply::kDuplicateFlag);
  CHECK(error_of("mg a T 30") == reply::kInvalidFlag);
}

TEST_CASE("a flag that is neither letter nor digit is a bad line, whatever else is wrong") {
  for (const char* line : {"mg a !", "ms a 1 v v !", "ma a !", "mg a \xff", "mg a Y \x7f"}) {
    INFO(line);
    CHECK(error_of(line) == reply::kBadLine);
  }
}

TEST_CASE("values that are no numbers") {
  for (const char* line : {"mg a T", "mg a Tx", "mg a N", "mg a Rx", "mg a C", "mg a C-1", "mg a Ex"}) {
    INFO(line);
    CHECK(error_of(line) == reply::kBadToken);
  }
  CHECK(error_of("ms a 1 F") == reply::kBadLine);
  CHECK(error_of("ms a 1 F-1") == reply::kBadLine);
  CHECK(error_of("mg a Jx") == reply::kBadInitialValue);
  CHECK(error_of("mg a Dx") == reply::kBadDeltaValue);
}

TEST_CASE("the last wrong value is the one that is said, but for F") {
  CHECK(error_of("mg a Tx b") == reply::kKeyNotDecodable);
  CHECK(error_of("mg a b Tx") == reply::kBadToken);
  CHECK(error_of("mg a Tx Fx") == reply::kBadToken);
  CHECK(error_of("mg a Tx Y") == reply::kInvalidFlag);
}

TEST_CASE("ma has one text for every wrong flag") {
  for (const char* line : {"ma a Dx", "ma a Y", "ma a v v", "ma a b", "ma a Nx", "ma a Jx", "ma a Fx"}) {
    INFO(line);
    CHECK(error_of(line) == reply::kInvalidOrDuplicateFlag);
  }
  CHECK(error_of("md a Cx") == reply::kBadToken);
}

TEST_CASE("a meta line has at most 20 words") {
  const std::string eighteen = " s t f v c k h l O1 q u P L x I F1 T0 N0";
  CHECK(error_of("mg a" + eighteen).empty());
  CHECK(error_of("mg a" + eighteen + " R0") == reply::kTooManyFlags);
  CHECK(error_of("ms a 1" + eighteen) == reply::kTooManyFlags);
  CHECK(error_of("mg a Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y") == reply::kTooManyFlags);
}

TEST_CASE("an opaque has at most 32 bytes with its letter") {
  CHECK(error_of("mg a O" + std::string(31, 'x')).empty());
  CHECK(error_of("mg a O" + std::string(32, 'x')) == reply::kOpaqueTooLong);
  CHECK(error_of("mg a O").empty());
}

TEST_CASE("modes of ms and ma: the first character decides") {
  const auto mode = [](const char* line) { return ParsedFlags(line).flags.mode; };
  CHECK(mode("ms a 0 MS") == MetaMode::kSet);
  CHECK(mode("ms a 0 ME") == MetaMode::kAdd);
  CHECK(mode("ms a 0 MEX") == MetaMode::kAdd);
  CHECK(mode("ms a 0 MA") == MetaMode::kAppend);
  CHECK(mode("ms a 0 MP") == MetaMode::kPrepend);
  CHECK(mode("ms a 0 MR") == MetaMode::kReplace);
  CHECK(mode("ma a MI") == MetaMode::kIncrement);
  CHECK(mode("ma a M+") == MetaMode::kIncrement);
  CHECK(mode("ma a M-") == MetaMode::kDecrement);
  for (const char* line : {"ms a 0 MX", "ms a 0 Me", "ms a 0 M"}) CHECK(error_of(line) == reply::kBadMetaSetMode);
  for (const char* line : {"ma a MX", "ma a Mi", "ma a M"}) CHECK(error_of(line) == reply::kBadMetaArithmeticMode);
}

}  // namespace lmc::protocol

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "parse_stream.h"
#include "protocol/binary_format.h"

namespace lmc::protocol {
namespace {

using testing::is_request;
using testing::Outcome;
using Status = Parsed::Status;

struct BinaryRequest {
  BinaryOpcode opcode = BinaryOpcode::kGet;
  std::string extras = {};
  std::string key = {};
  std::string value = {};
  std::uint64_t cas = 0;
};

std::string wire(const BinaryRequest& request) {
  std::string out(kBinaryHeaderBytes, '\0');
  out[0] = static_cast<char>(kBinaryRequestMagic);
  out[1] = static_cast<char>(request.opcode);
  store_be16(out.data() + 2, static_cast<std::uint16_t>(request.key.size()));
  out[4] = static_cast<char>(request.extras.size());
  const std::string body = request.extras + request.key + request.value;
  store_be32(out.data() + 8, static_cast<std::uint32_t>(body.size()));
  std::memcpy(out.data() + 12, "opaq", 4);
  store_be64(out.data() + 16, request.cas);
  return out + body;
}

std::string be32(std::uint32_t value) {
  std::string out(4, '\0');
  store_be32(out.data(), value);
  return out;
}
std::string be64(std::uint64_t value) {
  std::string out(8, '\0');
  store_be64(out.data(), value);
  return out;
}

Outcome binary(std::string_view input, std::uint64_t max_value_bytes = 1 << 20) {
  return testing::parse_once(parse_binary, input, max_value_bytes);
}
Outcome binary(const BinaryRequest& request) {
  return binary(wire(request));
}

bool closes_with(const Outcome& outcome, BinaryStatus status) {
  return outcome.parsed.status == Status::kClose && outcome.parsed.binary_status == static_cast<std::uint16_t>(status);
}

constexpr auto op(int number) {
  return static_cast<BinaryOpcode>(number);
}

}  // namespace

TEST_CASE("a binary set is its extras, key and value") {
  const std::string input =
      wire({.opcode = BinaryOpcode::kSet, .extras = be32(5) + be32(100), .key = "key", .value = "value", .cas = 77});
  const Outcome outcome = binary(input + "more");
  REQUIRE(is_request(outcome, Command::kSet));
  const Request& request = outcome.request;
  CHECK(request.dialect == Dialect::kBinary);
  CHECK(request.opcode == 1);
  CHECK(std::memcmp(&request.opaque, "opaq", 4) == 0);
  CHECK(request.client_flags == 5);
  CHECK(request.exptime == 100);
  CHECK(request.cas == 77);
  CHECK(request.key == "key");
  CHECK(request.value == "value");
  CHECK(request.value_bytes == 5);
  CHECK(request.value_state == ValueState::kPresent);
  CHECK(outcome.parsed.consumed == input.size());
}

TEST_CASE("a binary value may be empty") {
  const Outcome outcome = binary({.opcode = BinaryOpcode::kSet, .extras = be64(0), .key = "k"});
  REQUIRE(is_request(outcome, Command::kSet));
  CHECK(outcome.request.value_state == ValueState::kPresent);
}

TEST_CASE("a binary increment is its delta, initial value and exptime") {
  const Outcome outcome =
      binary({.opcode = BinaryOpcode::kIncrement, .extras = be64(1) + be64(2) + be32(0xffffffff), .key = "k"});
  REQUIRE(is_request(outcome, Command::kIncrement));
  CHECK(outcome.request.delta == 1);
  CHECK(outcome.request.initial == 2);
  CHECK(outcome.request.exptime == Request::kNoCreate);
}

TEST_CASE("every binary opcode has its meaning") {
  struct Meaning {
    int opcode;
    Command command;
    bool quiet;
    bool with_key;
    std::string extras;
    std::string key;
  };
  const std::string store = be64(0);
  const std::string arithmetic = std::string(20, '\0');
  const std::string touch = be32(9);
  for (const Meaning& meaning : {Meaning{0x00, Command::kGet, false, false, "", "k"},
                                 {0x01, Command::kSet, false, false, store, "k"},
                                 {0x02, Command::kAdd, false, false, store, "k"},
                                 {0x03, Command::kReplace, false, false, store, "k"},
                                 {0x04, Command::kDelete, false, false, "", "k"},
                                 {0x05, Command::kIncrement, false, false, arithmetic, "k"},
                                 {0x06, Command::kDecrement, false, false, arithmetic, "k"},
                                 {0x07, Command::kQuit, false, false, "", ""},
                                 {0x08, Command::kFlushAll, false, false, "", ""},
                                 {0x09, Command::kGet, true, false, "", "k"},
                                 {0x0a, Command::kNoop, false, false, "", ""},
                                 {0x0b, Command::kVersion, false, false, "", ""},
                                 {0x0c, Command::kGet, false, true, "", "k"},
                                 {0x0d, Command::kGet, true, true, "", "k"},
                                 {0x0e, Command::kAppend, false, false, "", "k"},
                                 {0x0f, Command::kPrepend, false, false, "", "k"},
                                 {0x10, Command::kStats, false, false, "", ""},
                                 {0x11, Command::kSet, true, false, store, "k"},
                                 {0x12, Command::kAdd, true, false, store, "k"},
                                 {0x13, Command::kReplace, true, false, store, "k"},
                                 {0x14, Command::kDelete, true, false, "", "k"},
                                 {0x15, Command::kIncrement, true, false, arithmetic, "k"},
                                 {0x16, Command::kDecrement, true, false, arithmetic, "k"},
                                 {0x17, Command::kQuit, true, false, "", ""},
                                 {0x18, Command::kFlushAll, true, false, touch, ""},
                                 {0x19, Command::kAppend, true, false, "", "k"},
                                 {0x1a, Command::kPrepend, true, false, "", "k"},
                                 {0x1c, Command::kTouch, false, false, touch, "k"},
                                 {0x1d, Command::kGat, false, false, touch, "k"},
                                 {0x1e, Command::kGat, true, false, touch, "k"},
                                 {0x20, Command::kSaslListMechanisms, false, false, "", ""},
                                 {0x21, Command::kSaslAuthenticate, false, false, "", "PLAIN"},
                                 {0x22, Command::kSaslStep, false, false, "", "PLAIN"},
                                 {0x23, Command::kGat, false, true, touch, "k"},
                                 {0x24, Command::kGat, true, true, touch, "k"}}) {
    INFO(meaning.opcode);
    const Outcome outcome = binary({.opcode = op(meaning.opcode), .extras = meaning.extras, .key = meaning.key});
    REQUIRE(is_request(outcome, meaning.command));
    CHECK(outcome.request.quiet == meaning.quiet);
    CHECK(outcome.request.with_key == meaning.with_key);
    CHECK(outcome.request.key == meaning.key);
    if (meaning.extras == touch) CHECK(outcome.request.exptime == 9);
  }
}

TEST_CASE("a binary stat names what it wants in its key") {
  CHECK(binary({.opcode = BinaryOpcode::kStat, .key = "settings"}).request.arguments == "settings");
}

TEST_CASE("a binary flush says whether it has a delay") {
  CHECK_FALSE(binary({.opcode = BinaryOpcode::kFlush}).request.has_exptime);
  CHECK(binary({.opcode = BinaryOpcode::kFlush, .extras = be32(0)}).request.has_exptime);
}

TEST_CASE("lengths that the opcode does not allow close with invalid arguments") {
  const BinaryRequest bad[] = {
      {.opcode = op(0x00)},                                           // get without key
      {.opcode = op(0x00), .extras = "1234", .key = "k"},             // get with extras
      {.opcode = op(0x00), .key = "k", .value = "v"},                 // get with value
      {.opcode = op(0x01), .key = "k", .value = "v"},                 // set without extras
      {.opcode = op(0x01), .extras = be64(0), .value = "v"},          // set without key
      {.opcode = op(0x04), .extras = "1", .key = "k"},                // delete with extras
      {.opcode = op(0x05), .extras = be64(0), .key = "k"},            // incr with short extras
      {.opcode = op(0x07), .key = "k"},                               // quit with key
      {.opcode = op(0x08), .extras = be64(0)},                        // flush with long extras
      {.opcode = op(0x0a), .value = "v"},                             // noop with body
      {.opcode = op(0x0b), .key = "k"},                               // version with key
      {.opcode = op(0x0e), .extras = "1", .key = "k", .value = "v"},  // append with extras
      {.opcode = op(0x10), .extras = "1"},                            // stat with extras
      {.opcode = op(0x1c), .key = "k"},                               // touch without extras
      {.opcode = op(0x21), .value = "v"},                             // sasl without mechanism
      {.opcode = op(0x00), .key = std::string(251, 'k')},             // too long a key
      {.opcode = op(0x77), .key = std::string(251, 'k')},
  };
  for (const BinaryRequest& request : bad) {
    INFO(static_cast<int>(request.opcode));
    const Outcome outcome = binary(request);
    CHECK(closes_with(outcome, BinaryStatus::kInvalidArguments));
    CHECK(outcome.request.opcode == static_cast<std::uint8_t>(request.opcode));
    CHECK(std::memcmp(&outcome.request.opaque, "opaq", 4) == 0);
  }
  CHECK(is_request(binary({.key = std::string(250, 'k')}), Command::kGet));
}

TEST_CASE("a body shorter than key and extras closes with unknown command") {
  std::string input = wire({.key = "key"});
  store_be32(input.data() + 8, 2);
  CHECK(closes_with(binary(input), BinaryStatus::kUnknownCommand));
}

TEST_CASE("any other magic closes without a reply") {
  std::string input = wire({.key = "key"});
  input[0] = '\x81';
  CHECK(closes_with(binary(input), BinaryStatus::kSuccess));
  CHECK(closes_with(binary("g"), BinaryStatus::kSuccess));
}

TEST_CASE("an unknown opcode is a request whose body is consumed") {
  for (const int opcode : {0x1b, 0x1f, 0x25, 0x30, 0x3c, 0xff}) {
    INFO(opcode);
    const std::string input = wire({.opcode = op(opcode), .extras = "12", .key = "k", .value = "v"});
    const Outcome outcome = binary(input);
    REQUIRE(is_request(outcome, Command::kUnknown));
    CHECK(outcome.parsed.consumed == input.size());
    CHECK(outcome.request.opcode == opcode);
  }
  std::string huge = wire({.opcode = op(0x77)});
  store_be32(huge.data() + 8, 0xffffffff);
  const Outcome outcome = binary(huge);
  REQUIRE(is_request(outcome, Command::kUnknown));
  CHECK(outcome.parsed.swallow == 0xffffffff);
}

TEST_CASE("a binary value over the limit is not waited for but passed over") {
  std::string input = wire({.opcode = BinaryOpcode::kSetQ, .extras = be64(0), .key = "key"});
  store_be32(input.data() + 8, 8 + 3 + 101);
  const Outcome outcome = binary(input, 100);
  REQUIRE(is_request(outcome, Command::kSet));
  CHECK(outcome.request.value_state == ValueState::kTooLarge);
  CHECK(outcome.request.value_bytes == 101);
  CHECK(outcome.request.key == "key");
  CHECK(outcome.parsed.consumed == input.size());
  CHECK(outcome.parsed.swallow == 101);
}

TEST_CASE("an incomplete binary request says how much it needs") {
  const std::string input = wire({.opcode = BinaryOpcode::kSet, .extras = be64(0), .key = "key", .value = "value"});
  CHECK(binary("").parsed.needed == kBinaryHeaderBytes);
  CHECK(binary(input.substr(0, 23)).parsed.needed == kBinaryHeaderBytes);
  for (std::size_t bytes = kBinaryHeaderBytes; bytes < input.size(); ++bytes) {
    CHECK(binary(input.substr(0, bytes)).parsed.status == Status::kIncomplete);
    CHECK(binary(input.substr(0, bytes)).parsed.needed == input.size());
  }
}

TEST_CASE("the first byte tells the protocol") {
  CHECK(is_binary('\x80'));
  CHECK_FALSE(is_binary('g'));
  CHECK_FALSE(is_binary('\x81'));
}

}  // namespace lmc::protocol

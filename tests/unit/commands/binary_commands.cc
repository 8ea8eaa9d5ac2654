#include <catch2/catch.hpp>

#include "conversation.h"
#include "protocol/binary_format.h"

using namespace lmc::commands;
using namespace lmc::commands::test;
using Op = lmc::protocol::BinaryOpcode;
using Status = lmc::protocol::BinaryStatus;

namespace {

Packet packet(Op opcode, std::string key = {}, std::string extras = {}, std::string value = {}, std::uint64_t cas = 0) {
  Packet p;
  p.opcode = static_cast<std::uint8_t>(opcode);
  p.key = std::move(key);
  p.extras = std::move(extras);
  p.value = std::move(value);
  p.cas = cas;
  return p;
}

std::string store_extras(std::uint32_t flags = 5, std::uint32_t exptime = 0) {
  return be32(flags) + be32(exptime);
}

std::string count_extras(std::uint64_t delta, std::uint64_t initial, std::uint32_t exptime) {
  return be64(delta) + be64(initial) + be32(exptime);
}

std::vector<Packet> ask(Conversation& c, const Packet& p) {
  return read_replies(c.ask(request_bytes(p)));
}

Status status(Conversation& c, const Packet& p) {
  const std::vector<Packet> replies = ask(c, p);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].opcode == p.opcode);
  return static_cast<Status>(replies[0].status);
}

}  // namespace

TEST_CASE("binary set answers the CAS that get shows") {
  Process process;
  Conversation c(process);
  const std::vector<Packet> set = ask(c, packet(Op::kSet, "k", store_extras(), "value"));
  REQUIRE(set.size() == 1);
  CHECK(set[0].cas != 0);
  const std::vector<Packet> get = ask(c, packet(Op::kGet, "k"));
  REQUIRE(get.size() == 1);
  CHECK(get[0].cas == set[0].cas);
  CHECK(get[0].extras == be32(5));
  CHECK(get[0].key.empty());
  CHECK(get[0].value == "value");
  CHECK(ask(c, packet(Op::kGetK, "k"))[0].key == "k");
}

TEST_CASE("binary misses: a text, or the key, or silence") {
  Process process;
  Conversation c(process);
  const std::vector<Packet> get = ask(c, packet(Op::kGet, "k"));
  CHECK(static_cast<Status>(get[0].status) == Status::kNotFound);
  CHECK(get[0].value == "Not found");
  const std::vector<Packet> getk = ask(c, packet(Op::kGetK, "k"));
  CHECK(static_cast<Status>(getk[0].status) == Status::kNotFound);
  CHECK(getk[0].key == "k");
  CHECK(getk[0].value.empty());
  CHECK(ask(c, packet(Op::kGetQ, "k")).empty());
  CHECK(ask(c, packet(Op::kGetKQ, "k")).empty());
  CHECK(ask(c, packet(Op::kGatQ, "k", be32(1))).empty());
}

TEST_CASE("a CAS in any binary store compares") {
  Process process;
  Conversation c(process);
  CHECK(status(c, packet(Op::kSet, "k", store_extras(), "v", 9)) == Status::kNotFound);
  const std::uint64_t cas = ask(c, packet(Op::kSet, "k", store_extras(), "v"))[0].cas;
  CHECK(status(c, packet(Op::kSet, "k", store_extras(), "v", cas + 1)) == Status::kExists);
  CHECK(status(c, packet(Op::kAppend, "k", {}, "v", cas + 1)) == Status::kExists);
  CHECK(status(c, packet(Op::kDelete, "k", {}, {}, cas + 1)) == Status::kExists);
  CHECK(status(c, packet(Op::kIncrement, "k", count_extras(1, 0, 0), {}, cas + 1)) == Status::kExists);
  CHECK(status(c, packet(Op::kReplace, "k", store_extras(), "v", cas)) == Status::kSuccess);
}

TEST_CASE("binary stores that do not apply say so in their own status") {
  Process process;
  Conversation c(process);
  CHECK(status(c, packet(Op::kReplace, "k", store_extras(), "v")) == Status::kNotFound);
  CHECK(status(c, packet(Op::kAppend, "k", {}, "v")) == Status::kNotStored);
  CHECK(status(c, packet(Op::kAdd, "k", store_extras(), "v")) == Status::kSuccess);
  CHECK(status(c, packet(Op::kAdd, "k", store_extras(), "v")) == Status::kExists);
  CHECK(status(c, packet(Op::kSet, "k", store_extras(), std::string(1'048'576, 'x'))) == Status::kTooLarge);
  CHECK(ask(c, packet(Op::kGetQ, "k")).empty());  // no stale value
}

TEST_CASE("a wrong CAS comes before a value that is no number, but not before one that cannot be") {
  Process process;
  Conversation c(process);
  const auto count_with_wrong_cas = [&c](const std::string& value) {
    const std::uint64_t cas = ask(c, packet(Op::kSet, "k", store_extras(), value))[0].cas;
    return status(c, packet(Op::kIncrement, "k", count_extras(1, 0, 0), {}, cas + 1));
  };
  CHECK(count_with_wrong_cas("x") == Status::kExists);
  CHECK(count_with_wrong_cas(std::string(70'000, 'x')) == Status::kExists);  // in pieces
  CHECK(count_with_wrong_cas("") == Status::kNotNumeric);
  CHECK(count_with_wrong_cas(std::string(600'000, 'x')) == Status::kNotNumeric);
}

TEST_CASE("a binary set that is too large removes the old value, whatever CAS it names") {
  Process process;
  Conversation c(process);
  const std::string larger(1'100'000, 'x');
  const std::uint64_t cas = ask(c, packet(Op::kSet, "k", store_extras(), "v"))[0].cas;
  CHECK(status(c, packet(Op::kReplace, "k", store_extras(), larger, cas)) == Status::kTooLarge);
  CHECK(status(c, packet(Op::kGet, "k")) == Status::kSuccess);
  CHECK(status(c, packet(Op::kSet, "k", store_extras(), larger, cas + 1)) == Status::kTooLarge);
  CHECK(status(c, packet(Op::kGet, "k")) == Status::kNotFound);
}

TEST_CASE("quiet binary mutations answer errors only") {
  Process process;
  Conversation c(process);
  CHECK(ask(c, packet(Op::kSetQ, "k", store_extras(), "1")).empty());
  CHECK(ask(c, packet(Op::kAppendQ, "k", {}, "2")).empty());
  CHECK(ask(c, packet(Op::kIncrementQ, "k", count_extras(1, 0, 0))).empty());
  CHECK(status(c, packet(Op::kAddQ, "k", store_extras(), "1")) == Status::kExists);
  CHECK(ask(c, packet(Op::kDeleteQ, "k")).empty());
  CHECK(status(c, packet(Op::kDeleteQ, "k")) == Status::kNotFound);
  CHECK(ask(c, packet(Op::kFlushQ)).empty());
}

TEST_CASE("binary counting creates unless told not to") {
  Process process;
  Conversation c(process);
  CHECK(status(c, packet(Op::kIncrement, "n", count_extras(1, 7, 0xffffffff))) == Status::kNotFound);
  CHECK(ask(c, packet(Op::kIncrement, "n", count_extras(1, 7, 0)))[0].value == be64(7));
  CHECK(ask(c, packet(Op::kIncrement, "n", count_extras(3, 7, 0)))[0].value == be64(10));
  CHECK(ask(c, packet(Op::kDecrement, "n", count_extras(30, 7, 0)))[0].value == be64(0));
  c.ask(request_bytes(packet(Op::kSet, "n", store_extras(), "x")));
  CHECK(status(c, packet(Op::kIncrement, "n", count_extras(1, 0, 0))) == Status::kNotNumeric);
}

TEST_CASE("binary touch answers flags, gat the value too") {
  Process process;
  Conversation c(process);
  c.ask(request_bytes(packet(Op::kSet, "k", store_extras(5, 10), "value")));
  const std::vector<Packet> touch = ask(c, packet(Op::kTouch, "k", be32(100)));
  CHECK(touch[0].extras == be32(5));
  CHECK(touch[0].value.empty());
  c.advance(50);
  CHECK(ask(c, packet(Op::kGatK, "k", be32(100)))[0].value == "value");
  CHECK(status(c, packet(Op::kTouch, "m", be32(1))) == Status::kNotFound);
}

TEST_CASE("an absolute time of 1970 in a binary add stores nothing that lasts") {
  Process process;
  Conversation c(process);
  CHECK(status(c, packet(Op::kAdd, "k", store_extras(0, 2678400), {})) == Status::kSuccess);
  CHECK(status(c, packet(Op::kGet, "k")) == Status::kNotFound);
}

TEST_CASE("binary commands about the server") {
  Process process;
  Conversation c(process);
  CHECK(ask(c, packet(Op::kVersion))[0].value == "1.6.45");
  CHECK(status(c, packet(Op::kNoop)) == Status::kSuccess);
  CHECK(status(c, packet(Op::kSaslListMechanisms)) == Status::kUnknownCommand);
  CHECK(status(c, packet(static_cast<Op>(0x3a))) == Status::kUnknownCommand);
  process.settings.flush_enabled = false;
  CHECK(status(c, packet(Op::kFlush)) == Status::kAuthFailure);
  CHECK(status(c, packet(Op::kQuit)) == Status::kSuccess);
  CHECK(c.closed());
}

TEST_CASE("binary quiet quit closes without a word") {
  Process process;
  Conversation c(process);
  CHECK(ask(c, packet(Op::kQuitQ)).empty());
  CHECK(c.closed());
}

TEST_CASE("binary stats: a packet a row, an empty one at the end") {
  Process process;
  Conversation c(process);
  const std::vector<Packet> rows = ask(c, packet(Op::kStat));
  REQUIRE(rows.size() > 80);
  CHECK(rows[0].key == "pid");
  CHECK(rows.back().key.empty());
  CHECK(rows.back().value.empty());
  CHECK(status(c, packet(Op::kStat, "bogus")) == Status::kNotFound);
  CHECK(ask(c, packet(Op::kStat, "reset")).size() == 1);
  CHECK(ask(c, packet(Op::kStat, "sizes")).size() == 1);
  CHECK(ask(c, packet(Op::kStat, "detail on")).size() == 1);
  const std::vector<Packet> dump = ask(c, packet(Op::kStat, "detail dump"));
  REQUIRE(dump.size() == 2);
  CHECK(dump[0].key == "detailed");
}

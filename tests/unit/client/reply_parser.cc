#include "protocol/reply_parser.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

namespace {

using namespace lmc::protocol;
using namespace std::string_literals;
using Status = ReplyParsed::Status;

Reply parsed_text(std::string_view input) {
  Reply reply;
  const auto parsed = parse_text_reply(input, reply);
  REQUIRE(parsed.status == Status::kReply);
  REQUIRE(parsed.consumed == input.size());
  return reply;
}

std::string binary_reply(std::uint8_t opcode, std::uint8_t status, const std::string& extras, const std::string& key,
                         const std::string& value) {
  std::string out(24, '\0');
  out[0] = static_cast<char>(0x81);
  out[1] = static_cast<char>(opcode);
  out[3] = static_cast<char>(key.size());
  out[4] = static_cast<char>(extras.size());
  out[7] = static_cast<char>(status);
  out[11] = static_cast<char>(extras.size() + key.size() + value.size());
  out[15] = 42;  // opaque
  out[23] = 9;   // cas
  return out + extras + key + value;
}

}  // namespace

TEST_CASE("text replies are told apart") {
  const Reply value = parsed_text("VALUE key 7 3 99\r\nabc\r\n");
  CHECK(value.kind == ReplyKind::kValue);
  CHECK(value.key == "key");
  CHECK(value.client_flags == 7);
  CHECK(value.value == "abc");
  CHECK(value.cas == 99);
  CHECK(parsed_text("VALUE k 0 2\r\n\r\n\r\n").value == "\r\n");
  CHECK(parsed_text("END\r\n").kind == ReplyKind::kEnd);
  CHECK(parsed_text("STORED\r\n").kind == ReplyKind::kStored);
  CHECK(parsed_text("NOT_STORED\r\n").kind == ReplyKind::kNotStored);
  CHECK(parsed_text("EXISTS\r\n").kind == ReplyKind::kExists);
  CHECK(parsed_text("NOT_FOUND\r\n").kind == ReplyKind::kNotFound);
  CHECK(parsed_text("DELETED\r\n").kind == ReplyKind::kDeleted);
  CHECK(parsed_text("TOUCHED\r\n").kind == ReplyKind::kTouched);
  CHECK(parsed_text("OK\r\n").kind == ReplyKind::kOk);
  CHECK(parsed_text("ERROR\r\n").kind == ReplyKind::kError);
  CHECK(parsed_text("12\r\n").number == 12);
  CHECK(parsed_text("18446744073709551615\r\n").number == 18446744073709551615U);
  CHECK(parsed_text("VERSION 1.6.45\r\n").value == "1.6.45");
  CHECK(parsed_text("CLIENT_ERROR bad data chunk\r\n").value == "bad data chunk");
  CHECK(parsed_text("SERVER_ERROR out of memory storing object\r\n").kind == ReplyKind::kServerError);
  CHECK(parsed_text("ERROR Too many open connections\r\n").kind == ReplyKind::kServerError);
  const Reply stat = parsed_text("STAT name some value\r\n");
  CHECK(stat.kind == ReplyKind::kStat);
  CHECK(stat.key == "name");
  CHECK(stat.value == "some value");
  CHECK(parsed_text("BUSY currently processing crawler request\r\n").kind == ReplyKind::kLine);
  CHECK(parsed_text("key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=61\n").kind == ReplyKind::kLine);
}

TEST_CASE("meta replies are told apart and their flags found") {
  const Reply value = parsed_text("VA 3 kkey f7 c99 t-1 W\r\nabc\r\n");
  CHECK(value.kind == ReplyKind::kValue);
  CHECK(value.key == "key");
  CHECK(value.client_flags == 7);
  CHECK(value.cas == 99);
  CHECK(value.value == "abc");
  CHECK(meta_flag(value.flags, 't') == "-1");
  CHECK(meta_flag(value.flags, 'W') == "");
  CHECK_FALSE(meta_flag(value.flags, 'X').has_value());
  CHECK(parsed_text("EN\r\n").kind == ReplyKind::kMiss);
  CHECK(parsed_text("HD Oq1\r\n").kind == ReplyKind::kOk);
  CHECK(parsed_text("NF\r\n").kind == ReplyKind::kNotFound);
  CHECK(parsed_text("NS\r\n").kind == ReplyKind::kNotStored);
  CHECK(parsed_text("EX c7\r\n").kind == ReplyKind::kExists);
  CHECK(parsed_text("MN\r\n").kind == ReplyKind::kNoop);
  CHECK(parsed_text("ME key exp=-1 la=0 cas=1 fetch=no cls=1 size=61\r\n").kind == ReplyKind::kLine);
}

TEST_CASE("binary replies mean what their opcode and status say") {
  Reply reply;
  const std::string value = binary_reply(0x0d, 0, std::string("\0\0\0\7", 4), "key", "abc");
  REQUIRE(parse_binary_reply(value, reply).consumed == value.size());
  CHECK(reply.kind == ReplyKind::kValue);
  CHECK(reply.key == "key");
  CHECK(reply.value == "abc");
  CHECK(reply.client_flags == 7);
  CHECK(reply.opaque == 42);
  CHECK(reply.cas == 9);
  const auto kind = [&](std::uint8_t opcode, std::uint8_t status, const std::string& body) {
    REQUIRE(parse_binary_reply(binary_reply(opcode, status, "", "", body), reply).status == Status::kReply);
    return reply.kind;
  };
  CHECK(kind(0x00, 1, "Not found") == ReplyKind::kMiss);
  CHECK(kind(0x04, 1, "Not found") == ReplyKind::kNotFound);
  CHECK(kind(0x01, 0, "") == ReplyKind::kStored);
  CHECK(kind(0x02, 2, "Data exists for key.") == ReplyKind::kExists);
  CHECK(kind(0x0e, 5, "Not stored.") == ReplyKind::kNotStored);
  CHECK(kind(0x05, 6, "Non-numeric") == ReplyKind::kClientError);
  CHECK(kind(0x01, 0x82, "Out of memory") == ReplyKind::kServerError);
  CHECK(kind(0x99, 0x81, "Unknown command") == ReplyKind::kError);
  CHECK(kind(0x0a, 0, "") == ReplyKind::kNoop);
  CHECK(kind(0x10, 0, "") == ReplyKind::kEnd);
  CHECK(kind(0x05, 0, "\0\0\0\0\0\0\1\0"s) == ReplyKind::kNumber);
  CHECK(reply.number == 256);
}

TEST_CASE("every prefix of a reply is incomplete, and what it needs is never more than the whole") {
  const std::string replies[] = {"VALUE key 7 3 99\r\nabc\r\n", "VA 10 f0\r\n0123456789\r\n", "STORED\r\n", "EN\r\n",
                                 "STAT a b\r\n"};
  Reply reply;
  for (const std::string& whole : replies) {
    for (std::size_t n = 0; n < whole.size(); ++n) {
      const auto parsed = parse_text_reply(std::string_view(whole).substr(0, n), reply);
      REQUIRE(parsed.status == Status::kIncomplete);
      REQUIRE((parsed.needed == 0 || parsed.needed == whole.size()));
    }
  }
  const std::string whole = binary_reply(0x00, 0, "\0\0\0\0"s, "", "0123456789");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto parsed = parse_binary_reply(std::string_view(whole).substr(0, n), reply);
    REQUIRE(parsed.status == Status::kIncomplete);
    REQUIRE(parsed.needed <= whole.size());
  }
}

TEST_CASE("what is not memcached's protocol is malformed, not waited for") {
  Reply reply;
  CHECK(parse_text_reply("VALUE key 0 3\r\nabcdef\r\n", reply).status == Status::kMalformed);
  CHECK(parse_text_reply("VALUE key 0\r\n", reply).status == Status::kMalformed);
  CHECK(parse_text_reply("VALUE key 0 99999999999999\r\n", reply).status == Status::kMalformed);
  CHECK(parse_text_reply("VA x\r\n", reply).status == Status::kMalformed);
  CHECK(parse_text_reply(std::string(kMaxReplyLineBytes, 'x'), reply).status == Status::kMalformed);
  CHECK(parse_binary_reply("VALUE", reply).status == Status::kMalformed);
  std::string lies = binary_reply(0x00, 0, "\0\0\0\0"s, "key", "");
  lies[11] = 3;  // the body is shorter than key and extras
  CHECK(parse_binary_reply(lies, reply).status == Status::kMalformed);
}

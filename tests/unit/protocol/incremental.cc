// However a stream of requests is cut into pieces, the same requests come out of it.

#include <catch2/catch.hpp>
#include <string>

#include "parse_stream.h"

namespace lmc::protocol {
namespace {

using namespace std::string_literals;
using testing::Parse;
using testing::ParseStream;

constexpr ParseLimits kSmallValues{20};

std::string log_of(Parse parse, std::string_view head, std::string_view tail) {
  ParseStream stream(parse, kSmallValues);
  stream.feed(head);
  stream.feed(tail);
  return stream.log();
}

std::string log_byte_by_byte(Parse parse, std::string_view bytes) {
  ParseStream stream(parse, kSmallValues);
  for (const char byte : bytes) stream.feed({&byte, 1});
  return stream.log();
}

void check_every_cut(Parse parse, const std::string& bytes) {
  const std::string whole = log_of(parse, bytes, "");
  REQUIRE_FALSE(whole.empty());
  CHECK(log_byte_by_byte(parse, bytes) == whole);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string_view view = bytes;
    if (log_of(parse, view.substr(0, cut), view.substr(cut)) != whole) FAIL_CHECK("differs when cut at " << cut);
  }
}

std::string binary(int opcode, const std::string& extras, const std::string& key, const std::string& value) {
  std::string out(kBinaryHeaderBytes, '\0');
  out[0] = '\x80';
  out[1] = static_cast<char>(opcode);
  out[3] = static_cast<char>(key.size());
  out[4] = static_cast<char>(extras.size());
  out[11] = static_cast<char>(extras.size() + key.size() + value.size());
  return out + extras + key + value;
}

}  // namespace

TEST_CASE("text requests come out the same however they are cut") {
  check_every_cut(parse_text,
                  "set a 1 2 5\r\nhello\r\nget a b c\r\nset big 0 0 21\r\n012345678901234567890\r\nget a\n"
                  "set a x 0 5 noreply\r\nhello\r\nms k 3 T0 Oabc\r\nx\r\n\r\nincr a 1\r\nbogus\r\n\r\nmg k v t\r\n"
                  "set a 0 0 3\r\nabcde\r\ncas a 0 0 1 9 noreply\r\nx\r\ndelete a 0\r\nstats items \r\nmn\r\n"
                  "flush_all 10 noreply\r\ngat 1 a b\r\nGET / HTTP/1.1\r\nget a\r\n");
}

TEST_CASE("long text lines come out the same however they are cut") {
  std::string many = "get";
  for (int i = 0; i < 250; ++i) many += " some-key-" + std::to_string(i);
  check_every_cut(parse_text, "mn\r\n" + many + "\r\nmn\r\nset " + std::string(2100, 'x') + " 0 0 1\r\nx\r\n");
}

TEST_CASE("binary requests come out the same however they are cut") {
  check_every_cut(parse_binary, binary(0x01, std::string(8, '\1'), "key", "value") + binary(0x0d, "", "key", "") +
                                    binary(0x0a, "", "", "") +
                                    binary(0x01, std::string(8, '\1'), "key", std::string(21, 'v')) +
                                    binary(0x77, "1", "2", "3") + binary(0x77, "1", "2", std::string(21, '3')) +
                                    binary(0x05, std::string(20, '\2'), "n", "") + binary(0x00, "1", "key", "") +
                                    binary(0x00, "", "key", ""));
}

}  // namespace lmc::protocol

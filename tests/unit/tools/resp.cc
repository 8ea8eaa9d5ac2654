#include "tools/bench/resp.h"

#include <catch2/catch.hpp>

namespace lmc::bench::resp {
namespace {

TEST_CASE("SET and WAIT are written as Redis reads them") {
  std::string out;
  append_set("k", "value", out);
  append_wait(1, out);
  CHECK(out == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n");
}

TEST_CASE("answers are taken one by one, and only whole") {
  CHECK(parse_reply("").kind == Reply::Kind::kIncomplete);
  CHECK(parse_reply("+OK\r").kind == Reply::Kind::kIncomplete);
  const Reply ok = parse_reply("+OK\r\n:1\r\n");
  CHECK(ok.kind == Reply::Kind::kOk);
  CHECK(ok.consumed == 5);
  const Reply two = parse_reply(":12\r\n");
  CHECK(two.kind == Reply::Kind::kInteger);
  CHECK(two.integer == 12);
  const Reply error = parse_reply("-OOM no memory\r\n");
  CHECK(error.kind == Reply::Kind::kError);
  CHECK(error.text == "OOM no memory");
  for (const char* wrong : {"+PONG\r\n", ":x\r\n", ":\r\n", "$3\r\nfoo\r\n", "\r\n"})
    CHECK(parse_reply(wrong).kind == Reply::Kind::kMalformed);
}

}  // namespace
}  // namespace lmc::bench::resp

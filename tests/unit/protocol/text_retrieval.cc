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

TEST_CASE("a get has its first key apart, the rest as they came") {
  const testing::Outcome outcome = text("gets a  bb ccc \r\n");
  REQUIRE(is_request(outcome, Command::kGets));
  CHECK(outcome.request.key == "a");
  CHECK(outcome.request.arguments == "bb ccc");
  CHECK(text("get a\r\n").request.arguments.empty());
}

TEST_CASE("a get without a key is a bad line") {
  for (const char* line : {"get\r\n", "get \r\n", "gets\r\n", "gat\r\n", "gat 0\r\n", "gats 0 \r\n"}) {
    INFO(line);
    CHECK(is_reject(text(line), reply::kBadLine));
  }
}

TEST_CASE("one key that is too long spoils the whole get") {
  CHECK(is_request(text("get " + kLongestKey + "\r\n"), Command::kGet));
  CHECK(is_reject(text("get " + kTooLongKey + "\r\n"), reply::kBadLine));
  const std::string keys = "get a " + kLongestKey + "  " + kLongestKey + " ";
  CHECK(is_request(text(keys + "b\r\n"), Command::kGet));
  CHECK(is_reject(text(keys + kTooLongKey + "\r\n"), reply::kBadLine));
  CHECK(is_reject(text(keys + kTooLongKey + " b\r\n"), reply::kBadLine));
  CHECK(is_reject(text("gat 0 " + kTooLongKey + "\r\n"), reply::kBadLine));
}

TEST_CASE("every place of a too long key in a long get is found") {
  for (std::size_t before = 0; before < 600; before += 7) {
    std::string line = "get";
    while (line.size() < 3 + before) line += " 0123456789";
    const std::string good = line + ' ' + kLongestKey + " tail\r\n";
    const std::string bad = line + ' ' + kTooLongKey + " tail\r\n";
    CHECK(is_request(text(good), Command::kGet));
    CHECK(is_reject(text(bad), reply::kBadLine));
  }
}

TEST_CASE("gat carries its exptime") {
  const testing::Outcome outcome = text("gat 100 a b\r\n");
  REQUIRE(is_request(outcome, Command::kGat));
  CHECK(outcome.request.exptime == 100);
  CHECK(outcome.request.key == "a");
  CHECK(outcome.request.arguments == "b");
  CHECK(text("gats -1 a\r\n").request.exptime == -1);
}

TEST_CASE("gat with an exptime that is no number says so") {
  CHECK(is_reject(text("gat x a\r\n"), reply::kBadExptime));
  CHECK(is_reject(text("gat 99999999999 a\r\n"), reply::kBadExptime));
}

TEST_CASE("keys may hold any byte but space and line feed") {
  CHECK(text("get \x01\xff\t\r\n").request.key == "\x01\xff\t");
}

}  // namespace lmc::protocol

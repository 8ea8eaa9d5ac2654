#include "server/commands/operations.h"

#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("commands are counted as memcached counts them") {
  Process process;
  Conversation c(process);
  c.ask(
      "set a 0 0 1\r\n1\r\nadd a 0 0 1\r\n1\r\nincr a 1\r\ndecr a 1\r\nincr x 1\r\ndecr x 1\r\nma a\r\n"
      "touch a 0\r\ntouch x 0\r\ncas x 0 0 1 1\r\n1\r\ndelete a\r\ndelete a\r\nmd a\r\nmn\r\n");
  const CounterSums sums = process.counters.sums();
  CHECK(sums.of(StreamCounter::kSet) == 3);
  CHECK(sums.of(StreamCounter::kIncrementHit) == 2);
  CHECK(sums.of(StreamCounter::kDecrementHit) == 1);
  CHECK(sums.of(Counter::kIncrementMiss) == 1);
  CHECK(sums.of(Counter::kDecrementMiss) == 1);
  CHECK(sums.of(Counter::kTouch) == 2);
  CHECK(sums.of(StreamCounter::kTouchHit) == 1);
  CHECK(sums.of(Counter::kTouchMiss) == 1);
  CHECK(sums.of(Counter::kCasMiss) == 1);
  CHECK(sums.of(StreamCounter::kDeleteHit) == 1);
  CHECK(sums.of(Counter::kDeleteMiss) == 2);
  CHECK(sums.of(Counter::kGet) == 0);
}

TEST_CASE("concatenation works on values in several pieces, in both directions") {
  Process process;
  Conversation c(process);
  std::string value(900'000, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>('a' + i * 11 % 26);
  c.ask("set a 0 0 900000\r\n" + value + "\r\n");
  CHECK(c.ask("append a 0 0 5\r\n-tail\r\nprepend a 0 0 5\r\nhead-\r\n") == "STORED\r\nSTORED\r\n");
  CHECK((c.ask("get a\r\n") == "VALUE a 0 900010\r\nhead-" + value + "-tail\r\nEND\r\n"));
}

TEST_CASE("everything is kept while it fits, and every answer is right while much is evicted") {
  Process process;
  Conversation c(process);
  const std::string body(5'000, 'b');
  int found = 0;
  for (int i = 0; i < 12'000; ++i) {
    const std::string value = std::to_string(i) + body;
    const std::string key = std::to_string(i % 6000);
    const std::string size = std::to_string(value.size());
    REQUIRE(c.ask("set " + key + " 0 0 " + size + "\r\n" + value + "\r\n") == "STORED\r\n");
    REQUIRE((c.ask("get " + key + "\r\n") == "VALUE " + key + " 0 " + size + "\r\n" + value + "\r\nEND\r\n"));
    const std::string other = c.ask("get " + std::to_string(i * 7 % 6000) + "\r\n");
    if (other != "END\r\n") ++found;
  }
  CHECK(found > 0);
  CHECK(process.store.counters().evictions > 0);
}

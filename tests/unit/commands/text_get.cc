#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("get answers value and END, or END alone") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("get a\r\n") == "END\r\n");
  c.ask("set a 5 0 3\r\nabc\r\n");
  CHECK(c.ask("get a\r\n") == "VALUE a 5 3\r\nabc\r\nEND\r\n");
}

TEST_CASE("a multiget answers the present keys in the order asked, however many") {
  Process process;
  Conversation c(process);
  std::string request = "get";
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string key = "key" + std::to_string(i);
    request += (i % 7 == 0 ? "  " : " ") + key;
    if (i % 3 == 0) continue;
    c.ask("set " + key + " 0 0 " + std::to_string(key.size()) + "\r\n" + key + "\r\n");
    expected += "VALUE " + key + " 0 " + std::to_string(key.size()) + "\r\n" + key + "\r\n";
  }
  CHECK(c.ask(request + " \r\n") == expected + "END\r\n");
  CHECK(c.ask("get key1 key1\r\n") == "VALUE key1 0 4\r\nkey1\r\nVALUE key1 0 4\r\nkey1\r\nEND\r\n");
}

TEST_CASE("a multiget of more keys than one look takes is answered whole, hits or misses") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 10000\r\n" + std::string(10000, 'a') + "\r\n");
  const std::string hit = "VALUE a 0 10000\r\n" + std::string(10000, 'a') + "\r\n";
  std::string hits;
  std::string misses;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    hits += " a";
    expected += hit;
  }
  for (int i = 0; i < 10'000; ++i) misses += " b";
  CHECK(c.ask("get" + hits + "\r\n") == expected + "END\r\n");
  CHECK(c.ask("get" + misses + " a\r\n") == hit + "END\r\n");
  CHECK(c.ask("get" + misses + "\r\n") == "END\r\n");
  CHECK(c.ask("get" + hits + misses + "\r\nget a\r\n") == expected + "END\r\n" + hit + "END\r\n");
  CHECK_FALSE(c.has_source());
}

TEST_CASE("gets shows the CAS unique, which every store changes") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  const std::string first = c.ask("gets a\r\n");
  c.ask("set a 0 0 1\r\n1\r\n");
  const std::string second = c.ask("gets a\r\n");
  CHECK(first != second);
  CHECK(first.substr(0, 12) == "VALUE a 0 1 ");
}

TEST_CASE("without CAS (-C) its place is kept by 0") {
  Process process;
  process.settings.use_cas = false;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("gets a\r\n") == "VALUE a 0 1 0\r\n1\r\nEND\r\n");
}

TEST_CASE("values of any size come back whole, copied or pinned") {
  Process process;
  Conversation c(process);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kPinnedValueBytes - 1, kPinnedValueBytes,
                                  std::size_t{100'000}, std::size_t{1'000'000}}) {
    CAPTURE(bytes);
    std::string value(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) value[i] = static_cast<char>('a' + i * 7 % 26);
    const std::string size = std::to_string(bytes);
    REQUIRE(c.ask("set v 0 0 " + size + "\r\n" + value + "\r\n") == "STORED\r\n");
    const std::string hit = "VALUE v 0 " + size + "\r\n" + value + "\r\n";
    CHECK((c.ask("get v\r\n") == hit + "END\r\n"));
    CHECK((c.ask("get v v\r\n") == hit + hit + "END\r\n"));
  }
}

TEST_CASE("gat changes the expiry of each key it finds, and answers as get") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 10 1\r\n1\r\nset b 0 10 1\r\n2\r\n");
  CHECK(c.ask("gat 100 a x b\r\n") == "VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nEND\r\n");
  c.advance(50);
  CHECK(c.ask("get a b\r\n") == "VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nEND\r\n");
  CHECK(c.ask("gats -1 a\r\n").substr(0, 12) == "VALUE a 0 1 ");
  CHECK(c.ask("get a\r\n") == "END\r\n");
}

TEST_CASE("gets are counted by key; gat counts as touch") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\nset e 0 1 1\r\n1\r\n");
  c.advance(5);
  c.ask("get a b c\r\nget e\r\ngat 0 a z\r\n");
  const CounterSums sums = process.counters.sums();
  CHECK(sums.of(Counter::kGet) == 4);
  CHECK(sums.of(StreamCounter::kGetHit) == 1);
  CHECK(sums.of(Counter::kGetMiss) == 3);
  CHECK(sums.of(Counter::kGetExpired) == 1);
  CHECK(sums.of(Counter::kTouch) == 2);
  CHECK(sums.of(StreamCounter::kTouchHit) == 1);
  CHECK(sums.of(Counter::kTouchMiss) == 1);
}

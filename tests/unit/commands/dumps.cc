#include "server/commands/dumps.h"

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("metadump has a line for every living item, with its facts") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("lru_crawler metadump all\r\n") == "OK\r\nEND\r\n");
  c.ask("set a%b 7 100 1\r\n1\r\n");
  const std::string dump = c.ask("lru_crawler metadump all\r\n");
  CHECK(dump.substr(0, 50) == "OK\r\nkey=a%25b exp=1800000200 la=1800000100 cas=" + dump.substr(47, 3));
  CHECK(dump.find(" fetch=no cls=1 size=32 flags=7 \nEND\r\n") != std::string::npos);
}

TEST_CASE("a dump of many items has each of them") {
  Process process;
  Conversation c(process);
  std::set<std::string> expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "key" + std::to_string(i);
    c.ask("set " + key + " 0 0 1 noreply\r\n1\r\n");
    expected.insert(key);
  }
  std::istringstream lines(c.ask("lru_crawler mgdump hash\r\n"));
  std::string word;
  std::set<std::string> found;
  lines >> word;
  CHECK(word == "OK");
  while (lines >> word && word == "mg") {
    lines >> word;
    found.insert(word);
  }
  CHECK(word == "EN");
  CHECK(found == expected);
  CHECK(stat(c.ask("stats\r\n"), "lru_crawler_running") == "0");
  CHECK(stat(c.ask("stats\r\n"), "lru_crawler_starts") == "1");
}

TEST_CASE("binary keys are dumped as base64") {
  Process process;
  Conversation c(process);
  c.ask("ms AAEC 1 b\r\n1\r\n");
  CHECK(c.ask("lru_crawler mgdump all\r\n") == "OK\r\nmg AAEC b\r\nEN\r\n");
}

TEST_CASE("a dump of one class leaves the others out") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("lru_crawler mgdump 1\r\n") == "OK\r\nmg a\r\nEN\r\n");
  CHECK(c.ask("lru_crawler mgdump 2,5\r\n") == "OK\r\nEN\r\n");
}

TEST_CASE("a crawl takes back the room of expired items") {
  Process process;
  Conversation c(process);
  for (int i = 0; i < 100; ++i) c.ask("set k" + std::to_string(i) + " 0 5 1 noreply\r\n1\r\n");
  c.ask("set stays 0 0 1\r\n1\r\n");
  c.advance(10);
  CHECK(c.ask("lru_crawler crawl all\r\n") == "OK\r\n");
  const std::string stats = c.ask("stats\r\n");
  CHECK(stat(stats, "curr_items") == "1");
  CHECK(stat(stats, "crawler_reclaimed") == "100");
}

#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("lru is accepted and shown") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("lru\r\nlru mode x\r\nlru tune\r\n") == "ERROR\r\nERROR\r\nERROR\r\n");
  CHECK(c.ask("lru mode flat\r\nlru temp_ttl -1\r\nlru tune 10 25 0.1 2.0\r\n") == "OK\r\nOK\r\nOK\r\n");
  CHECK(c.ask("lru tune 50 40 0.1 2.0\r\n") == "ERROR hot and warm pcts must not exceed 80\r\n");
  CHECK(c.ask("lru tune 10 25 0 2.0\r\n") == "ERROR hot/warm age factors must be greater than 0\r\n");
  const std::string settings = c.ask("stats settings\r\n");
  CHECK(stat(settings, "lru_segmented") == "no");
  CHECK(stat(settings, "warm_lru_pct") == "25");
  CHECK(stat(settings, "temp_lru") == "no");
}

TEST_CASE("lru_crawler answers as memcached") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("lru_crawler\r\n") == "ERROR\r\n");
  CHECK(c.ask("lru_crawler crawl\r\n") == "ERROR\r\n");
  CHECK(c.ask("lru_crawler enable\r\n") == "ERROR failed to start lru crawler thread\r\n");
  CHECK(c.ask("lru_crawler sleep 2000000\r\n") == "CLIENT_ERROR sleep must be one second or less\r\n");
  CHECK(c.ask("lru_crawler sleep 200\r\nlru_crawler tocrawl 9\r\n") == "OK\r\nOK\r\n");
  CHECK(c.ask("lru_crawler tocrawl x\r\n") == "CLIENT_ERROR bad command line format\r\n");
  CHECK(c.ask("lru_crawler crawl 0\r\nlru_crawler crawl x\r\nlru_crawler metadump 63\r\n") ==
        "BADCLASS invalid class id\r\nBADCLASS invalid class id\r\nBADCLASS invalid class id\r\n");
  CHECK(c.ask("lru_crawler disable\r\nlru_crawler crawl all\r\n") == "OK\r\nCLIENT_ERROR lru crawler disabled\r\n");
  CHECK(c.ask("lru_crawler enable\r\nlru_crawler crawl 1,2\r\n") == "OK\r\nOK\r\n");
}

TEST_CASE("-X forbids dumps, not crawls") {
  Process process;
  process.settings.dump_enabled = false;
  Conversation c(process);
  CHECK(c.ask("lru_crawler metadump all\r\n") == "ERROR metadump not allowed\r\n");
  CHECK(c.ask("lru_crawler mgdump all\r\n") == "ERROR key dump not allowed\r\n");
  CHECK(c.ask("lru_crawler crawl all\r\n") == "OK\r\n");
}

TEST_CASE("slabs are accepted where a log has something to say, and have no spare pages") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("slabs\r\n") == "ERROR\r\n");
  CHECK(c.ask("slabs automove 1\r\nslabs automove 0\r\n") == "OK\r\nOK\r\n");
  CHECK(c.ask("slabs automove x\r\n") == "CLIENT_ERROR bad command line format\r\n");
  CHECK(c.ask("slabs automove ratio 0.5\r\nslabs automove window 10\r\n") == "OK\r\nOK\r\n");
  CHECK(c.ask("slabs reassign 100 101\r\n") == "BADCLASS invalid src or dst class id\r\n");
  CHECK(c.ask("slabs reassign 1 2\r\n") == "NOSPARE source class has no spare pages\r\n");
  CHECK(c.ask("slabs reassign 1 1\r\n") == "SAME src and dst class are identical\r\n");
}

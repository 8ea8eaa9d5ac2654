#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("verbosity reaches the process") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("verbosity 2\r\n") == "OK\r\n");
  CHECK(process.control.verbosity_level == 2);
  CHECK(c.ask("verbosity\r\nverbosity x\r\nverbosity a b c d\r\n") ==
        "CLIENT_ERROR bad command line format\r\nCLIENT_ERROR bad command line format\r\n"
        "CLIENT_ERROR bad command line format\r\n");
}

TEST_CASE("shutdown needs -A, and then says nothing") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("shutdown\r\n") == "SERVER_ERROR: shutdown not enabled\r\n");
  CHECK(process.control.shutdowns.empty());
  process.settings.shutdown_enabled = true;
  CHECK(c.ask("shutdown foo\r\n") == "CLIENT_ERROR invalid shutdown mode\r\n");
  CHECK(c.ask("shutdown\r\nshutdown graceful\r\n").empty());
  CHECK(process.control.shutdowns == std::vector{Shutdown::kNow, Shutdown::kGraceful});
}

TEST_CASE("cache_memlimit changes the limit within what was given at the start") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("cache_memlimit 1\r\n") == "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n");
  CHECK(c.ask("cache_memlimit x\r\ncache_memlimit\r\ncache_memlimit -1\r\n") == "ERROR\r\nERROR\r\nERROR\r\n");
  CHECK(c.ask("cache_memlimit 2000000000\r\n") == "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n");
  CHECK(c.ask("cache_memlimit 64\r\n") == "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
  CHECK(c.ask("cache_memlimit 8\r\ncache_memlimit 8 x\r\n") == "OK\r\nOK\r\n");
  CHECK(stat(c.ask("stats\r\n"), "limit_maxbytes") == std::to_string(8 << 20));
}

TEST_CASE("debugtime exists for tests only") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("debugtime 5\r\n") == "ERROR\r\n");
  process.settings.debugtime_enabled = true;
  const auto before = process.control.time;
  CHECK(c.ask("debugtime p\r\ndebugtime 5\r\n") == "OK\r\nOK\r\n");
  CHECK(process.control.clock_paused);
  CHECK(process.control.time.value == before.value + 5);
  CHECK(c.ask("debugtime r\r\n") == "OK\r\n");
  CHECK_FALSE(process.control.clock_paused);
  CHECK(c.ask("debugtime\r\n") == "ERROR\r\n");
}

TEST_CASE("version and refresh_certs") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("version\r\n") == "VERSION 1.6.45\r\n");
  CHECK(c.ask("refresh_certs\r\n") == "Error TLS not enabled\r\n");
}

#include "server/commands/executor.h"

#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("a batch sees its own effects in order") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("get a\r\nset a 0 0 1\r\n1\r\nget a\r\nincr a 1\r\nmg a v\r\ndelete a\r\nget a\r\n") ==
        "END\r\nSTORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n2\r\nVA 1\r\n2\r\nDELETED\r\nEND\r\n");
}

TEST_CASE("batches of any length answer every request once") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  for (const std::size_t count : {std::size_t{1}, kMaxBatch - 1, kMaxBatch, kMaxBatch + 1, 5 * kMaxBatch}) {
    std::string input;
    std::string expected;
    for (std::size_t i = 0; i < count; ++i) {
      input += i % 5 == 0 ? "version\r\n" : "get a\r\n";
      expected += i % 5 == 0 ? "VERSION 1.6.45\r\n" : "VALUE a 0 1\r\n1\r\nEND\r\n";
    }
    CHECK(c.ask(input) == expected);
  }
}

TEST_CASE("requests behind a reply source wait for it") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("set a 0 0 1\r\n1\r\nlru_crawler mgdump all\r\nget a\r\n") ==
        "STORED\r\nOK\r\nmg a\r\nEN\r\nVALUE a 0 1\r\n1\r\nEND\r\n");
  CHECK_FALSE(c.has_source());
}

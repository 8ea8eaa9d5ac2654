#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("each storage command answers what it did") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("replace a 0 0 1\r\n1\r\n") == "NOT_STORED\r\n");
  CHECK(c.ask("append a 0 0 1\r\n1\r\n") == "NOT_STORED\r\n");
  CHECK(c.ask("cas a 0 0 1 5\r\n1\r\n") == "NOT_FOUND\r\n");
  CHECK(c.ask("add a 3 0 1\r\n1\r\n") == "STORED\r\n");
  CHECK(c.ask("add a 0 0 1\r\n2\r\n") == "NOT_STORED\r\n");
  CHECK(c.ask("cas a 0 0 1 1234567\r\n2\r\n") == "EXISTS\r\n");
  CHECK(c.ask("append a 9 99 2\r\n23\r\n") == "STORED\r\n");
  CHECK(c.ask("prepend a 9 99 1\r\n0\r\n") == "STORED\r\n");
  CHECK(c.ask("get a\r\n") == "VALUE a 3 4\r\n0123\r\nEND\r\n");
  CHECK(c.ask("replace a 4 0 1\r\nx\r\n") == "STORED\r\n");
  CHECK(c.ask("get a\r\n") == "VALUE a 4 1\r\nx\r\nEND\r\n");
}

TEST_CASE("cas with the unique that gets showed stores once") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  const std::string shown = c.ask("gets a\r\n");
  const std::string unique = shown.substr(12, shown.find("\r\n") - 12);
  CHECK(c.ask("cas a 0 0 1 " + unique + "\r\n2\r\n") == "STORED\r\n");
  CHECK(c.ask("cas a 0 0 1 " + unique + "\r\n3\r\n") == "EXISTS\r\n");
  CHECK(c.ask("cas a 0 0 1 0\r\n3\r\n") == "EXISTS\r\n");
  const CounterSums sums = process.counters.sums();
  CHECK(sums.of(StreamCounter::kCasHit) == 1);
  CHECK(sums.of(StreamCounter::kCasBadValue) == 2);
}

TEST_CASE("noreply is silent, errors included") {
  Process process;
  Conversation c(process);
  CHECK(
      c.ask("set a 0 0 1 noreply\r\n1\r\nadd a 0 0 1 noreply\r\n2\r\nincr a 1 noreply\r\nincr a x noreply\r\n"
            "touch zz 0 noreply\r\ndelete zz noreply\r\nflush_all 1000 noreply\r\nverbosity 1 noreply\r\nget a\r\n") ==
      "VALUE a 0 1\r\n2\r\nEND\r\n");
}

TEST_CASE("a data block that does not end where it said is not stored") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("set a 0 0 3\r\nabcd\r\nmn\r\n").substr(0, 29) == "CLIENT_ERROR bad data chunk\r\n");
  CHECK(c.ask("get a\r\n") == "END\r\n");
}

TEST_CASE("a set that is too large removes the old value; an add or append does not") {
  Process process;
  Conversation c(process);
  const std::string big(1'048'576, 'x');
  const std::string larger(1'500'000, 'x');
  const std::string refusal = "SERVER_ERROR object too large for cache\r\n";
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("add a 0 0 1048576\r\n" + big + "\r\n") == refusal);
  CHECK(c.ask("get a\r\n") == "VALUE a 0 1\r\n1\r\nEND\r\n");
  CHECK(c.ask("set a 0 0 1048576\r\n" + big + "\r\n") == refusal);
  CHECK(c.ask("get a\r\n") == "END\r\n");
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("set a 0 0 1500000\r\n" + larger + "\r\n") == refusal);  // not even waited for by the parser
  CHECK(c.ask("get a\r\n") == "END\r\n");
  CHECK(c.ask("set a 0 0 1048064\r\n" + big.substr(0, 1'048'064) + "\r\n") == "STORED\r\n");
  CHECK(c.ask("append a 0 0 1048064\r\n" + big.substr(0, 1'048'064) + "\r\n") == "NOT_STORED\r\n");
  CHECK(process.counters.sums().of(Counter::kStoreTooLarge) == 3);
}

TEST_CASE("a full store under -M refuses, and a refused set leaves no old value") {
  auto options = Process::small_store();
  options.evict = false;
  Process process(options);
  Conversation c(process);
  const std::string value(100'000, 'v');
  std::string answer = "STORED\r\n";
  int stored = 0;
  for (; answer == "STORED\r\n" && stored < 1000; ++stored) {
    answer = c.ask("set k" + std::to_string(stored) + " 0 0 100000\r\n" + value + "\r\n");
  }
  CHECK(answer == "SERVER_ERROR out of memory storing object\r\n");
  CHECK(stored > 50);
  CHECK(c.ask("set k0 0 0 100000\r\n" + value + "\r\n") == "SERVER_ERROR out of memory storing object\r\n");
  CHECK(c.ask("get k0\r\n") == "END\r\n");
  CHECK((c.ask("get k1\r\n") == "VALUE k1 0 100000\r\n" + value + "\r\nEND\r\n"));
}

TEST_CASE("incr and decr count, wrap, stop at 0 and keep the stored length") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("incr n 1\r\n") == "NOT_FOUND\r\n");
  c.ask("set n 7 0 2\r\n10\r\n");
  CHECK(c.ask("decr n 1\r\n") == "9\r\n");
  CHECK(c.ask("get n\r\n") == "VALUE n 7 2\r\n9 \r\nEND\r\n");
  CHECK(c.ask("incr n 991\r\n") == "1000\r\n");
  CHECK(c.ask("get n\r\n") == "VALUE n 7 4\r\n1000\r\nEND\r\n");
  CHECK(c.ask("decr n 5000\r\n") == "0\r\n");
  CHECK(c.ask("get n\r\n") == "VALUE n 7 4\r\n0   \r\nEND\r\n");
  c.ask("set n 0 0 20\r\n18446744073709551615\r\n");
  CHECK(c.ask("incr n 1\r\n") == "0\r\n");
  c.ask("set t 0 0 1\r\nx\r\n");
  CHECK(c.ask("incr t 1\r\n") == "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

TEST_CASE("a number in a long padded field stays one") {
  Process process;
  Conversation c(process);
  c.ask("set n 0 0 300\r\n5" + std::string(299, ' ') + "\r\n");
  CHECK(c.ask("incr n 1\r\n") == "6\r\n");
  CHECK(c.ask("get n\r\n") == "VALUE n 0 300\r\n6" + std::string(299, ' ') + "\r\nEND\r\n");
}

TEST_CASE("a number in front of more than one piece of value is counted, unless memcached would have it in chunks") {
  Process process;
  Conversation c(process);
  c.ask("set n 0 0 400000\r\n5" + std::string(399'999, ' ') + "\r\n");
  CHECK(c.ask("incr n 7\r\n") == "12\r\n");
  CHECK((c.ask("get n\r\n") == "VALUE n 0 400000\r\n12" + std::string(399'998, ' ') + "\r\nEND\r\n"));
  c.ask("set n 0 0 600000\r\n5" + std::string(599'999, ' ') + "\r\n");
  CHECK(c.ask("incr n 7\r\n") == "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

TEST_CASE("a number stored with the end of its C string is counted") {
  Process process;
  Conversation c(process);
  c.ask(std::string("set n 0 0 3\r\n41\0\r\n", 18));
  CHECK(c.ask("incr n 1\r\n") == "42\r\n");
  CHECK(c.ask("get n\r\n") == "VALUE n 0 3\r\n42 \r\nEND\r\n");
}

TEST_CASE("incr keeps expiry and changes the CAS unique") {
  Process process;
  Conversation c(process);
  c.ask("set n 0 10 1\r\n1\r\n");
  const std::string before = c.ask("gets n\r\n");
  c.ask("incr n 1\r\n");
  CHECK(c.ask("gets n\r\n") != before);
  c.advance(11);
  CHECK(c.ask("get n\r\n") == "END\r\n");
}

TEST_CASE("items expire by the clock; a past or negative time means at once") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 10 1\r\n1\r\nset b 0 -1 1\r\n1\r\nset c 0 2678400 1\r\n1\r\n");
  CHECK(c.ask("get a b c\r\n") == "VALUE a 0 1\r\n1\r\nEND\r\n");
  CHECK(c.ask("touch a 100\r\n") == "TOUCHED\r\n");
  c.advance(50);
  CHECK(c.ask("get a\r\n") == "VALUE a 0 1\r\n1\r\nEND\r\n");
  c.advance(51);
  CHECK(c.ask("get a\r\n") == "END\r\n");
  CHECK(c.ask("touch a 100\r\n") == "NOT_FOUND\r\n");
  CHECK(c.ask("add a 0 0 1\r\n2\r\n") == "STORED\r\n");
}

TEST_CASE("delete answers whether the key was there") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("delete a 0\r\ndelete a\r\nget a\r\n") == "DELETED\r\nNOT_FOUND\r\nEND\r\n");
}

TEST_CASE("flush_all kills what is there, not what comes in the same second") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("flush_all\r\nget a\r\nset a 0 0 1\r\n2\r\nget a\r\n") ==
        "OK\r\nEND\r\nSTORED\r\nVALUE a 0 1\r\n2\r\nEND\r\n");
  CHECK(process.counters.sums().of(Counter::kGetFlushed) == 1);
}

TEST_CASE("a delayed flush happens at its time, and the last one called wins") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("flush_all 10\r\nflush_all 20\r\n") == "OK\r\nOK\r\n");
  c.advance(12);
  CHECK(c.ask("get a\r\n") == "VALUE a 0 1\r\n1\r\nEND\r\n");
  c.advance(10);
  CHECK(c.ask("get a\r\n") == "END\r\n");
}

TEST_CASE("flush_all is refused with -F, and counted") {
  Process process;
  process.settings.flush_enabled = false;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("flush_all\r\n") == "CLIENT_ERROR flush_all not allowed\r\n");
  CHECK(c.ask("get a\r\n") == "VALUE a 0 1\r\n1\r\nEND\r\n");
  CHECK(process.counters.sums().of(Counter::kFlush) == 1);
}

TEST_CASE("a flush_all with a bad delay is counted as well, and not looked at under -F") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("flush_all x\r\n") == "CLIENT_ERROR invalid exptime argument\r\n");
  CHECK(c.ask("flush_all x noreply\r\n").empty());
  CHECK(process.counters.sums().of(Counter::kFlush) == 2);
  process.settings.flush_enabled = false;
  CHECK(c.ask("flush_all x\r\n") == "CLIENT_ERROR flush_all not allowed\r\n");
  CHECK(process.counters.sums().of(Counter::kFlush) == 3);
}

TEST_CASE("quit closes, and what follows is not executed") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("version\r\nquit\r\nversion\r\n") == "VERSION 1.6.45\r\n");
  CHECK(c.closed());
}

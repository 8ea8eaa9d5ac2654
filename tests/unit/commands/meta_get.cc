#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("mg without v says only that the item is there") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("mg a\r\n") == "EN\r\n");
  c.ask("set a 5 0 1\r\n1\r\n");
  CHECK(c.ask("mg a\r\n") == "HD\r\n");
  CHECK(c.ask("mg a v\r\n") == "VA 1\r\n1\r\n");
}

TEST_CASE("return flags come in request order") {
  Process process;
  Conversation c(process);
  c.ask("set a 5 100 1\r\n1\r\n");
  c.advance(3);
  CHECK(c.ask("mg a s t f k h l Oq1 v\r\n") == "VA 1 s1 t97 f5 ka h0 l3 Oq1\r\n1\r\n");
  CHECK(c.ask("mg a h l Ox t\r\n") == "HD h1 l0 Ox t97\r\n");
  c.ask("set n 0 0 1\r\n1\r\n");
  CHECK(c.ask("mg n t\r\n") == "HD t-1\r\n");
}

TEST_CASE("u looks without leaving a trace") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  c.advance(3);
  CHECK(c.ask("mg a u h l\r\nmg a h l\r\n") == "HD h0 l3\r\nHD h0 l3\r\n");
}

TEST_CASE("a vivified item has been read by who made it, unless with u") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("mg a N30 h\r\nmg a h\r\n") == "HD h0 W\r\nHD h1 Z\r\n");
  CHECK(c.ask("mg b N30 u\r\nmg b h\r\n") == "HD W\r\nHD h0 Z\r\n");
}

TEST_CASE("an invalidated item stays read, and its last access is none of md's") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  c.ask("mg a\r\n");
  c.advance(3);
  c.ask("md a I\r\n");
  CHECK(c.ask("mg a h l\r\n") == "HD h1 l3 X W\r\n");
}

TEST_CASE("a counter stays read and stale while it is counted in place, and is a new item when it grows") {
  Process process;
  Conversation c(process);
  c.ask("set n 0 0 1\r\n8\r\nget n\r\nmd n I\r\n");
  CHECK(c.ask("incr n 1\r\nmg n h u\r\n") == "9\r\nHD h1 X W\r\n");
  CHECK(c.ask("incr n 1\r\nmg n h u\r\n") == "10\r\nHD h0\r\n");
}

TEST_CASE("an append is a new item that nobody has read") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\nget a\r\nappend a 0 0 1\r\n2\r\n");
  CHECK(c.ask("mg a h v\r\n") == "VA 2 h0\r\n12\r\n");
}

TEST_CASE("q hides the miss and nothing else") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("mg x q v\r\nmg a q v\r\nmn\r\n") == "VA 1\r\n1\r\nMN\r\n");
}

TEST_CASE("a miss echoes key and opaque; base64 keys as sent") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("mg eno= k O1 b\r\n") == "EN keno= b O1\r\n");
}

TEST_CASE("a key stored as base64 is the same key as its bytes") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ms YQ== 1 b F9 T60\r\n1\r\n") == "HD\r\n");
  CHECK(c.ask("get a\r\n") == "VALUE a 9 1\r\n1\r\nEND\r\n");
  CHECK(c.ask("mg YQ== b k v\r\n") == "VA 1 kYQ== b\r\n1\r\n");
}

TEST_CASE("vivify: the first to miss wins, others are told so") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("mg a v N30 t\r\n") == "VA 0 t30 W\r\n\r\n");
  CHECK(c.ask("mg a v N30 t\r\n") == "VA 0 t30 Z\r\n\r\n");
  CHECK(c.ask("ms a 1\r\n1\r\nmg a v N30\r\n") == "HD\r\nVA 1\r\n1\r\n");
  CHECK(c.ask("mg b N30 E99 c\r\n") == "HD c99 W\r\n");
}

TEST_CASE("recache: one client wins close to the end") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 30 1\r\n1\r\n");
  CHECK(c.ask("mg a t R20\r\n") == "HD t30\r\n");
  CHECK(c.ask("mg a t R60\r\nmg a t R60\r\n") == "HD t30 W\r\nHD t30 Z\r\n");
}

TEST_CASE("stale: marked by md I, won once, repaired by a set") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\n");
  CHECK(c.ask("md a I T30\r\n") == "HD\r\n");
  CHECK(c.ask("mg a v t\r\n") == "VA 1 t30 X W\r\n1\r\n");
  CHECK(c.ask("mg a v t\r\n") == "VA 1 t30 Z X\r\n1\r\n");
  CHECK(c.ask("ms a 1\r\n2\r\nmg a v\r\n") == "HD\r\nVA 1\r\n2\r\n");
}

TEST_CASE("T touches, and t shows the time left before or after by its place") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 30 1\r\n1\r\n");
  CHECK(c.ask("mg a t T90\r\nmg a T60 t\r\nmg a t\r\n") == "HD t30\r\nHD t60\r\nHD t60\r\n");
  CHECK(c.ask("mg x T60\r\n") == "EN\r\n");
  const CounterSums sums = process.counters.sums();
  CHECK(sums.of(StreamCounter::kTouchHit) == 2);
  CHECK(sums.of(Counter::kGetMiss) == 1);
}

TEST_CASE("C keeps the value back from a client that has it") {
  Process process;
  Conversation c(process);
  c.ask("ms a 1 E77\r\n1\r\n");
  CHECK(c.ask("mg a v c C77\r\nmg a v c C78\r\n") == "HD c77\r\nVA 1 c77\r\n1\r\n");
}

TEST_CASE("large values of mg come back whole") {
  Process process;
  Conversation c(process);
  const std::string value(300'000, 'm');
  c.ask("ms a 300000\r\n" + value + "\r\n");
  CHECK((c.ask("mg a v s\r\n") == "VA 300000 s300000\r\n" + value + "\r\n"));
}

TEST_CASE("errors in flags are answered in their own words, quiet or not") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("mg a v v\r\n") == "CLIENT_ERROR duplicate flag\r\n");
  CHECK(c.ask("mg a Tx q\r\n") == "CLIENT_ERROR bad token in command line format\r\n");
  CHECK(c.ask("mg !!! b\r\n") == "CLIENT_ERROR error decoding key\r\n");
}

#include <catch2/catch.hpp>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

TEST_CASE("ms stores by mode") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ms a 1 MR\r\n1\r\n") == "NS\r\n");
  CHECK(c.ask("ms a 1 ME\r\n1\r\nms a 1 ME\r\n2\r\n") == "HD\r\nNS\r\n");
  CHECK(c.ask("ms a 1 MA s\r\n2\r\nms a 1 MP s\r\n0\r\nmg a v\r\n") == "HD s2\r\nHD s3\r\nVA 3\r\n012\r\n");
  CHECK(c.ask("ms a 1 Mx\r\n1\r\n") == "CLIENT_ERROR invalid mode for ms M token\r\n");
}

TEST_CASE("append to nothing creates only with N, which gives the time to live") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ms z 2 MA\r\n12\r\n") == "NS\r\n");
  CHECK(c.ask("ms z 2 MA N30 s k\r\n12\r\nmg z v t\r\n") == "HD s2 kz\r\nVA 2 t30\r\n12\r\n");
  CHECK(c.ask("ms z 1 MP N90 s\r\n0\r\nmg z v t\r\n") == "HD s3\r\nVA 3 t30\r\n012\r\n");
}

TEST_CASE("ms compares with C and takes a new CAS from E") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ms a 1 C5\r\n1\r\n") == "NF\r\n");
  CHECK(c.ask("ms a 1 E20 c\r\n1\r\n") == "HD c20\r\n");
  CHECK(c.ask("ms a 1 C19 k\r\n2\r\n") == "EX ka\r\n");
  CHECK(c.ask("ms a 1 C20 E30 c\r\n2\r\n") == "HD c30\r\n");
}

TEST_CASE("an invalidating set with an old CAS stores a stale value that can be won") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ms a 1 E20\r\n1\r\nms a 1 C10 I E30 c\r\n2\r\nmg a v c\r\n") == "HD\r\nHD c30\r\nVA 1 c30 X W\r\n2\r\n");
  CHECK(c.ask("ms a 1 C99 I\r\n3\r\n") == "EX\r\n");
}

TEST_CASE("q hides success and only success") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ms a 1 q\r\n1\r\nms a 1 ME q\r\n1\r\nma n N0 q\r\nma x q\r\nmd a q\r\nmd a q\r\nmn\r\n") ==
        "NS\r\nNF\r\nNF\r\nMN\r\n");
}

TEST_CASE("ms says what is wrong with its data") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ms a 3\r\nabcd\r\nmn\r\n").substr(0, 29) == "CLIENT_ERROR bad data chunk\r\n");
  CHECK(c.ask("ms a 1048576 q\r\n" + std::string(1'048'576, 'x') + "\r\n") ==
        "SERVER_ERROR object too large for cache\r\n");
  CHECK(c.ask("ms a 1 T\r\n1\r\n") == "CLIENT_ERROR bad token in command line format\r\n");
}

TEST_CASE("an ms that is too large removes the old value in every mode") {
  Process process;
  Conversation c(process);
  for (const std::string mode : {"", " ME", " MR", " MA", " C12345"}) {
    INFO(mode);
    c.ask("set a 0 0 1\r\n1\r\n");
    CHECK(c.ask("ms a 1100000" + mode + "\r\n" + std::string(1'100'000, 'x') + "\r\n") ==
          "SERVER_ERROR object too large for cache\r\n");
    CHECK(c.ask("get a\r\n") == "END\r\n");
  }
}

TEST_CASE("an opaque that is too long is refused before anything is done") {
  Process process;
  Conversation c(process);
  const std::string flag = " O" + std::string(32, 'o') + "\r\n";
  const std::string refusal = "CLIENT_ERROR opaque token too long\r\n";
  CHECK(c.ask("ma n N0" + flag) == refusal);
  CHECK(c.ask("mg n N30" + flag) == refusal);
  CHECK(c.ask("get n\r\n") == "END\r\n");
}

TEST_CASE("md deletes, compares, marks and empties") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("md a k Oo\r\n") == "NF ka Oo\r\n");
  c.ask("ms a 3 E20 F7 T60\r\nabc\r\n");
  CHECK(c.ask("md a C19 Oo\r\n") == "EX Oo\r\n");
  CHECK(c.ask("md a x\r\nmg a v s f t\r\n") == "HD\r\nVA 0 s0 f0 t60\r\n\r\n");
  CHECK(c.ask("md a I E50\r\nmg a c t\r\n") == "HD\r\nHD c50 t60 X W\r\n");
  CHECK(c.ask("md a\r\nmg a\r\n") == "HD\r\nEN\r\n");
}

TEST_CASE("ma counts, creates, compares") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("ma n\r\n") == "NF\r\n");
  CHECK(c.ask("ma n N0 J5 v t\r\nma n D3 v\r\nma n MD D9 v\r\n") == "VA 1 t-1\r\n5\r\nVA 1\r\n8\r\nVA 1\r\n0\r\n");
  CHECK(c.ask("ma n E40 c\r\nma n C39\r\nma n C40 Ox k\r\n") == "HD c40\r\nEX\r\nHD Ox kn\r\n");
  CHECK(c.ask("ma n T30 t v\r\nma m N60 t\r\nmg n t\r\n") == "VA 1 t30\r\n3\r\nHD t60\r\nHD t30\r\n");
  CHECK(c.ask("ma n Mx\r\n") == "CLIENT_ERROR invalid mode for ma M token\r\n");
  c.ask("set s 0 0 1\r\nx\r\n");
  CHECK(c.ask("ma s\r\n") == "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

TEST_CASE("me tells about an item without counting as a get of it") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("me a\r\n") == "EN\r\n");
  c.ask("set a 0 30 1\r\n1\r\n");
  c.advance(2);
  const std::string line = c.ask("me a\r\n");
  CHECK(line.substr(0, 21) == "ME a exp=-28 la=2 cas");
  CHECK(line.find("fetch=no cls=1 size=") != std::string::npos);
  CHECK(c.ask("mg a h\r\n") == "HD h0\r\n");
}

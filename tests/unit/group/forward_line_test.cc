#include "server/group/forward_line.h"

#include <catch2/catch.hpp>

#include "hex.h"

namespace lmc::group {
namespace {

using replication::decode_message;
using replication::encode_message;
using replication::hex_of;

TEST_CASE("the bytes of what is forwarded, and of its answer, are those of FORMAT.md") {
  const std::string asked = encode_message(Forward{3, 41, false, 1, false, "set k 0 0 1\r\nx\r\n"});
  CHECK(hex_of(asked) ==
        "0d0300000029000000000000000001000000001000000073"
        "6574206b2030203020310d0a780d0a");
  CHECK(decode_message<Forward>(asked));
  const std::string answered = encode_message(Forwarded{3, 41, 0, false, 0x0a0b0c, false, "STORED\r\n"});
  CHECK(hex_of(answered) == "0e03000000290000000000000000000c0b0a0000000000000800000053544f5245440d0a");
  CHECK(decode_message<Forwarded>(answered));
  CHECK_FALSE(decode_message<Forward>(answered));
}

TEST_CASE("outcomes on the wire are numbered as FORMAT.md says") {
  CHECK(static_cast<int>(net::ForwardOutcome::kAnswered) == 0);
  CHECK(static_cast<int>(net::ForwardOutcome::kNotExecuted) == 1);
  CHECK(static_cast<int>(net::ForwardOutcome::kUnknown) == 2);
}

}  // namespace
}  // namespace lmc::group

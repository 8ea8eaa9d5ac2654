// Nodes of other versions: what must be understood of them, to be able to say so.
#include <catch2/catch.hpp>

#include "replication/engine/messages.h"

namespace lmc::replication {
namespace {

TEST_CASE("a Join of other versions says which, and whose it is, whatever else is in it") {
  Join join;
  join.protocol = kProtocolVersion + 1;
  join.address = "10.0.0.1:21211";
  const std::string whole = encode_message(join);
  for (const std::string& bytes : {whole, whole + "and more", whole.substr(0, 1 + 4 + 4 + 4 + join.address.size())}) {
    const auto understood = decode_foreign_join(bytes);
    REQUIRE(understood);
    CHECK(understood->protocol == kProtocolVersion + 1);
    CHECK(understood->ledger_format == kLedgerFormatVersion);
    CHECK(understood->address == "10.0.0.1:21211");
  }
}

TEST_CASE("what is no Join of other versions is not taken for one") {
  Join join;
  join.address = "10.0.0.1:21211";
  CHECK_FALSE(decode_foreign_join(encode_message(join)));
  CHECK_FALSE(decode_foreign_join(encode_message(join) + "x"));
  CHECK_FALSE(decode_foreign_join(""));
  CHECK_FALSE(decode_foreign_join(encode_message(Command{"status"})));
  join.ledger_format = 0;
  CHECK_FALSE(decode_foreign_join(encode_message(join).substr(0, 20)));
}

}  // namespace
}  // namespace lmc::replication

#include "replication/control/handshake.h"

#include <catch2/catch.hpp>

#include "documented.h"
#include "hex.h"

namespace lmc::replication {
namespace {

using Side = Handshake::Side;
using State = Handshake::State;

const GroupSecret kSecret("a secret of the group");
const GroupSecret kOther("a secret of another one");

std::string nonce(char fill) {
  return std::string(kNonceBytes, fill);
}

// Lets both sides talk, `cut` bytes at a time, until neither has anything to say. The magic is the listener's to take.
void talk(Handshake& client, Handshake& server, std::size_t cut = 1000) {
  std::string to_server = client.take_output().substr(kControlMagic.size());
  std::string to_client;
  while (!to_server.empty() || !to_client.empty()) {
    for (auto [bytes, side] : {std::pair(&to_server, &server), std::pair(&to_client, &client)}) {
      const std::string part = bytes->substr(0, cut);
      bytes->erase(0, part.size());
      std::string_view input = part;
      side->feed(input);
    }
    to_client += server.take_output();
    to_server += client.take_output();
  }
}

TEST_CASE("two that hold the secret agree on keys, one for each direction") {
  for (const std::size_t cut : {1U, 5U, 1000U}) {
    Handshake client(Side::kClient, kSecret, nonce('c'));
    Handshake server(Side::kServer, kSecret, nonce('s'));
    talk(client, server, cut);
    REQUIRE(client.state() == State::kDone);
    REQUIRE(server.state() == State::kDone);
    CHECK(client.send_key() == server.receive_key());
    CHECK(client.receive_key() == server.send_key());
    CHECK(client.send_key() != client.receive_key());
  }
}

TEST_CASE("the bytes of a handshake are those of FORMAT.md") {
  Handshake client(Side::kClient, kSecret, nonce('c'));
  Handshake server(Side::kServer, kSecret, nonce('s'));
  const std::string first = client.take_output();
  CHECK(first == std::string("LMCCTRL1\x01\0", 10) + nonce('c'));
  std::string_view input = std::string_view(first).substr(kControlMagic.size());
  server.feed(input);
  const std::string answer = server.take_output();
  CHECK(hex_of(answer) ==
        "0100" + hex_of(nonce('s')) + "93cf6fa493c6d7d7bf6046a6d5f9cf0ee8ff39572d4b9435687adcda70374186");
  input = answer;
  client.feed(input);
  const std::string proof = client.take_output();
  CHECK(hex_of(proof) == "10d003e053594250f8daed5d5806f4e7e0362f4fb5655a658c93a8eac6564222");
  CHECK(documented("FORMAT.md", "client:").starts_with(hex_of(first + answer + proof)));
  REQUIRE(client.state() == State::kDone);
  CHECK(hex_of(view_of(client.send_key())) == "9b7be39e86ad41682cdac94a4efdcb2d2ed7cb84267f004d127b2eb0388f5999");
  CHECK(is_documented("FORMAT.md", "key of what the client sends: " + hex_of(view_of(client.send_key()))));
  CHECK(is_documented("FORMAT.md", "key of what the server sends: " + hex_of(view_of(client.receive_key()))));
  CHECK(hex_of(view_of(client.receive_key())) == "060f12d18ca5744df910b53f6c423c1777704bb5cb5463b472f170b029c7faea");
}

TEST_CASE("keys are of one connection") {
  Handshake client(Side::kClient, kSecret, nonce('c'));
  Handshake server(Side::kServer, kSecret, nonce('s'));
  talk(client, server);
  Handshake again(Side::kClient, kSecret, nonce('d'));
  Handshake server_again(Side::kServer, kSecret, nonce('s'));
  talk(again, server_again);
  CHECK(client.send_key() != again.send_key());
}

TEST_CASE("who holds another secret is refused, at either side") {
  Handshake client(Side::kClient, kSecret, nonce('c'));
  Handshake server(Side::kServer, kOther, nonce('s'));
  talk(client, server);
  CHECK(client.state() == State::kFailed);
  CHECK(client.error() == "the peer does not hold the group secret");
  CHECK(server.state() == State::kUnderWay);  // it never got a proof
}

TEST_CASE("a client without the secret gets nowhere with what the server said") {
  Handshake server(Side::kServer, kSecret, nonce('s'));
  const std::string first = Handshake(Side::kClient, kSecret, nonce('c')).take_output().substr(kControlMagic.size());
  std::string_view input = first;
  server.feed(input);
  const std::string proof = server.take_output().substr(sizeof kControlVersion + kNonceBytes);
  input = proof;
  server.feed(input);
  CHECK(server.state() == State::kFailed);
}

TEST_CASE("a server that sends back what it was sent is found out") {
  Handshake client(Side::kClient, kSecret, nonce('c'));
  const std::string first = client.take_output().substr(kControlMagic.size());
  std::string_view input = first;
  client.feed(input);
  CHECK(client.state() == State::kFailed);
}

TEST_CASE("another version is refused with both named") {
  Handshake server(Side::kServer, kSecret, nonce('s'));
  std::string first = Handshake(Side::kClient, kSecret, nonce('c')).take_output().substr(kControlMagic.size());
  first[0] = 9;
  std::string_view input = first;
  server.feed(input);
  CHECK(server.state() == State::kFailed);
  CHECK(server.error() == "control protocol version 9 there, 1 here");
  // The client can say so too.
  Handshake client(Side::kClient, kSecret, nonce('c'));
  std::string answer = server.take_output();
  answer[0] = 9;
  input = answer;
  client.feed(input);
  CHECK(client.error() == "control protocol version 9 there, 1 here");
}

TEST_CASE("what comes behind the handshake is left alone") {
  Handshake client(Side::kClient, kSecret, nonce('c'));
  Handshake server(Side::kServer, kSecret, nonce('s'));
  const std::string first = client.take_output().substr(kControlMagic.size());
  std::string_view input = first;
  server.feed(input);
  const std::string answer = server.take_output();
  input = answer;
  client.feed(input);
  const std::string proof = client.take_output() + "more";
  input = proof;
  server.feed(input);
  CHECK(server.state() == State::kDone);
  CHECK(input == "more");
}

TEST_CASE("a secret that is too short is none") {
  CHECK_THROWS_WITH(GroupSecret("short"), Catch::Contains("16 to 4096"));
}

}  // namespace
}  // namespace lmc::replication

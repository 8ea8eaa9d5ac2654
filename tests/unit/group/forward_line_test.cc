#include "server/group/forward_line.h"

#include <catch2/catch.hpp>

#include "documented.h"
#include "hex.h"
#include "poll_reactor.h"

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
  CHECK(replication::documented("FORMAT.md", "Forward;") == hex_of(asked));
  CHECK(decode_message<Forward>(asked));
  const std::string answered = encode_message(Forwarded{3, 41, 0, false, 0x0a0b0c, false, "STORED\r\n"});
  CHECK(hex_of(answered) == "0e03000000290000000000000000000c0b0a0000000000000800000053544f5245440d0a");
  CHECK(replication::documented("FORMAT.md", "Forwarded;") == hex_of(answered));
  CHECK(decode_message<Forwarded>(answered));
  CHECK_FALSE(decode_message<Forward>(answered));
}

// The far end of a connection whose queue takes so many bytes and no more, until the test makes room.
struct Wire {
  std::size_t room = 0;
  std::vector<std::string> messages;
  replication::PeerObserver* observer = nullptr;
  bool closed = false;

  void make_room(std::size_t bytes) {
    room = bytes;
    observer->on_room();
  }
};

class NarrowPeer final : public replication::Peer {
 public:
  explicit NarrowPeer(Wire& wire) : wire_(wire) {}
  void observe(replication::PeerObserver& observer) override { wire_.observer = &observer; }
  bool send(std::string_view message) override {
    if (message.size() > wire_.room) return false;
    wire_.room -= message.size();
    wire_.messages.emplace_back(message);
    return true;
  }
  void close() override { wire_.closed = true; }
  [[nodiscard]] std::string name() const override { return "narrow"; }

 private:
  Wire& wire_;
};

class NarrowNet final : public replication::PeerNet {
 public:
  explicit NarrowNet(Wire& wire) : wire_(wire) {}
  std::unique_ptr<replication::Peer> connect(const std::string&, replication::PeerObserver& observer) override {
    wire_.observer = &observer;
    return std::make_unique<NarrowPeer>(wire_);
  }

 private:
  Wire& wire_;
};

// Nobody asks for what is answered here.
struct Surrounded {
  commands::Settings settings;
  net::Clock clock;
  net::Log log;
  net::Network network{settings, clock, log};
  test::PollReactor reactor;
  replication::Graveyard graveyard{reactor};
  Wire wire;
};

constexpr std::size_t kLittleRoom = std::size_t{3} << 20;
const std::string kLarge(20'000'000, 'x');

template <class Message>
std::string joined(const std::vector<std::string>& messages, std::string Message::*text) {
  std::string whole;
  for (const std::string& bytes : messages) whole += (*decode_message<Message>(bytes)).*text;
  return whole;
}

TEST_CASE("a batch longer than its connection's queue goes as that has room, and the line goes on") {
  Surrounded around;
  NarrowNet peers(around.wire);
  ForwardClient line(peers, around.graveyard, around.network);
  line.put({0, {1}, 0, false, 1, kLarge});
  line.put({0, {2}, 0, false, 1, "delete a\r\n"});
  line.flush("there:1");
  around.wire.room = kLittleRoom;
  around.wire.observer->on_up();
  for (int times = 0; times < 20 && around.wire.messages.size() < kLarge.size() / kPartBytes + 2; ++times) {
    CHECK_FALSE(around.wire.closed);
    around.wire.make_room(kLittleRoom);
  }
  CHECK(joined(around.wire.messages, &Forward::bytes) == kLarge + "delete a\r\n");
  CHECK(decode_message<Forward>(around.wire.messages.back())->connection == 2);
  CHECK_FALSE(around.wire.closed);
}

TEST_CASE("answers longer than their connection's queue go as that has room, and no more are taken until then") {
  Surrounded around;
  ForwardServer server(around.graveyard, around.network, [] { return true; });
  std::unique_ptr<replication::Peer> peer = std::make_unique<NarrowPeer>(around.wire);
  around.wire.room = kLittleRoom;
  REQUIRE(server.take(peer, encode_message(Forward{0, 1, false, 1, false, "gat 0 a\r\n"})));
  CHECK(server.takes_answers(1));
  server.answered({0, {1}, 1, net::ForwardOutcome::kAnswered, false, {}, kLarge});
  server.answered({0, {2}, 1, net::ForwardOutcome::kAnswered, false, {}, "DELETED\r\n"});
  CHECK_FALSE(server.takes_answers(1));
  CHECK(server.takes_answers(2));
  server.flush();
  for (int times = 0; times < 20 && !server.takes_answers(1); ++times) {
    CHECK_FALSE(around.wire.closed);
    around.wire.make_room(kLittleRoom);
  }
  CHECK(server.takes_answers(1));
  CHECK(joined(around.wire.messages, &Forwarded::replies) == kLarge + "DELETED\r\n");
  CHECK_FALSE(around.wire.closed);
}

TEST_CASE("a line that ends in the middle of an answer leaves no account behind") {
  Surrounded around;
  ForwardServer server(around.graveyard, around.network, [] { return true; });
  std::unique_ptr<replication::Peer> peer = std::make_unique<NarrowPeer>(around.wire);
  REQUIRE(server.take(peer, encode_message(Forward{0, 1, false, 1, false, "gat 0 a\r\n"})));
  server.answered({0, {1}, 1, net::ForwardOutcome::kAnswered, false, {}, kLarge});
  server.flush();
  CHECK_FALSE(server.takes_answers(1));
  around.wire.observer->on_down("gone", true);
  CHECK(server.takes_answers(1));
  server.answered({0, {2}, 1, net::ForwardOutcome::kAnswered, false, {}, kLarge});  // was being executed
  server.flush();
  CHECK(server.takes_answers(1));
}

TEST_CASE("answers without a byte, and batches that are not executed, need no account") {
  bool executes = true;
  Surrounded around;
  ForwardServer server(around.graveyard, around.network, [&] { return executes; });
  std::unique_ptr<replication::Peer> peer = std::make_unique<NarrowPeer>(around.wire);
  around.wire.room = kLittleRoom;
  REQUIRE(server.take(peer, encode_message(Forward{0, 1, false, 1, false, "set a 0 0 1 noreply\r\nx\r\n"})));
  server.answered({0, {1}, 1, net::ForwardOutcome::kAnswered, false, {}, {}});
  server.answered({0, {2}, 1, net::ForwardOutcome::kAnswered, false, {}, {}});
  server.flush();
  CHECK(around.wire.messages.size() == 2);
  executes = false;
  around.wire.observer->on_message(encode_message(Forward{0, 3, false, 1, false, "touch a 0\r\n"}));
  CHECK(around.wire.messages.size() == 3);
  CHECK(server.takes_answers(1));
}

TEST_CASE("outcomes on the wire are numbered as FORMAT.md says") {
  CHECK(static_cast<int>(net::ForwardOutcome::kAnswered) == 0);
  CHECK(static_cast<int>(net::ForwardOutcome::kNotExecuted) == 1);
  CHECK(static_cast<int>(net::ForwardOutcome::kUnknown) == 2);
}

}  // namespace
}  // namespace lmc::group

// Which requests a node that does not append executes itself, and what it does with the others.

#include "server/commands/effects.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "conversation.h"
#include "protocol/binary_format.h"
#include "protocol/parser.h"

using namespace lmc;
using namespace lmc::commands;
using namespace lmc::commands::test;

namespace {

// A backup whose items were stored when it still was a primary.
struct Backup {
  explicit Backup(ChangePolicy policy)
      : executor({process.store, process.settings, process.counters, process.watch, process.control}, process.session,
                 0) {
    Conversation writer(process);
    writer.ask(
        "set k 0 0 1\r\nv\r\nset n 0 0 1\r\n1\r\nset dying 0 20 1\r\nv\r\nset stale 0 0 1\r\nv\r\nmd stale I\r\n");
    before = process.store.summary().version;
    executor.set_change_policy(policy);
  }
  BatchResult run(std::string_view bytes) {
    requests.clear();
    while (!bytes.empty()) {
      protocol::Request request;
      const protocol::Parsed parsed = protocol::is_binary(bytes.front()) ? protocol::parse_binary(bytes, {}, request)
                                                                         : protocol::parse_text(bytes, {}, request);
      REQUIRE(parsed.status == protocol::Parsed::Status::kRequest);
      bytes.remove_prefix(parsed.consumed);
      requests.push_back(request);
    }
    process.session.begin_turn(process.control.time);
    const BatchResult result = executor.run(requests, client, replies);
    process.session.end_turn();
    return result;
  }
  std::string replied() {
    std::string bytes;
    while (!replies.empty()) {
      iovec piece{};
      REQUIRE(replies.iovecs({&piece, 1}) == 1);
      bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      replies.consume(piece.iov_len);
    }
    return bytes;
  }
  [[nodiscard]] bool unchanged() const { return process.store.summary().version == before; }

  Process process;
  Executor executor;
  Client client;
  ReplyQueue replies{process.blocks};
  std::vector<protocol::Request> requests;
  store::Version before;
};

std::string binary(protocol::BinaryOpcode opcode, std::string extras = {}, std::string value = {}) {
  return request_bytes({.opcode = static_cast<std::uint8_t>(opcode),
                        .key = "k",
                        .extras = std::move(extras),
                        .value = std::move(value)});
}

const std::vector<std::string> kChanging = {"set k 0 0 1\r\nw\r\n",
                                            "set k 0 0 1 noreply\r\nw\r\n",
                                            "add k 0 0 1\r\nw\r\n",
                                            "replace k 0 0 1\r\nw\r\n",
                                            "append k 0 0 1\r\nw\r\n",
                                            "prepend k 0 0 1\r\nw\r\n",
                                            "cas k 0 0 1 1\r\nw\r\n",
                                            "delete k\r\n",
                                            "incr n 1\r\n",
                                            "decr n 1\r\n",
                                            "touch k 10\r\n",
                                            "gat 10 k\r\n",
                                            "gats 10 k n\r\n",
                                            "flush_all\r\n",
                                            "flush_all 10 noreply\r\n",
                                            "ms k 1\r\nw\r\n",
                                            "md k q\r\n",
                                            "ma n\r\n",
                                            "mg k T30\r\n",
                                            "mg absent N30\r\n",
                                            "mg dying v R30\r\n",
                                            "mg stale v\r\n"};
const std::vector<std::string> kUnchanging = {
    "get k\r\n",          "gets k n\r\n",    "mg k v\r\n", "mg absent v\r\n", "mg k v N30\r\n", "mg k v R30\r\n",
    "mg dying v R10\r\n", "mg k v bad!\r\n", "me k\r\n",   "mn\r\n",          "version\r\n",    "verbosity 0\r\n"};

}  // namespace

TEST_CASE("a request that would change something is left to be forwarded") {
  for (const std::string& bytes : kChanging) {
    INFO(bytes);
    Backup backup(ChangePolicy::kForward);
    const BatchResult result = backup.run(bytes);
    CHECK(result.disposition == Disposition::kForward);
    CHECK(result.executed == 0);
    CHECK(backup.replied().empty());
    CHECK(backup.unchanged());
  }
}

TEST_CASE("a request that changes nothing is answered as ever, whatever it could have changed") {
  for (const std::string& bytes : kUnchanging) {
    INFO(bytes);
    Backup here(ChangePolicy::kExecute);
    Backup backup(ChangePolicy::kForward);
    REQUIRE(here.run(bytes).disposition == Disposition::kContinue);
    const BatchResult result = backup.run(bytes);
    CHECK(result.disposition == Disposition::kContinue);
    CHECK(result.executed == 1);
    CHECK(backup.replied() == here.replied());
    CHECK(backup.unchanged());
  }
}

TEST_CASE("binary requests are told apart like text ones, their quiet forms too") {
  using protocol::BinaryOpcode;
  const std::string store_extras(8, '\0');
  const std::string count_extras(20, '\0');
  for (const std::string& bytes :
       {binary(BinaryOpcode::kSet, store_extras, "w"), binary(BinaryOpcode::kSetQ, store_extras, "w"),
        binary(BinaryOpcode::kAppendQ, {}, "w"), binary(BinaryOpcode::kDeleteQ), binary(BinaryOpcode::kTouch, be32(9)),
        binary(BinaryOpcode::kGatQ, be32(9)), binary(BinaryOpcode::kGatKQ, be32(9)),
        binary(BinaryOpcode::kIncrementQ, count_extras)}) {
    INFO(static_cast<unsigned>(bytes[1]));
    Backup backup(ChangePolicy::kForward);
    CHECK(backup.run(bytes).disposition == Disposition::kForward);
    CHECK(backup.unchanged());
  }
  Backup backup(ChangePolicy::kForward);
  CHECK(backup.run(binary(BinaryOpcode::kGetKQ)).disposition == Disposition::kContinue);
}

TEST_CASE("what is before a request to be forwarded is executed, what is behind it is not") {
  Backup backup(ChangePolicy::kForward);
  const BatchResult result = backup.run("get k\r\nmn\r\nset k 0 0 1\r\nw\r\nget k\r\n");
  CHECK(result.disposition == Disposition::kForward);
  CHECK(result.executed == 2);
  CHECK(backup.replied() == "VALUE k 0 1\r\nv\r\nEND\r\nMN\r\n");
}

TEST_CASE("a read-only node says so in the words of the request, and goes on") {
  for (const std::string& bytes : kChanging) {
    INFO(bytes);
    Backup backup(ChangePolicy::kRefuse);
    const BatchResult result = backup.run(bytes + "mn\r\n");
    CHECK(result.executed == 2);
    const bool silent = bytes.find("noreply") != std::string::npos;
    CHECK(backup.replied() == (silent ? "MN\r\n" : "SERVER_ERROR read-only\r\nMN\r\n"));
    CHECK(backup.unchanged());
  }
  Backup backup(ChangePolicy::kRefuse);
  REQUIRE(backup.run(binary(protocol::BinaryOpcode::kDeleteQ)).disposition == Disposition::kContinue);
  const std::vector<Packet> packets = read_replies(backup.replied());
  REQUIRE(packets.size() == 1);
  CHECK(packets[0].status == 0x83);
}

TEST_CASE("a datagram's change is refused where a stream's is forwarded") {
  Backup backup(ChangePolicy::kForward);
  backup.client.datagram = true;
  CHECK(backup.run("delete k\r\nmg stale v\r\nget k\r\n").executed == 3);
  CHECK(backup.replied() == "SERVER_ERROR read-only\r\nSERVER_ERROR read-only\r\nVALUE k 0 1\r\nv\r\nEND\r\n");
  CHECK(backup.unchanged());
}

TEST_CASE("a crawl has nothing to take away where the primary does that") {
  Backup backup(ChangePolicy::kForward);
  CHECK(backup.run("lru_crawler crawl all\r\n").disposition == Disposition::kContinue);
  CHECK(backup.replied() == "OK\r\n");
}

// A backup's connection has changes executed by the primary: what leaves in batches, what comes back, what waits.

#include "server/net/forwarding.h"

#include <catch2/catch.hpp>
#include <string>

#include "fake_replicator.h"
#include "serving.h"

using namespace lmc;
using namespace lmc::net;
using namespace lmc::net::test;

namespace {

// A backup that shows what it had before, and waits for the primary's answers, which the test gives.
struct Backup : Serving {
  Backup() {
    Pair(*this).ask("set old 0 0 1\r\no\r\n");
    replicator.committed_version = 100;
    bench.replicator = &replicator;
    bench.forwarding = &forwarding;
    executor.set_change_policy(commands::ChangePolicy::kForward);
  }
  ForwardBatch batch() { return replicator.take_batch().value_or(ForwardBatch{}); }
  // As the worker does with an answer.
  void answer(Pair& pair, const ForwardAnswer& answer) {
    REQUIRE(forwarding.answered(answer.connection));
    pair.connection.take_answer(answer);
    static_cast<void>(pair.go_on());
  }
  static ForwardAnswer answer_to(const ForwardBatch& batch, std::string replies, std::uint64_t version = 100) {
    ForwardAnswer answer;
    answer.connection = batch.connection;
    answer.outcome = ForwardOutcome::kAnswered;
    answer.version = {version};
    answer.replies = std::move(replies);
    return answer;
  }
  FakeReplicator replicator;
  Forwarding forwarding{replicator, 3};
};

const std::string kOld = "VALUE old 0 1\r\no\r\nEND\r\n";

std::string binary(std::uint8_t opcode, std::string_view key, std::size_t extras = 0) {
  std::string bytes(24 + extras, '\0');
  bytes[0] = '\x80';
  bytes[1] = static_cast<char>(opcode);
  bytes[3] = static_cast<char>(key.size());
  bytes[4] = static_cast<char>(extras);
  bytes[11] = static_cast<char>(extras + key.size());
  bytes[15] = 7;
  return bytes.append(key);
}

}  // namespace

TEST_CASE("changes that follow each other are forwarded together, as they were sent") {
  Backup backup;
  Pair pair(backup);
  const std::string changes = "set a 1 2 1\r\nv\r\nincr a 1 noreply\r\nms b 1 q\r\nw\r\ntouch a 9\r\n";
  CHECK(pair.ask("get old\r\n" + changes) == kOld);
  const ForwardBatch batch = backup.batch();
  CHECK(batch.bytes == changes);
  CHECK(batch.requests == 4);
  CHECK(batch.worker == 3);
  CHECK(batch.connection == pair.connection.id());
  CHECK_FALSE(batch.binary);
  CHECK_FALSE(pair.connection.wants_input());
  backup.answer(pair, Backup::answer_to(batch, "STORED\r\nTOUCHED\r\n"));
  CHECK(pair.received() == "STORED\r\nTOUCHED\r\n");
  CHECK(pair.connection.wants_input());
}

TEST_CASE("what follows a change waits for its answer, in order") {
  Backup backup;
  Pair pair(backup);
  CHECK(pair.ask("delete a\r\nget old\r\nmn\r\nbogus\r\ndelete b\r\nmg old v\r\n").empty());
  const ForwardBatch first = backup.batch();
  CHECK(first.bytes == "delete a\r\n");
  backup.answer(pair, Backup::answer_to(first, "DELETED\r\n"));
  CHECK(pair.received() == "DELETED\r\n" + kOld + "MN\r\nERROR\r\n");
  const ForwardBatch second = backup.batch();
  CHECK(second.bytes == "delete b\r\n");
  backup.answer(pair, Backup::answer_to(second, "NOT_FOUND\r\n"));
  CHECK(pair.received() == "NOT_FOUND\r\nVA 1\r\no\r\n");
}

TEST_CASE("a client reads only what shows its own change") {
  Backup backup;
  Pair pair(backup);
  CHECK(pair.ask("set old 0 0 1\r\nn\r\nget old\r\n").empty());
  backup.answer(pair, Backup::answer_to(backup.batch(), "STORED\r\n", 105));
  CHECK(pair.received() == "STORED\r\n");
  CHECK(pair.connection.uncommitted());
  CHECK(pair.connection.awaited() == store::Version{105});
  backup.replicator.committed_version = 104;
  static_cast<void>(pair.go_on());
  CHECK(pair.received().empty());
  backup.replicator.committed_version = 105;
  static_cast<void>(pair.go_on());
  CHECK(pair.received() == kOld);
}

TEST_CASE("mg is forwarded where it would change the item, and what follows it waits") {
  Backup backup;
  Pair pair(backup);
  CHECK(pair.ask("mg old v\r\nmg old T30 v\r\nmg old v\r\n") == "VA 1\r\no\r\n");
  const ForwardBatch batch = backup.batch();
  CHECK(batch.bytes == "mg old T30 v\r\n");
  backup.answer(pair, Backup::answer_to(batch, "VA 1\r\no\r\n"));
  CHECK(pair.received() == "VA 1\r\no\r\nVA 1\r\no\r\n");
}

TEST_CASE("binary requests are forwarded as such, quiet ones too") {
  Backup backup;
  Pair pair(backup);
  const std::string changes = binary(0x14, "a") + binary(0x1c, "old", 4);  // DeleteQ, Touch
  CHECK(pair.ask(changes).empty());
  const ForwardBatch batch = backup.batch();
  CHECK(batch.binary);
  CHECK(batch.requests == 2);
  CHECK(batch.bytes == changes);
}

TEST_CASE("what was not executed is told per request, but to who wants no answer") {
  Backup backup;
  ForwardAnswer none;
  none.outcome = ForwardOutcome::kNotExecuted;
  Pair text(backup);
  CHECK(text.ask("delete a\r\ndelete b noreply\r\nmd c q\r\nget old\r\n").empty());
  none.connection = backup.batch().connection;
  backup.answer(text, none);
  CHECK(text.received() == "SERVER_ERROR primary unreachable\r\nSERVER_ERROR primary unreachable\r\n" + kOld);

  Pair quiet(backup);
  CHECK(quiet.ask(binary(0x14, "a")).empty());
  none.connection = backup.batch().connection;
  backup.answer(quiet, none);
  const std::string reply = quiet.received();
  REQUIRE(reply.size() >= 24);
  CHECK(reply.substr(0, 2) == "\x81\x14");
  CHECK(reply.substr(6, 2) == std::string("\0\x86", 2));
  CHECK(reply[15] == 7);
}

TEST_CASE("a change whose outcome is unknown closes the connection without a reply") {
  Backup backup;
  Pair pair(backup);
  CHECK(pair.ask("delete a\r\nget old\r\n").empty());
  ForwardAnswer unknown;
  unknown.connection = backup.batch().connection;
  backup.answer(pair, unknown);
  CHECK(pair.received().empty());
  CHECK(pair.connection.state() == ConnectionState::kClosed);
}

TEST_CASE("an answer that ends the connection is sent before that") {
  Backup backup;
  Pair pair(backup);
  CHECK(pair.ask("delete a\r\nget old\r\n").empty());
  ForwardAnswer last = Backup::answer_to(backup.batch(), "DELETED\r\n");
  last.closes = true;
  backup.answer(pair, last);
  CHECK(pair.received() == "DELETED\r\n");
  CHECK(pair.connection.state() == ConnectionState::kClosed);
}

TEST_CASE("a client that closes its side behind a change, or quits, gets the answer") {
  for (const bool quits : {true, false}) {
    Backup backup;
    Pair pair(backup);
    CHECK(pair.ask(quits ? "delete a\r\nquit\r\n" : "delete a\r\n").empty());
    if (!quits) pair.half_close();
    backup.answer(pair, Backup::answer_to(backup.batch(), "DELETED\r\n"));
    CHECK(pair.received() == "DELETED\r\n");
    static_cast<void>(pair.turn());
    CHECK(pair.connection.state() == ConnectionState::kClosed);
  }
}

TEST_CASE("a batch is no longer than its limit, and a value longer than that goes alone") {
  Backup backup;
  backup.bench.limits.max_value_bytes = 2 << 20;
  Pair pair(backup);
  const std::string large = "set a 0 0 1500000\r\n" + std::string(1500000, 'x') + "\r\n";
  std::string changes = large;
  for (int i = 0; i < 3; ++i) changes += "set b 0 0 500000\r\n" + std::string(500000, 'y') + "\r\n";
  std::string forwarded;
  std::string rest = changes;
  std::size_t batches = 0;
  for (int turns = 0; turns < 10000 && forwarded.size() < changes.size(); ++turns) {
    const ssize_t n = rest.empty() ? 0 : ::write(pair.client.get(), rest.data(), rest.size());
    if (n > 0) rest.erase(0, static_cast<std::size_t>(n));
    static_cast<void>(pair.turn());
    const auto batch = backup.replicator.take_batch();
    if (!batch) continue;
    ++batches;
    CHECK((batch->bytes.size() <= kForwardBatchBytes || batch->requests == 1));
    forwarded += batch->bytes;
    backup.answer(pair, Backup::answer_to(*batch, ""));
  }
  CHECK(forwarded == changes);
  CHECK(batches >= 2);
  CHECK(backup.staging.used_bytes() == 0);
}

TEST_CASE("a request whose answer is a value is the last of its batch") {
  Backup backup;
  Pair pair(backup);
  CHECK(pair.ask("delete a\r\ngat 5 old\r\ndelete b\r\n").empty());
  CHECK(backup.batch().bytes == "delete a\r\ngat 5 old\r\n");
}

TEST_CASE("without room no more is forwarded nor read, until something is answered") {
  Backup backup;
  backup.bench.limits.max_value_bytes = kForwardedBytes;
  Pair large(backup);
  const std::string value(kForwardedBytes - 10, 'x');
  std::string rest = "set a 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  std::optional<ForwardBatch> batch;
  for (int turns = 0; turns < 100000 && !batch; ++turns) {
    const ssize_t n = rest.empty() ? 0 : ::write(large.client.get(), rest.data(), rest.size());
    if (n > 0) rest.erase(0, static_cast<std::size_t>(n));
    static_cast<void>(large.turn());
    batch = backup.replicator.take_batch();
  }
  REQUIRE(batch.has_value());

  Pair other(backup, commands::ConnectionId{8});
  CHECK(other.ask("delete a\r\nget old\r\n").empty());
  CHECK(other.connection.forwarded().without_room());
  CHECK_FALSE(other.connection.wants_input());
  CHECK_FALSE(backup.replicator.take_batch().has_value());
  backup.answer(large, Backup::answer_to(*batch, "STORED\r\n"));
  static_cast<void>(other.go_on());
  CHECK(backup.batch().bytes == "delete a\r\n");
}

TEST_CASE("who waits for room is let in before who comes later, however little that one needs") {
  Backup backup;
  backup.bench.limits.max_value_bytes = 2 * kForwardedBytes;
  Pair small(backup, commands::ConnectionId{8});
  CHECK(small.ask("delete a\r\n").empty());
  ForwardBatch first = backup.batch();

  Pair large(backup, commands::ConnectionId{9});
  std::string rest = "set a 0 0 9000000\r\n" + std::string(9'000'000, 'x') + "\r\n";
  for (int turns = 0; turns < 100000 && !large.connection.forwarded().without_room(); ++turns) {
    const ssize_t n = rest.empty() ? 0 : ::write(large.client.get(), rest.data(), rest.size());
    if (n > 0) rest.erase(0, static_cast<std::size_t>(n));
    static_cast<void>(large.turn());
  }
  REQUIRE(large.connection.forwarded().without_room());
  Pair late(backup, commands::ConnectionId{10});
  CHECK(late.ask("delete b\r\n").empty());
  CHECK(late.connection.forwarded().without_room());

  backup.answer(small, Backup::answer_to(first, "NOT_FOUND\r\n"));
  static_cast<void>(late.go_on());
  CHECK(late.connection.forwarded().without_room());
  static_cast<void>(large.go_on());
  CHECK(backup.batch().bytes.size() > 9'000'000);
}

TEST_CASE("a set that no item can hold is forwarded without its value, which is discarded here") {
  Backup backup;
  Pair pair(backup);
  pair.send("set a 0 0 2000000\r\n");
  static_cast<void>(pair.turn());
  const ForwardBatch batch = backup.batch();
  CHECK(batch.bytes == "set a 0 0 2000000\r\n");
  backup.answer(pair, Backup::answer_to(batch, "SERVER_ERROR object too large for cache\r\n"));
  CHECK(pair.ask_until(std::string(2000000, 'x') + "\r\nget old\r\n", "END\r\n") ==
        "SERVER_ERROR object too large for cache\r\n" + kOld);
}

TEST_CASE("so is one that there is no memory for") {
  Backup backup;
  StagingBudget little(1000);
  InputPool scarce(little);
  Bench bench{.sockets = backup.sockets,
              .executor = backup.executor,
              .session = backup.session,
              .reply_blocks = backup.blocks,
              .input_blocks = scarce,
              .traffic = backup.traffic,
              .log = backup.log,
              .max_requests_per_event = 20,
              .limits = {.max_value_bytes = 1 << 20},
              .now = kNow,
              .replicator = &backup.replicator,
              .forwarding = &backup.forwarding,
              .latest_dependency = {},
              .requests = {},
              .ends = {},
              .iovecs = {}};
  Pair pair(backup, commands::ConnectionId{7}, &bench);
  std::string rest = "set a 0 0 500000\r\n" + std::string(500000, 'x') + "\r\nget old\r\n";
  std::string replies;
  for (int turns = 0; turns < 10000 && !replies.ends_with("END\r\n"); ++turns) {
    const ssize_t n = rest.empty() ? 0 : ::write(pair.client.get(), rest.data(), rest.size());
    if (n > 0) rest.erase(0, static_cast<std::size_t>(n));
    static_cast<void>(pair.turn());
    if (const auto batch = backup.replicator.take_batch()) {
      CHECK(batch->requests == 1);
      CHECK(batch->bytes == "set a 0 0 500000\r\n");
      backup.answer(pair, Backup::answer_to(*batch, "SERVER_ERROR object too large for cache\r\n"));
    }
    replies += pair.received();
  }
  CHECK(replies == "SERVER_ERROR object too large for cache\r\n" + kOld);
}

TEST_CASE("a node that refuses changes says so, per request") {
  Backup backup;
  backup.executor.set_change_policy(commands::ChangePolicy::kRefuse);
  Pair pair(backup);
  CHECK(pair.ask("delete a\r\nget old\r\ndelete a noreply\r\nmg old T3\r\n") ==
        "SERVER_ERROR read-only\r\n" + kOld + "SERVER_ERROR read-only\r\n");
  CHECK_FALSE(backup.replicator.take_batch().has_value());
}

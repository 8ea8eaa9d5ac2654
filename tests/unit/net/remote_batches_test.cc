// A primary executes what its backups' clients asked for, and trusts no byte of it.

#include "server/net/remote_batches.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "fake_replicator.h"
#include "live_server.h"
#include "serving.h"

using namespace lmc;
using namespace lmc::net;
using namespace lmc::net::test;

namespace {

ForwardBatch batch_of(std::string bytes, std::uint32_t requests) {
  return {.worker = 5,
          .connection = {77},
          .origin = 9,
          .binary = protocol::is_binary(bytes.front()),
          .requests = requests,
          .bytes = std::move(bytes)};
}

struct Primary : Serving {
  Primary() {
    store.begin_announcing([] {});
    bench.replicator = &replicator;
    replicator.committed_version = FakeReplicator::kAll.value;
  }
  ~Primary() { store.end_announcing(); }
  void turn() {
    session.begin_turn(kNow);
    batches.execute(bench);
    session.end_turn();
    batches.answer(replicator);
  }
  ForwardAnswer ask(std::string bytes, std::uint32_t requests) {
    batches.add(batch_of(std::move(bytes), requests));
    while (batches.runnable()) turn();
    return replicator.take_answer().value_or(ForwardAnswer{});
  }
  std::string ask_here(std::string_view bytes) { return Pair(*this).ask(bytes); }
  FakeReplicator replicator;
  RemoteBatches batches;
};

}  // namespace

TEST_CASE("a batch is answered as its own client would be, quiet requests by nothing") {
  Primary primary;
  const ForwardAnswer answer = primary.ask(
      "set a 0 0 1\r\n1\r\nincr a 1 noreply\r\nincr a 1\r\nms a 1 q\r\n7\r\ngat 9 a\r\nmg a T9 v\r\ndelete b\r\n", 7);
  CHECK(answer.outcome == ForwardOutcome::kAnswered);
  CHECK(answer.replies == "STORED\r\n3\r\nVALUE a 0 1\r\n7\r\nEND\r\nVA 1\r\n7\r\nNOT_FOUND\r\n");
  CHECK(answer.worker == 5);
  CHECK(answer.connection == commands::ConnectionId{77});
  CHECK(answer.origin == 9);
  CHECK_FALSE(answer.closes);
  CHECK(answer.version == primary.store.summary().version);
}

TEST_CASE("a batch is answered when what it did is committed") {
  Primary primary;
  primary.replicator.committed_version = 0;
  CHECK(primary.ask("set a 0 0 1\r\n1\r\n", 1).replies.empty());
  REQUIRE(primary.batches.uncommitted());
  const store::Version awaited = primary.batches.awaited();
  primary.replicator.committed_version = awaited.value - 1;
  primary.batches.answer(primary.replicator);
  CHECK_FALSE(primary.replicator.take_answer().has_value());
  primary.replicator.committed_version = awaited.value;
  primary.batches.answer(primary.replicator);
  CHECK(primary.replicator.take_answer().value_or(ForwardAnswer{}).replies == "STORED\r\n");
  CHECK_FALSE(primary.batches.uncommitted());
}

TEST_CASE("many requests take many turns, so that others have theirs") {
  Primary primary;
  std::string bytes;
  std::string replies;
  const std::uint32_t count = 10 * kRemoteRequestsPerTurn;
  for (std::uint32_t i = 0; i < count; ++i) {
    bytes += "set a 0 0 1\r\n1\r\n";
    replies += "STORED\r\n";
  }
  primary.batches.add(batch_of(bytes, count));
  int turns = 0;
  for (; primary.batches.runnable(); ++turns) primary.turn();
  CHECK(turns >= 10);
  CHECK(primary.replicator.take_answer().value_or(ForwardAnswer{}).replies == replies);
}

TEST_CASE("a set whose value was left out removes the old value") {
  Primary primary;
  REQUIRE(primary.ask_here("set a 0 0 1\r\n1\r\n") == "STORED\r\n");
  const ForwardAnswer answer = primary.ask("set b 0 0 1\r\n1\r\nset a 0 0 500000\r\n", 2);
  CHECK(answer.outcome == ForwardOutcome::kAnswered);
  CHECK(answer.replies == "STORED\r\nSERVER_ERROR object too large for cache\r\n");
  CHECK(primary.ask_here("get a b\r\n") == "VALUE b 0 1\r\n1\r\nEND\r\n");
}

TEST_CASE("what no backup would send is answered kUnknown and goes no further") {
  Primary primary;
  const struct {
    const char* bytes;
    std::uint32_t requests;
  } wrong[] = {
      {"get a\r\n", 1},
      {"watch fetchers\r\n", 1},
      {"shutdown\r\n", 1},
      {"quit\r\n", 1},
      {"bogus\r\n", 1},
      {"delete a\r\nstats\r\n", 2},
      {"delete a\r\ndelete a\r\n", 1},
      {"delete a\r\n", 2},
      {"delete a", 1},
      {"set a 0 0 9\r\nhalf\r\ndelete a\r\n", 2},
      {"\x80", 1},
      {"\x80\x01\xff\xff", 1},
  };
  for (const auto& [bytes, requests] : wrong) {
    const ForwardAnswer answer = primary.ask(bytes, requests);
    INFO(bytes);
    CHECK(answer.connection == commands::ConnectionId{77});
    CHECK(answer.outcome == ForwardOutcome::kUnknown);
    CHECK(answer.replies.empty());
  }
  CHECK(primary.control.woken.empty());
  CHECK(primary.ask("delete a\r\n", 1).replies == "NOT_FOUND\r\n");
}

TEST_CASE("an answer longer than the limit is not given") {
  Primary primary;
  REQUIRE(Pair(primary).ask_until("set a 0 0 1000000\r\n" + std::string(1000000, 'x') + "\r\n", "\r\n") ==
          "STORED\r\n");
  std::string keys;
  for (int i = 0; i < 30; ++i) keys += " a";
  const ForwardAnswer answer = primary.ask("gat 0" + keys + "\r\n", 1);
  CHECK(answer.outcome == ForwardOutcome::kUnknown);
  CHECK(answer.replies.empty());
  CHECK(primary.ask("gat 0 a\r\n", 1).replies.size() ==
        std::string("VALUE a 0 1000000\r\n\r\nEND\r\n").size() + 1000000);
}

TEST_CASE("for who does not take its answers nothing more is executed, for others it is, and order is kept") {
  Primary primary;
  ForwardBatch other = batch_of("set c 0 0 1\r\n1\r\n", 1);
  other.origin = 10;
  primary.replicator.full_origin = 9;
  primary.batches.add(batch_of("set a 0 0 1\r\n1\r\n", 1));
  primary.batches.add(std::move(other));
  primary.batches.add(batch_of("delete a\r\n", 1));
  while (primary.batches.runnable()) primary.turn();
  CHECK(primary.replicator.take_answer().value_or(ForwardAnswer{}).origin == 10);
  CHECK_FALSE(primary.replicator.take_answer());
  CHECK(primary.ask_here("get a c\r\n") == "VALUE c 0 1\r\n1\r\nEND\r\n");
  primary.replicator.full_origin = FakeReplicator::kNobody;
  do primary.turn();
  while (primary.batches.runnable());
  CHECK(primary.replicator.take_answer().value_or(ForwardAnswer{}).replies == "STORED\r\n");
  CHECK(primary.replicator.take_answer().value_or(ForwardAnswer{}).replies == "DELETED\r\n");
}

TEST_CASE("while much waits to be committed nothing more is executed") {
  Primary primary;
  REQUIRE(Pair(primary).ask_until("set a 0 0 1000000\r\n" + std::string(1000000, 'x') + "\r\n", "\r\n") ==
          "STORED\r\n");
  primary.replicator.committed_version = 0;
  for (int i = 0; i < 100; ++i) primary.batches.add(batch_of("gat 0 a\r\n", 1));
  while (primary.batches.runnable()) primary.turn();
  CHECK(primary.batches.uncommitted());
  primary.replicator.committed_version = FakeReplicator::kAll.value;
  primary.batches.answer(primary.replicator);
  std::size_t held = 0;
  while (const auto answer = primary.replicator.take_answer()) held += answer->replies.size();
  CHECK(held <= kHeldRemoteReplyBytes + 1'100'000);
  CHECK(primary.batches.runnable());
}

TEST_CASE("a node that is no primary executes nothing of a batch") {
  Primary primary;
  primary.replicator.forwarding = true;
  CHECK(primary.ask("set a 0 0 1\r\n1\r\n", 1).outcome == ForwardOutcome::kNotExecuted);
  CHECK(primary.store.summary().items == 0);
}

TEST_CASE("at a change of role what is executed and not committed is answered kUnknown") {
  Primary primary;
  primary.replicator.committed_version = 0;
  static_cast<void>(primary.ask("set a 0 0 1\r\n1\r\n", 1));
  primary.batches.add(batch_of("delete a\r\n", 1));
  primary.batches.fail_uncommitted(primary.replicator);
  const auto unknown = primary.replicator.take_answer();
  REQUIRE(unknown.has_value());
  CHECK(unknown->outcome == ForwardOutcome::kUnknown);
  primary.replicator.forwarding = true;
  primary.turn();
  CHECK(primary.replicator.take_answer().value_or(ForwardAnswer{}).outcome == ForwardOutcome::kNotExecuted);
  CHECK(primary.store.summary().items == 1);
}

namespace {

// A backup and its primary, and between them, instead of an engine, a thread that carries batches and answers. The
// backup's store stays empty; what its clients change, and what that is answered, is the primary's.
struct Nodes {
  Nodes()
      : primary([](commands::Settings&) {}, &of_primary, [](store::Store& store) { store.begin_announcing([] {}); }),
        backup([](commands::Settings&) {}, &of_backup) {
    of_backup.forwarding = true;
    of_backup.committed_version = FakeReplicator::kAll.value;
    carrier = std::thread([this] {
      while (!done) carry();
    });
  }
  ~Nodes() {
    done = true;
    carrier.join();
    backup.end();
    primary.end();
    primary.store->end_announcing();
  }
  void carry() {
    if (auto batch = of_backup.take_batch()) primary.network->execute_forwarded(std::move(*batch));
    of_primary.commit(primary.store->summary().version, *primary.network);
    if (auto answer = of_primary.take_answer()) backup.network->forwarded(std::move(*answer));
    std::this_thread::yield();
  }
  FakeReplicator of_primary;
  FakeReplicator of_backup;
  LiveServer primary;
  LiveServer backup;
  std::atomic<bool> done{false};
  std::thread carrier;
};

}  // namespace

TEST_CASE("clients of a backup change the primary, each in its order") {
  Nodes nodes;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Client client(nodes.backup.port);
      const std::string key = "n" + std::to_string(t);
      std::string requests = "set " + key + " 0 0 1\r\n0\r\n";
      std::string expected = "STORED\r\n";
      for (int i = 1; i <= 300; ++i) {
        requests += "incr " + key + " 1\r\nincr missing 1 noreply\r\n";
        expected += std::to_string(i) + "\r\n";
        if (i % 50 != 0) continue;
        requests += "mn\r\n";  // executed by the backup, in its place
        expected += "MN\r\n";
      }
      if (client.ask(requests + "mn\r\n", "300\r\nMN\r\nMN\r\n") == expected + "MN\r\n") ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 4);
  const Client reader(nodes.primary.port);
  CHECK(reader.ask("get n3\r\n", "END\r\n") == "VALUE n3 0 3\r\n300\r\nEND\r\n");
}

TEST_CASE("a change of role closes those whose changes are with the primary, their late answers are nobody's") {
  FakeReplicator replicator;
  LiveServer backup([](commands::Settings&) {}, &replicator);
  replicator.forwarding = true;
  replicator.committed_version = FakeReplicator::kAll.value;
  const Client asking(backup.port);
  const Client idle(backup.port);
  REQUIRE(idle.ask("mn\r\n") == "MN\r\n");
  asking.send("delete a\r\n");
  std::optional<ForwardBatch> batch;
  REQUIRE(eventually([&] { return (batch = replicator.take_batch()).has_value(); }));
  backup.network->pause_workers([&] {
    replicator.forwarding = false;
    backup.network->fail_held();
  });
  CHECK(asking.read_until("\r\n").empty());
  ForwardAnswer late;
  late.worker = batch->worker;
  late.connection = batch->connection;
  late.outcome = ForwardOutcome::kAnswered;
  late.replies = "DELETED\r\n";
  backup.network->forwarded(late);
  backup.network->forwarded(late);  // and a second one harms nobody
  CHECK(idle.ask("set k 0 0 1\r\nv\r\nget k\r\n", "END\r\n") == "STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n");
}

// Replies are sent when what they depend on is committed: one connection, one UDP socket, and the whole network.

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "fake_replicator.h"
#include "live_server.h"
#include "serving.h"

using namespace lmc;
using namespace lmc::net;
using namespace lmc::net::test;

namespace {

// A primary with backups that are as far as the test says.
struct Primary : Serving {
  Primary() {
    store.begin_announcing([] {});
    bench.replicator = &replicator;
  }
  ~Primary() { store.end_announcing(); }
  void commit_all() { replicator.committed_version = FakeReplicator::kAll.value; }
  FakeReplicator replicator;
};

struct LivePrimary {
  LivePrimary() : server(nothing, &replicator, [](store::Store& store) { store.begin_announcing([] {}); }) {}
  ~LivePrimary() {
    server.end();
    server.store->end_announcing();
  }
  void commit_all() { replicator.commit(FakeReplicator::kAll, *server.network); }
  static void nothing(commands::Settings&) {}
  FakeReplicator replicator;
  LiveServer server;
};

}  // namespace

TEST_CASE("a reply is held until its mutation is committed") {
  Primary primary;
  Pair pair(primary);
  CHECK(pair.ask("set k 0 0 1\r\nv\r\n").empty());
  CHECK(pair.flushed == Flushed::kHeld);
  const store::Version awaited = pair.connection.awaited();
  primary.replicator.committed_version = awaited.value - 1;
  static_cast<void>(pair.go_on());
  CHECK(pair.received().empty());
  primary.replicator.committed_version = awaited.value;
  static_cast<void>(pair.go_on());
  CHECK(pair.received() == "STORED\r\n");
  CHECK(pair.flushed == Flushed::kAll);
}

TEST_CASE("no reply leaves a node that must not serve, on a connection that it has answered before either") {
  Primary primary;
  primary.commit_all();
  Pair pair(primary);
  REQUIRE(pair.ask("set k 0 0 1\r\nv\r\n") == "STORED\r\n");
  primary.replicator.serving = false;
  CHECK(pair.ask("get k\r\n").empty());
  CHECK(pair.ask("get absent\r\nmn\r\n").empty());
  CHECK(pair.flushed == Flushed::kHeld);
  CHECK(pair.connection.uncommitted());
  primary.replicator.serving = true;
  static_cast<void>(pair.go_on());
  CHECK(pair.received() == "VALUE k 0 1\r\nv\r\nEND\r\nEND\r\nMN\r\n");
  CHECK(pair.flushed == Flushed::kAll);
}

TEST_CASE("a read of another client's uncommitted value waits for it, a read of a committed one does not") {
  Primary primary;
  Pair writer(primary);
  Pair reader(primary);
  REQUIRE(writer.ask("set old 0 0 1\r\no\r\n").empty());
  primary.replicator.committed_version = writer.connection.awaited().value;
  REQUIRE(writer.ask("set new 0 0 1\r\nn\r\n") == "STORED\r\n");
  CHECK(reader.ask("get old\r\n") == "VALUE old 0 1\r\no\r\nEND\r\n");
  CHECK(reader.ask("get new\r\n").empty());
  CHECK(reader.ask("get old\r\n").empty());  // in order
  primary.commit_all();
  static_cast<void>(reader.go_on());
  CHECK(reader.received() == "VALUE new 0 1\r\nn\r\nEND\r\nVALUE old 0 1\r\no\r\nEND\r\n");
}

TEST_CASE("a held connection goes on executing, and its replies leave piece by piece in order") {
  Primary primary;
  Pair pair(primary);
  std::vector<std::uint64_t> versions;
  for (int i = 0; i < 10; ++i) {
    CHECK(pair.ask("incr n 1\r\nset n 0 0 1\r\n" + std::to_string(i) + "\r\n").empty());
    versions.push_back(primary.store.summary().version.value);
  }
  for (int i = 0; i < 10; ++i) {
    primary.replicator.committed_version = versions[static_cast<std::size_t>(i)];
    static_cast<void>(pair.go_on());
    CHECK(pair.received() == (i == 0 ? "NOT_FOUND\r\nSTORED\r\n" : std::to_string(i) + "\r\nSTORED\r\n"));
  }
}

TEST_CASE("a quiet mutation holds the answer of what follows it") {
  Primary primary;
  Pair pair(primary);
  CHECK(pair.ask("set k 0 0 1 noreply\r\nv\r\n").empty());
  CHECK(pair.ask("mn\r\nbogus\r\n").empty());
  primary.commit_all();
  static_cast<void>(pair.go_on());
  CHECK(pair.received() == "MN\r\nERROR\r\n");
}

TEST_CASE("a connection whose replies are held executes no more than the backlog allows") {
  Primary primary;
  Pair pair(primary);
  REQUIRE(pair.ask("set k 0 0 7000\r\n" + std::string(7000, 'x') + "\r\n").empty());
  std::string gets;
  for (int i = 0; i < 1000; ++i) gets += "get k\r\n";
  pair.send(gets);
  CHECK(pair.turn() == Progress::kBacklogged);
  CHECK(pair.received().empty());
  CHECK(pair.connection.unsent_bytes() < kReplyBacklogBytes + 8000);
  CHECK_FALSE(pair.connection.wants_input());
  primary.commit_all();
  std::size_t bytes = 0;
  for (int turns = 0; turns < 1000 && pair.connection.unsent_bytes() + bytes != 0; ++turns) {
    static_cast<void>(pair.go_on());
    const std::size_t more = pair.received().size();
    bytes += more;
    if (more == 0) break;
  }
  CHECK(bytes == 8 + 1000 * (std::string("VALUE k 0 7000\r\n\r\nEND\r\n").size() + 7000));
}

TEST_CASE("large values and long gets are held like any reply") {
  Primary primary;
  Pair pair(primary);
  const std::string value(100000, 'x');
  pair.send("set k 0 0 100000\r\n" + value + "\r\n");
  for (int i = 0; i < 100 && pair.connection.unsent_bytes() == 0; ++i) static_cast<void>(pair.turn());
  pair.send("get k k k k k k k k k k\r\nmn\r\n");
  CHECK(pair.turn() == Progress::kStopped);  // the rest of the keys, when the first are taken
  CHECK(pair.received().empty());
  primary.commit_all();
  std::string replies;
  for (int i = 0; i < 1000 && !replies.ends_with("MN\r\n"); ++i) {
    static_cast<void>(pair.go_on());
    replies += pair.received();
  }
  std::string expected = "STORED\r\n";
  for (int i = 0; i < 10; ++i) expected += "VALUE k 0 100000\r\n" + value + "\r\n";
  CHECK(replies == expected + "END\r\nMN\r\n");
}

TEST_CASE("quit, and a peer that closes its side, still get the held replies") {
  for (const bool quits : {true, false}) {
    Primary primary;
    Pair pair(primary);
    CHECK(pair.ask(quits ? "set k 0 0 1\r\nv\r\nquit\r\n" : "set k 0 0 1\r\nv\r\n").empty());
    if (!quits) {
      pair.half_close();
      static_cast<void>(pair.turn());
    }
    CHECK(pair.connection.state() == ConnectionState::kDraining);
    primary.commit_all();
    static_cast<void>(pair.go_on());
    CHECK(pair.received() == "STORED\r\n");
    CHECK(pair.connection.state() == ConnectionState::kClosed);
  }
}

TEST_CASE("a worker wakes for a commit and sends what it held") {
  LivePrimary primary;
  const Client client(primary.server.port);
  client.send("set k 0 0 1\r\nv\r\n");
  REQUIRE(eventually([&] { return primary.replicator.waiting_workers() == 1; }));
  CHECK(primary.replicator.appends >= 1);
  primary.commit_all();
  CHECK(client.read_until("\r\n") == "STORED\r\n");
}

TEST_CASE("a commit is not missed by a worker that is just about to wait for it") {
  LivePrimary primary;
  std::atomic<bool> done{false};
  std::thread committer([&] {
    store::Version last;
    while (!done) {
      const store::Version version = primary.server.store->summary().version;
      if (version > last) primary.replicator.commit(last = version, *primary.server.network);  // once for each
    }
  });
  const Client client(primary.server.port);
  int stored = 0;
  while (stored < 500 && client.ask("set k 0 0 1\r\nv\r\n") == "STORED\r\n") ++stored;
  done = true;
  committer.join();
  CHECK(stored == 500);
}

TEST_CASE("many clients that pipeline while the commit point moves get all their replies in order") {
  LivePrimary primary;
  std::atomic<bool> done{false};
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Client client(primary.server.port);
      const std::string key = "key" + std::to_string(t);
      for (int round = 0; round < 20; ++round) {
        std::string requests;
        std::string expected;
        for (int i = 0; i < 50; ++i) {
          const std::string value = std::to_string(1000 + i);
          requests += "set " + key + " 0 0 4\r\n" + value + "\r\nset q 0 0 1 noreply\r\nq\r\nget " + key + "\r\n";
          expected += "STORED\r\nVALUE " + key + " 0 4\r\n" + value + "\r\nEND\r\n";
        }
        if (client.ask(requests + "mn\r\n", "MN\r\n") == expected + "MN\r\n") ++right;
      }
    });
  }
  std::thread committer([&] {
    while (!done) primary.replicator.commit(primary.server.store->summary().version, *primary.server.network);
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  committer.join();
  CHECK(right == 80);
}

TEST_CASE("at a change of role who waits is closed without a reply, the others stay") {
  LivePrimary primary;
  const Client held(primary.server.port);
  const Client quiet(primary.server.port);
  const Client idle(primary.server.port);
  REQUIRE(idle.ask("mn\r\n") == "MN\r\n");
  held.send("set k 0 0 1\r\nv\r\n");
  quiet.send("set q 0 0 1 noreply\r\nv\r\n");
  REQUIRE(eventually([&] { return primary.server.store->summary().items == 2; }));
  primary.server.network->pause_workers([&] {
    primary.server.network->fail_held();
    primary.replicator.committed_version = FakeReplicator::kAll.value;  // of another history
  });
  CHECK(held.read_until("\r\n").empty());
  CHECK(quiet.read_until("\r\n").empty());
  CHECK(idle.ask("mn\r\n") == "MN\r\n");
}

TEST_CASE("no worker is in a turn while workers are paused") {
  LivePrimary primary;
  primary.commit_all();
  std::atomic<bool> done{false};
  std::atomic<int> asked{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      const Client client(primary.server.port);
      while (!done && client.ask("mn\r\n") == "MN\r\n") ++asked;
    });
  }
  bool moved = false;
  for (int i = 0; i < 100; ++i) {
    const int before = asked;
    primary.server.network->pause_workers([&] {
      const unsigned turns = primary.replicator.turns;
      for (int j = 0; j < 100; ++j) std::this_thread::yield();
      moved = moved || primary.replicator.turns != turns;
    });
    if (!eventually([&] { return asked > before; })) break;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(moved);
  CHECK(asked >= 100);
}

TEST_CASE("calls of the replicator outside of the network's life do nothing") {
  LivePrimary primary;
  primary.server.end();
  primary.server.network->committed();
  primary.server.network->committed(0);
  primary.server.network->fail_held();
  bool called = false;
  primary.server.network->pause_workers([&] { called = true; });
  CHECK(called);
}

// What may be done within an observer's calls, and what never happens within one's own.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "bench.h"

namespace lmc::test {
namespace {

using replication::kMaxOutstandingChains;
using replication::Region;
using replication::Traffic;
using replication::Write;

TEST_CASE("who closes its link in on_up() hears no more, and the other end is told") {
  Bench bench;
  bench.to =
      bench.fabrics->accepting().accept({ticket_of(1), Traffic::kForeground, bench.memory.exposed()}, bench.receiver);
  bench.from = bench.fabrics->connecting().connect(bench.fabrics->address(), {ticket_of(1), Traffic::kForeground, {}},
                                                   bench.sender);
  bench.sender.in_up = [&] { bench.from->close(); };
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.downs == 1; }));
  CHECK(bench.sender.calls() == 1);
}

TEST_CASE("who closes its link in on_completed() hears no more, and the other end is told") {
  Bench bench;
  bench.connect();
  bench.sender.in_completed = [&] { bench.from->close(); };
  for (std::size_t i = 0; i < 8; ++i) bench.post(Region::kLog, i * 8, bench.piece(0, 8));
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.downs == 1; }));
  CHECK(bench.sender.calls() == 2);
}

TEST_CASE("a link may be closed in on_down(), which is its last call") {
  Bench bench;
  bench.connect();
  bench.sender.in_down = [&] { bench.from->close(); };
  bench.to->revoke();
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  bench.reactor.run_for(std::chrono::milliseconds(20));
  CHECK(bench.sender.calls() == 2);
}

TEST_CASE("chains posted in on_completed() land, call by call") {
  Bench bench;
  bench.connect();
  constexpr std::size_t kChains = 100;
  std::size_t posted = 1;
  bench.sender.in_completed = [&] {
    if (posted < kChains) bench.post(Region::kLog, 8 * posted++, bench.piece(0, 8));
  };
  bench.post(Region::kLog, 0, bench.piece(0, 8));
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == kChains; }));
  CHECK_FALSE(bench.sender.nested());
  CHECK_FALSE(bench.receiver.nested());
  CHECK(bench.log(8 * (kChains - 1), 8) == bench.piece(0, 8));
}

TEST_CASE("posting to a link that is broken calls nobody; on_down() comes later") {
  Bench bench;
  bench.connect();
  bench.to->revoke();
  for (std::size_t i = 0; i < 8; ++i) bench.post(Region::kLog, 0, bench.piece(0, 1000));
  CHECK(bench.sender.downs == 0);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  CHECK(bench.sender.completed == 0);
}

// A second link between the same two fabrics.
struct Second {
  explicit Second(Bench& bench) {
    to = bench.fabrics->accepting().accept({ticket_of(2), Traffic::kBulk, memory.exposed()}, receiver);
    from = bench.fabrics->connecting().connect(bench.fabrics->address(), {ticket_of(2), Traffic::kBulk, {}}, sender);
    REQUIRE(bench.reactor.run_until([&] { return receiver.ups == 1 && sender.ups == 1; }));
  }
  Memory memory;
  Observed receiver;
  Observed sender;
  std::unique_ptr<replication::Link> to;
  std::unique_ptr<replication::Link> from;
};

TEST_CASE("a link that is closed in a call of another one's observer hears no more") {
  Bench bench;
  bench.connect();
  Second second(bench);
  // Both have something to hear in the same turn; whoever is called first closes the other.
  bench.receiver.in_arrival = [&] { second.to->close(); };
  second.receiver.in_arrival = [&] { bench.to->close(); };
  const Write write{Region::kLog, 0, bench.piece(0, 8)};
  second.from->post({&write, 1});
  bench.from->post({&write, 1});
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs + second.sender.downs == 1; }));
  bench.reactor.run_for(std::chrono::milliseconds(20));
  CHECK(bench.receiver.arrivals + second.receiver.arrivals == 1);
  CHECK(bench.receiver.downs + second.receiver.downs == 0);
}

TEST_CASE("many links between two nodes do not meet") {
  constexpr std::uint8_t kLinks = 50;
  struct End {
    Memory memory{4096};
    Observed receiver;
    Observed sender;
    std::unique_ptr<replication::Link> to;
    std::unique_ptr<replication::Link> from;
  };
  Bench bench;
  std::vector<std::unique_ptr<End>> ends;
  for (std::uint8_t i = 0; i < kLinks; ++i) {
    End& end = *ends.emplace_back(std::make_unique<End>());
    bench.fabrics->accepting().prepare(Memory::bytes_of(end.memory.log));
    bench.fabrics->accepting().prepare(Memory::bytes_of(end.memory.ledger));
    bench.fabrics->accepting().prepare(Memory::bytes_of(end.memory.progress));
    end.to =
        bench.fabrics->accepting().accept({ticket_of(i), Traffic::kForeground, end.memory.exposed()}, end.receiver);
    end.from = bench.fabrics->connecting().connect(bench.fabrics->address(), {ticket_of(i), Traffic::kForeground, {}},
                                                   end.sender);
  }
  const auto all = [&](auto holds) { return [&, holds] { return std::all_of(ends.begin(), ends.end(), holds); }; };
  REQUIRE(bench.reactor.run_until(all([](const auto& end) { return end->sender.ups == 1 && end->receiver.ups == 1; })));
  for (std::size_t i = 0; i < kLinks; ++i) {
    const Write write{Region::kLog, 8 * i, bench.piece(i, 8)};
    ends[i]->from->post({&write, 1});
  }
  REQUIRE(bench.reactor.run_until(all([](const auto& end) { return end->sender.completed == 1; })));
  for (std::size_t i = 0; i < kLinks; ++i) {
    Memory expected{4096};
    std::memcpy(Memory::bytes_of(expected.log).data() + 8 * i, bench.piece(i, 8).data(), 8);
    CHECK(ends[i]->memory.log == expected.log);
  }
}

TEST_CASE("as many chains as may be outstanding are taken from who posts them, and land") {
  Bench bench;
  bench.connect();
  // More than any socket or queue holds, while the other end does nothing.
  for (std::size_t i = 0; i < kMaxOutstandingChains; ++i) bench.post(Region::kLog, 0, bench.piece(0, 1 << 20));
  CHECK(bench.sender.completed == 0);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == kMaxOutstandingChains; }));
  CHECK(bench.log(0, 1 << 20) == bench.piece(0, 1 << 20));
}

}  // namespace
}  // namespace lmc::test

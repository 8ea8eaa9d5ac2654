// What every link promises (fabric.h, F1 to F6), tried on the fabric that this binary was built with.
#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>

#include "bench.h"

namespace lmc::test {
namespace {

using replication::LinkPlan;
using replication::Region;
using replication::Traffic;
using replication::Write;

TEST_CASE("a chain lands, is completed, and its arrival is told") {
  Bench bench;
  bench.connect();
  const std::array<Write, 3> chain{Write{Region::kLog, 4096, bench.piece(0, 1000)},
                                   Write{Region::kLog, 8192, bench.piece(5000, 3)},
                                   Write{Region::kLedger, 64, bench.piece(64, 128)}};
  bench.from->post(chain);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 1 && bench.receiver.arrivals == 1; }));
  CHECK(bench.log(4096, 1000) == bench.piece(0, 1000));
  CHECK(bench.log(8192, 3) == bench.piece(5000, 3));
  CHECK(std::memcmp(Memory::bytes_of(bench.memory.ledger).data() + 64, bench.piece(64, 128).data(), 128) == 0);
  CHECK(bench.log(0, 8) == std::string_view("\0\0\0\0\0\0\0\0", 8));
  CHECK(bench.sender.downs + bench.receiver.downs == 0);
}

TEST_CASE("chains land in order, each is completed once") {
  Bench bench;
  bench.connect();
  bool in_order = true;
  std::uint64_t last = 0;
  bench.receiver.in_arrival = [&] {
    const std::uint64_t now = bench.memory.ledger[0];
    in_order = in_order && now >= last;
    last = now;
    // What was posted before the number has landed with it.
    in_order = in_order && bench.memory.log[0] >= now;
  };
  std::vector<std::uint64_t> numbers(1000);
  bench.fabrics->connecting().prepare(Memory::bytes_of(numbers));
  std::iota(numbers.begin(), numbers.end(), 1);
  std::size_t posted = 0;
  while (posted < numbers.size() || bench.sender.completed < posted) {
    while (posted < numbers.size() && posted - bench.sender.completed < replication::kMaxOutstandingChains) {
      const auto* number = reinterpret_cast<const char*>(&numbers[posted++]);
      const std::array<Write, 2> chain{Write{Region::kLog, 0, {number, 8}}, Write{Region::kLedger, 0, {number, 8}}};
      bench.from->post(chain);
    }
    const std::size_t before = bench.sender.completed;
    REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed > before; }));
  }
  REQUIRE(bench.reactor.run_until([&] { return last == numbers.size(); }));
  CHECK(in_order);
  CHECK(bench.sender.completed == numbers.size());
}

TEST_CASE("the largest chain lands") {
  Bench bench;
  bench.memory = Memory(replication::kMaxChainBytes);
  bench.fabrics->accepting().prepare(Memory::bytes_of(bench.memory.log));
  bench.source.resize(replication::kMaxChainBytes);
  std::iota(bench.source.begin(), bench.source.end(), 0);
  bench.fabrics->connecting().prepare({bench.source.data(), bench.source.size()});
  bench.connect();
  std::vector<Write> chain;
  const std::size_t size = replication::kMaxChainBytes / replication::kMaxChainWrites;
  for (std::size_t i = 0; i < replication::kMaxChainWrites; ++i)
    chain.push_back({Region::kLog, i * size, bench.piece(i * size, size)});
  bench.from->post(chain);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 1; }));
  CHECK(bench.log(0, bench.source.size()) == bench.piece(0, bench.source.size()));
}

TEST_CASE("both ends may write") {
  Bench bench;
  Memory other;
  bench.fabrics->connecting().prepare(Memory::bytes_of(other.progress));
  bench.fabrics->accepting().prepare({bench.source.data(), bench.source.size()});
  bench.to =
      bench.fabrics->accepting().accept({ticket_of(1), Traffic::kForeground, bench.memory.exposed()}, bench.receiver);
  LinkPlan plan{ticket_of(1), Traffic::kForeground, {}};
  plan.exposed[static_cast<unsigned>(Region::kProgress)] = Memory::bytes_of(other.progress);
  bench.from = bench.fabrics->connecting().connect(bench.fabrics->address(), plan, bench.sender);
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.ups == 1 && bench.sender.ups == 1; }));
  // From within a call, too.
  bench.receiver.in_arrival = [&] {
    const Write answer{Region::kProgress, 0, bench.piece(8, 64)};
    bench.to->post({&answer, 1});
  };
  bench.post(Region::kLog, 0, bench.piece(0, 64));
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.completed == 1 && bench.sender.arrivals == 1; }));
  CHECK(std::memcmp(other.progress.data(), bench.piece(8, 64).data(), 64) == 0);
}

void refused_write(Region region, std::uint64_t offset, std::size_t size) {
  Bench bench;
  bench.connect();
  const std::array<Write, 2> chain{Write{Region::kLog, 0, bench.piece(1, 8)},
                                   Write{region, offset, bench.piece(1, size)}};
  bench.from->post(chain);
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.downs == 1 && bench.sender.downs == 1; }));
  CHECK(bench.sender.completed == 0);
  CHECK(bench.memory.ledger == std::vector<std::uint64_t>(512));
  CHECK(bench.memory.progress == std::vector<std::uint64_t>(8));
}

TEST_CASE("a write outside of what is exposed ends the link at both ends") {
  refused_write(Region::kLedger, 4096, 8);
  refused_write(Region::kLedger, 4088, 16);
  refused_write(Region::kProgress, ~std::uint64_t{0} - 7, 16);
}

TEST_CASE("after revoke() nothing lands, and the peer learns of it") {
  Bench bench;
  bench.connect();
  bench.post(Region::kLog, 0, bench.piece(1, 8));
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 1; }));
  // On its way when the right to write ends, and after.
  bench.post(Region::kLog, 4096, bench.piece(1, 1000));
  bench.to->revoke();
  const std::vector<std::uint64_t> fenced = bench.memory.log;
  if (bench.sender.downs == 0) bench.post(Region::kLog, 8192, bench.piece(1, 1000));
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  CHECK(bench.memory.log == fenced);
  CHECK(bench.receiver.downs == 0);
}

TEST_CASE("a link may be closed within its observer's calls") {
  Bench bench;
  bench.connect();
  bench.receiver.in_arrival = [&] { bench.to->close(); };
  bench.post(Region::kLog, 0, bench.piece(1, 8));
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  CHECK(bench.receiver.arrivals == 1);
  CHECK(bench.receiver.downs == 0);
  bench.reactor.run_for(std::chrono::milliseconds(20));
  CHECK(bench.sender.downs == 1);
}

TEST_CASE("only who knows the ticket gets the link") {
  Bench bench;
  bench.to =
      bench.fabrics->accepting().accept({ticket_of(1), Traffic::kForeground, bench.memory.exposed()}, bench.receiver);
  Observed stranger;
  const auto other =
      bench.fabrics->connecting().connect(bench.fabrics->address(), {ticket_of(2), Traffic::kForeground, {}}, stranger);
  REQUIRE(bench.reactor.run_until([&] { return stranger.downs == 1; }));
  Observed of_other_traffic;
  const auto bulk = bench.fabrics->connecting().connect(bench.fabrics->address(), {ticket_of(1), Traffic::kBulk, {}},
                                                        of_other_traffic);
  REQUIRE(bench.reactor.run_until([&] { return of_other_traffic.downs == 1; }));
  CHECK(stranger.ups + of_other_traffic.ups + bench.receiver.ups == 0);
  bench.from = bench.fabrics->connecting().connect(bench.fabrics->address(), {ticket_of(1), Traffic::kForeground, {}},
                                                   bench.sender);
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.ups == 1 && bench.sender.ups == 1; }));
}

TEST_CASE("nobody at the address is told, later") {
  Bench bench;
  bench.from = bench.fabrics->connecting().connect(bench.fabrics->dead_address(),
                                                   {ticket_of(1), Traffic::kForeground, {}}, bench.sender);
  CHECK(bench.sender.downs == 0);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  CHECK(bench.sender.ups == 0);
  CHECK_FALSE(bench.sender.cause.empty());
}

TEST_CASE("when the connection is cut, what has landed is a prefix, and both ends are told once") {
  for (int round = 0; round < 20; ++round) {
    Bench bench;
    bench.connect();
    for (std::uint64_t i = 0; i < 16; ++i) bench.post(Region::kLog, i * 65536, bench.piece(1, 65536));
    bench.reactor.run_for(std::chrono::milliseconds(round % 3));
    if (!bench.fabrics->cut()) return;
    REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1 && bench.receiver.downs == 1; }));
    std::size_t landed = 0;
    while (landed < 16 * 65536 && bench.log(landed, 1)[0] == bench.piece(1 + landed % 65536, 1)[0]) ++landed;
    bool rest_is_empty = true;
    // Where the pattern has a zero nothing can be said.
    for (std::size_t i = landed + 1; i < 16 * 65536; ++i) rest_is_empty = rest_is_empty && bench.log(i, 1)[0] == 0;
    CHECK((rest_is_empty || landed == 16 * 65536));
    CHECK(landed >= bench.sender.completed * 65536);
  }
}

}  // namespace
}  // namespace lmc::test

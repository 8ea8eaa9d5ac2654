#include "replication/engine/shipper.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace lmc::replication {
namespace {

constexpr std::uint32_t kSegmentBytes = 1 << 20;
constexpr TimePoint kNow{};

class Chains final : public Link {
 public:
  void post(std::span<const Write> chain) override { chains.emplace_back(chain.begin(), chain.end()); }
  void revoke() override {}
  void close() override {}

  std::vector<std::vector<Write>> chains;
};

class Primary {
 public:
  Primary() : log_(kSegmentBytes, 'x'), ledger_(ring_, {{1}, {0}}, {0}), shipper(ledger_, log_, kSegmentBytes) {
    shipper.begin({0});
  }

  void append(std::uint32_t bytes) {
    Entry entry;
    entry.kind = EntryKind::kAppended;
    entry.from = end_;
    entry.to = end_ += bytes;
    ledger_.append(entry);
  }
  void post() { shipper.post(link, {}, kNow); }
  void complete() { (void)shipper.on_completed(1, kNow); }

 private:
  LedgerRing ring_{1 << 8};
  std::string log_;
  Ledger ledger_;
  std::uint32_t end_ = 0;

 public:
  Chains link;
  Shipper shipper;
};

TEST_CASE("a second chain goes while the first is on its way, and a third waits") {
  Primary primary;
  for (unsigned i = 0; i < 2; ++i) {
    REQUIRE(primary.shipper.may_post());
    primary.append(1000);
    primary.post();
  }
  CHECK_FALSE(primary.shipper.may_post());
  primary.complete();
  CHECK(primary.shipper.may_post());
}

TEST_CASE("behind a chain with much of the log nothing goes: what comes up meanwhile is one batch") {
  Primary primary;
  primary.append(Shipper::kMuchOfLog);
  primary.post();
  CHECK_FALSE(primary.shipper.may_post());
  for (unsigned i = 0; i < 10; ++i) primary.append(1000);
  primary.complete();
  REQUIRE(primary.shipper.may_post());
  primary.post();
  REQUIRE(primary.link.chains.size() == 2);
  CHECK(primary.link.chains[1].size() == 2);  // ranges that adjoin, and their entries
  CHECK(primary.link.chains[1][0].bytes.size() == 10 * 1000);
  CHECK_FALSE(primary.shipper.has_news());
  CHECK(primary.shipper.may_post());
}

TEST_CASE("news that waits for a chain is counted once, until it goes") {
  Primary primary;
  primary.shipper.wait_if_news();
  CHECK(primary.shipper.counters().waits == 0);
  primary.append(Shipper::kMuchOfLog);
  primary.post();
  primary.shipper.wait_if_news();
  CHECK(primary.shipper.counters().waits == 0);
  for (unsigned i = 0; i < 3; ++i) {
    primary.append(1000);
    primary.shipper.wait_if_news();
  }
  CHECK(primary.shipper.counters().waits == 1);
  primary.complete();
  primary.post();
  primary.append(1000);
  primary.shipper.wait_if_news();
  CHECK(primary.shipper.counters().waits == 2);
}

}  // namespace
}  // namespace lmc::replication

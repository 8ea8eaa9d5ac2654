// What a node shows of itself.
#include "replication/engine/status.h"

#include <catch2/catch.hpp>
#include <map>

#include "pair.h"

namespace lmc::replication {
namespace {

using namespace std::chrono_literals;

std::map<std::string, std::string> shown_by(const Node& node) {
  const StatusLines lines = status_of(node);
  return {lines.begin(), lines.end()};
}

class Pair : public test::Pair {
 public:
  [[nodiscard]] std::string of_backup(const std::string& key) const {
    const auto shown = shown_by(node);
    const auto found = shown.find("backup:b:1:" + key);
    return found == shown.end() ? "not shown" : found->second;
  }
};

TEST_CASE("a primary shows how far a backup is, in versions, bytes and time") {
  Pair pair;
  CHECK(pair.of_backup("state") == "in_sync");
  CHECK(pair.of_backup("link") == "up");
  CHECK(shown_by(pair.node)["in_sync"] == "b:1");

  pair.write(1000, 10);  // the chain is under way
  CHECK(pair.of_backup("sent_version") == "10");
  CHECK(pair.of_backup("received_version") == "0");
  CHECK(pair.of_backup("committed_version") == "0");
  CHECK(pair.of_backup("lag_bytes") == "1000");
  CHECK(pair.of_backup("lag_versions") == "10");

  pair.complete();
  CHECK(pair.of_backup("received_version") == "10");
  CHECK(pair.of_backup("applied_version") == "0");
  CHECK(pair.of_backup("committed_version") == "10");
  CHECK(shown_by(pair.node)["committed_version"] == "10");
  CHECK(pair.of_backup("lag_bytes") == "1000");
  pair.world.reactor.advance(200ms);
  CHECK(std::stoull(pair.of_backup("lag_us")) >= 100'000);

  pair.report_applied(10);
  CHECK(pair.of_backup("applied_version") == "10");
  CHECK(pair.of_backup("lag_bytes") == "0");
  CHECK(pair.of_backup("lag_versions") == "0");
  CHECK(pair.of_backup("lag_us") == "0");
  CHECK(pair.of_backup("lag_entries") == "0");
}

TEST_CASE("a primary shows what it has shipped, and in how many batches") {
  Pair pair;
  const auto number = [&](const char* key) { return std::stoull(pair.of_backup(key)); };
  const auto batches = number("batches");
  const auto requests = number("work_requests");
  CHECK(number("bytes") == 0);
  pair.write(1000, 10);
  pair.write(1000, 20);
  CHECK(number("batches") == batches + 2);
  CHECK(number("waits") == 0);
  pair.write(1000, 30);
  pair.write(1000, 40);
  CHECK(number("waits") == 1);
  pair.complete();
  CHECK(number("batches") == batches + 3);
  CHECK(number("bytes") == 4000);
  CHECK(number("records") == 40);
  CHECK(number("work_requests") >= requests + 6);  // of each log bytes and entries
  CHECK(number("doorbells") == number("batches") + number("reports"));
  CHECK(std::stod(pair.of_backup("bytes_per_batch")) == Approx(4000.0 / double(number("batches"))).margin(0.05));
  CHECK(std::stod(pair.of_backup("records_per_batch")) == Approx(40.0 / double(number("batches"))).margin(0.05));
}

TEST_CASE("a node shows what has become of it, by any role, and how long ago") {
  Pair pair;
  pair.wire->observer->on_down("Connection reset by peer", false);
  pair.world.reactor.advance(1500ms);
  CHECK(pair.of_backup("state") == "not shown");
  CHECK(pair.ask("demote")->ok);
  const auto shown = shown_by(pair.node);
  CHECK(shown.at("role") == "none");
  std::string history;
  for (const auto& [key, text] : shown)
    if (key.rfind("history:", 0) == 0) history += text + "\n";
  INFO(history);
  CHECK(history.find("s ago: b:1 joins: catches up") != std::string::npos);
  CHECK(history.find("1.5 s ago: b:1 is lost: Connection reset by peer") != std::string::npos);
  CHECK(history.find("0.0 s ago: no longer primary") != std::string::npos);

  for (unsigned i = 0; i < 2 * History::kMost; ++i) pair.node.start_primary(), (void)pair.ask("demote");
  CHECK(pair.node.history().events().size() == History::kMost);
}

TEST_CASE("a memory that is not like the primary's is refused with each field that differs, and no other") {
  constexpr Geometry kPrimary{std::uint64_t{1} << 30, 1 << 20, 2, 1 << 20};
  const std::string begin = "its memory is not like the primary's: ";
  const auto explain = [&](const Geometry& backup, std::size_t slots = 64) {
    return explain_difference(kPrimary, backup, 64, slots);
  };
  Geometry backup = kPrimary;
  SECTION("-m") {
    backup.log_bytes = 4096;
    CHECK(explain(backup) == begin + "bytes of memory (-m) 4096 at the backup, 1073741824 at the primary");
  }
  SECTION("-I") {
    backup.max_item_bytes = 1024;
    CHECK(explain(backup) == begin + "largest item (-I) 1024 at the backup, 1048576 at the primary");
  }
  SECTION("the size of segments") {
    backup.segment_bytes = 65536;
    CHECK(explain(backup) == begin + "bytes of a segment 65536 at the backup, 1048576 at the primary");
  }
  SECTION("the store's format") {
    backup.format = 1;
    CHECK(explain(backup) == begin + "store format 1 at the backup, 2 at the primary");
  }
  SECTION("the ring") {
    CHECK(explain(backup, 32) == begin + "ledger places 32 at the backup, 64 at the primary");
  }
  SECTION("several") {
    backup.log_bytes = 4096;
    backup.format = 3;
    CHECK(explain(backup, 32) == begin +
                                     "store format 3 at the backup, 2 at the primary; "
                                     "bytes of memory (-m) 4096 at the backup, 1073741824 at the primary; "
                                     "ledger places 32 at the backup, 64 at the primary");
  }
}

}  // namespace
}  // namespace lmc::replication

// What a backup takes out of its ring.
#include "replication/engine/applier.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "any_log.h"
#include "replication/engine/serving.h"

namespace lmc::replication {
namespace {

// A backup in the middle of epoch 3, and the primary that writes into its ring.
template <class AnyLog>
struct Follows {
  explicit Follows(std::chrono::milliseconds gives_way_for = Applier::kGivesWayFor)
      : ring(64), applier(ring, log, gives_way_for) {
    REQUIRE_FALSE(applier.begin({{3}, {10}}, {}, {{4}, {}, 0}));
  }
  void land(EntryKind kind, std::uint64_t number = 0, std::uint64_t commit = 0) {
    Entry entry;
    entry.kind = kind;
    entry.number = number;
    entry.commit = {commit};
    ring.put(entry, epoch, {++last});
    if (kind == EntryKind::kEpoch) epoch = {number};
  }

  AnyLog log;
  LedgerRing ring;
  Applier applier;
  Epoch epoch{3};
  std::uint64_t last = 10;
};

class Backup {
 public:
  Backup() { serving_.set_service(Service::kReads); }

  void land(EntryKind kind, std::uint64_t number = 0, std::uint64_t commit = 0) {
    follows_.land(kind, number, commit);
    follows_.applier.apply();
  }
  // The news of a set, which may come earlier or later than the entries of its epoch.
  void alone_in(Epoch epoch) { serving_.set_alone_in(epoch); }
  [[nodiscard]] std::uint64_t shows() const {
    const Applier& applier = follows_.applier;
    const Version applied = applier.version();
    return serving_.committed(applied, applier.unwidened(), applier.commit()).value;
  }

 private:
  Follows<test::AnyLog> follows_;
  Serving serving_;
};

TEST_CASE("a backup that is alone in the set speaks for itself only until the set may have grown") {
  Backup backup;
  backup.land(EntryKind::kEpoch, 4);
  backup.alone_in({4});
  backup.land(EntryKind::kHead, 5);
  CHECK(backup.shows() == 5);
  backup.land(EntryKind::kWidened);  // counts with the end of its run
  CHECK(backup.shows() == 5);
  backup.land(EntryKind::kHead, 6, 4);
  CHECK(backup.shows() == 4);
  backup.land(EntryKind::kHead, 7, 6);
  CHECK(backup.shows() == 6);

  backup.land(EntryKind::kEpoch, 5);  // of a set that is not known yet
  backup.land(EntryKind::kHead, 8, 6);
  CHECK(backup.shows() == 6);
  backup.alone_in({5});  // who was to enter did not
  CHECK(backup.shows() == 8);
}

TEST_CASE("a run without its end counts for nothing") {
  Backup backup;
  backup.land(EntryKind::kEpoch, 4);
  backup.alone_in({4});
  backup.land(EntryKind::kHead, 5);
  backup.land(EntryKind::kSealed);
  CHECK(backup.shows() == 5);
}

// A log for which each head takes four parts of work.
class SlowLog final : public test::AnyLog {
 public:
  [[nodiscard]] bool is_prepared(const Head&) const override { return parts_ == kParts; }
  [[nodiscard]] Refusal prepare() override {
    ++parts_;
    ++prepared;
    if (between) between();
    return refusal;
  }
  [[nodiscard]] Refusal set_head(const Head& head) override {
    parts_ = 0;
    heads.push_back(head.version.value);
    return {};
  }
  [[nodiscard]] Refusal apply(const Entry&) override {
    ++applied;
    return {};
  }

  static constexpr unsigned kParts = 4;
  std::vector<std::uint64_t> heads;
  unsigned prepared = 0;
  unsigned applied = 0;
  std::function<void()> between;
  Refusal refusal;

 private:
  unsigned parts_ = 0;
};

struct SlowBackup : Follows<SlowLog> {
  explicit SlowBackup(std::chrono::milliseconds gives_way_for = std::chrono::hours(1)) : Follows(gives_way_for) {
    for (const std::uint64_t version : std::initializer_list<std::uint64_t>{20, 30}) {
      land(EntryKind::kSealed);
      land(EntryKind::kHead, version);
    }
  }
};

TEST_CASE("in the background a run is applied in parts, and counts when it is done") {
  SlowBackup backup;
  std::vector<std::uint64_t> versions;
  backup.log.between = [&] { versions.push_back(backup.applier.version().value); };
  backup.applier.apply_in_background();
  CHECK(versions == std::vector<std::uint64_t>{4, 4, 4, 4, 20, 20, 20, 20});
  CHECK(backup.log.heads == std::vector<std::uint64_t>{20, 30});
  CHECK(backup.log.applied == 2);
  CHECK(backup.applier.version().value == 30);
  CHECK(backup.applier.position() == Position{{3}, {14}});
}

TEST_CASE("when it has given way for long enough the rest is applied at one go") {
  SlowBackup backup(std::chrono::milliseconds(0));
  backup.applier.apply_in_background();
  CHECK(backup.log.prepared == 0);
  CHECK(backup.log.heads == std::vector<std::uint64_t>{20, 30});
}

TEST_CASE("who waits for a run that is under way finishes it") {
  SlowBackup backup;
  std::atomic<bool> begun = false;
  backup.log.between = [&] { begun = true; };
  std::thread reader([&] {
    while (!begun) std::this_thread::yield();
    backup.applier.apply();
  });
  backup.applier.apply_in_background();
  reader.join();
  CHECK(backup.log.heads == std::vector<std::uint64_t>{20, 30});
  CHECK(backup.log.applied == 2);
  CHECK(backup.log.prepared <= 2 * SlowLog::kParts);
  CHECK(backup.applier.position() == Position{{3}, {14}});
}

TEST_CASE("a part that is refused ends the copy") {
  SlowBackup backup;
  backup.log.refusal = "no";
  backup.applier.apply_in_background();
  CHECK(backup.log.prepared == 1);
  CHECK(backup.applier.refusal() == "no");
  CHECK_FALSE(backup.applier.sound());
  CHECK(backup.applier.version().value == 4);
}

}  // namespace
}  // namespace lmc::replication

// What a backup takes out of its ring.
#include "replication/engine/applier.h"

#include <catch2/catch.hpp>

#include "any_log.h"
#include "replication/engine/serving.h"

namespace lmc::replication {
namespace {

// A backup in the middle of epoch 3, and the primary that writes into its ring.
class Backup {
 public:
  Backup() : ring_(64), applier_(ring_, log_) {
    REQUIRE_FALSE(applier_.begin({{3}, {10}}, {}, {{4}, {}, 0}));
    serving_.set_service(Service::kReads);
  }

  void land(EntryKind kind, std::uint64_t number = 0, std::uint64_t commit = 0) {
    Entry entry;
    entry.kind = kind;
    entry.number = number;
    entry.commit = {commit};
    ring_.put(entry, epoch_, {++last_});
    if (kind == EntryKind::kEpoch) epoch_ = {number};
    applier_.apply();
  }
  // The news of a set, which may come earlier or later than the entries of its epoch.
  void alone_in(Epoch epoch) { serving_.set_alone_in(epoch); }
  [[nodiscard]] std::uint64_t shows() const {
    const Version applied = applier_.version();
    return serving_.committed(applied, applier_.unwidened(), applier_.commit()).value;
  }

 private:
  test::AnyLog log_;
  LedgerRing ring_;
  Applier applier_;
  Serving serving_;
  Epoch epoch_{3};
  std::uint64_t last_ = 10;
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

}  // namespace
}  // namespace lmc::replication

// What a primary's ledger knows of what it has told.
#include "replication/engine/ledger_end.h"

#include <catch2/catch.hpp>

namespace lmc::replication {
namespace {

constexpr std::size_t kSlots = 64;

class Telling {
 public:
  // A run: so many log bytes, and the head.
  void tell(std::uint32_t bytes, std::uint64_t version) {
    Entry appended;
    appended.kind = EntryKind::kAppended;
    appended.to = bytes;
    ledger.append(appended);
    Entry head;
    head.kind = EntryKind::kHead;
    head.number = version;
    ledger.append(head);
  }
  [[nodiscard]] std::uint64_t version(std::uint64_t at) const { return ledger.told_up_to({at}).version.value; }
  [[nodiscard]] std::uint64_t bytes(std::uint64_t at) const { return ledger.told_up_to({at}).log_bytes; }

 private:
  LedgerRing ring_{kSlots};

 public:
  Ledger ledger{ring_, {{3}, {100}}, {7}};
};

TEST_CASE("a ledger knows up to which version and byte each of its entries tells") {
  Telling one;
  CHECK(one.version(100) == 7);
  one.tell(1000, 9);
  one.tell(500, 12);
  CHECK(one.version(50) == 7);  // from before
  CHECK(one.version(101) == 7);
  CHECK(one.bytes(101) == 1000);
  CHECK(one.version(102) == 9);
  CHECK(one.version(103) == 9);
  CHECK(one.bytes(103) == 1500);
  CHECK(one.version(104) == 12);
  CHECK(one.version(1000) == 12);  // all there is
  CHECK(one.bytes(1000) == 1500);
}

TEST_CASE("of entries that the ring has lost a ledger knows what it told when it began") {
  Telling one;
  for (unsigned i = 0; i < kSlots; ++i) one.tell(10, 8 + i);
  const std::uint64_t last = 100 + 2 * kSlots;
  CHECK(one.version(last) == 7 + kSlots);
  CHECK(one.bytes(last - kSlots + 1) == 10 * (kSlots / 2 + 1));
  CHECK(one.version(last - kSlots) == 7);
  CHECK(one.bytes(last - kSlots) == 0);
}

}  // namespace
}  // namespace lmc::replication

#include "replication/ledger.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "documented.h"
#include "hex.h"

namespace lmc::replication {
namespace {

constexpr Epoch kEpoch{3};
constexpr Sequence kSequence{0x0102};

Entry appended() {
  Entry entry;
  entry.kind = EntryKind::kAppended;
  entry.segment = 17;
  entry.from = 64;
  entry.to = 4096;
  return entry;
}

std::string hex_of(const EntryBytes& bytes) {
  return replication::hex_of({reinterpret_cast<const char*>(bytes.data()), kEntryBytes});
}

TEST_CASE("an entry's bytes are those of FORMAT.md") {
  Entry entry;
  entry.kind = EntryKind::kHead;
  entry.seconds = 1800000060;
  entry.number = 0x0a0b0c;
  entry.flush_version = {0x0a0000};
  entry.commit = {0x0a0b00};
  CHECK(hex_of(encode(entry, kEpoch, kSequence)) ==
        "29873d5c06000000030000000000000002010000000000000000000000000000"
        "000000003cd2496b0c0b0a000000000000000a0000000000000b0a0000000000");
  CHECK(documented("FORMAT.md", "checksum; head") == hex_of(encode(entry, kEpoch, kSequence)));
  CHECK(hex_of(encode(appended(), kEpoch, {0x0101})) ==
        "4bd19e2102000000030000000000000001010000000000001100000040000000"
        "0010000000000000000000000000000000000000000000000000000000000000");
  CHECK(documented("FORMAT.md", "checksum; appended") == hex_of(encode(appended(), kEpoch, {0x0101})));
}

TEST_CASE("every entry comes back as it went") {
  for (unsigned kind = 1; kind <= static_cast<unsigned>(EntryKind::kWidened); ++kind) {
    const Entry entry{static_cast<EntryKind>(kind), 1, 2, 3, 4, 5, 6, {7}, {8}};
    Entry read;
    REQUIRE(read_entry(encode(entry, kEpoch, kSequence), kEpoch, kSequence, read) == EntryState::kEntry);
    CHECK(read == entry);
  }
}

TEST_CASE("an entry of another epoch or place is none yet") {
  const EntryBytes bytes = encode(appended(), kEpoch, kSequence);
  Entry read;
  CHECK(read_entry(bytes, {kEpoch.value + 1}, kSequence, read) == EntryState::kNotYet);
  CHECK(read_entry(bytes, {kEpoch.value - 1}, kSequence, read) == EntryState::kNotYet);
  CHECK(read_entry(bytes, kEpoch, {kSequence.value + 1}, read) == EntryState::kNotYet);
  CHECK(read_entry(EntryBytes{}, kEpoch, kSequence, read) == EntryState::kNotYet);
}

TEST_CASE("an entry is none until the last of its bytes is there, in whatever order they come") {
  const EntryBytes whole = encode(appended(), kEpoch, kSequence);
  const EntryBytes before = encode(appended(), kEpoch, {kSequence.value - 64});  // what the ring held here before
  Entry read;
  const auto torn = [&](std::size_t from, std::size_t to) {
    EntryBytes bytes = before;
    std::memcpy(reinterpret_cast<char*>(bytes.data()) + from, reinterpret_cast<const char*>(whole.data()) + from,
                to - from);
    return bytes;
  };
  for (std::size_t cut = 1; cut < kEntryBytes; ++cut) {
    if (torn(0, cut) != whole) CHECK(read_entry(torn(0, cut), kEpoch, kSequence, read) == EntryState::kNotYet);
    if (torn(cut, kEntryBytes) != whole)
      CHECK(read_entry(torn(cut, kEntryBytes), kEpoch, kSequence, read) == EntryState::kNotYet);
  }
}

TEST_CASE("a single wrong bit makes an entry none") {
  for (std::size_t bit = 0; bit < kEntryBytes * 8; ++bit) {
    EntryBytes bytes = encode(appended(), kEpoch, kSequence);
    bytes[bit / 64] ^= std::uint64_t{1} << bit % 64;
    Entry read;
    CHECK(read_entry(bytes, kEpoch, kSequence, read) == EntryState::kNotYet);
  }
}

TEST_CASE("an entry of a kind that there is not is invalid, not awaited") {
  Entry entry = appended();
  entry.kind = static_cast<EntryKind>(static_cast<unsigned>(EntryKind::kWidened) + 1);
  Entry read;
  CHECK(read_entry(encode(entry, kEpoch, kSequence), kEpoch, kSequence, read) == EntryState::kInvalid);
}

}  // namespace
}  // namespace lmc::replication

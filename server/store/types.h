// The store's strong types. Each is one number with one meaning; none converts into another by accident.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace lmc::store {

// The one number line: every mutation draws the next one. It is the item's CAS unique (unless the item was given
// another), the order of the log, the commit point and the measure of lag. 0 is before everything.
struct Version {
  std::uint64_t value = 0;
  auto operator<=>(const Version&) const = default;
};
inline constexpr std::uint64_t kMaxVersion = (std::uint64_t{1} << 56) - 1;  // bits a record has for it

// Seconds since 1970 on the server's own steady clock. 0 as an expiry means never.
struct UnixSeconds {
  std::uint32_t value = 0;
  auto operator<=>(const UnixSeconds&) const = default;
};
inline constexpr UnixSeconds kNeverExpires{0};
inline constexpr UnixSeconds kAlreadyExpired{1};

struct SegmentId {
  std::uint32_t value = 0;
  auto operator<=>(const SegmentId&) const = default;
};

// Where a record lies: bytes from the start of the arena, the same at every node. 0 is nowhere (a segment starts with a
// header).
struct LogAddress {
  std::uint64_t offset = 0;
  auto operator<=>(const LogAddress&) const = default;
};

// Which of the two open segments a record was appended to, and so which queue its segment waits in for reclaiming.
enum class Stream : std::uint8_t { kFresh = 0, kSurvivor = 1 };
inline constexpr unsigned kStreams = 2;

// Who appends, and so how many of the last free segments it may use (log.h).
enum class Purpose : std::uint8_t {
  kItem,  // leaves all reserves alone
  kNote,  // leaves the reclaimer's reserve alone
  kMove,  // the reclaimer
};

// A key with its two hashes: computed once, used by prefetch, look-up and mutation alike.
struct HashedKey {
  std::string_view bytes;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

}  // namespace lmc::store

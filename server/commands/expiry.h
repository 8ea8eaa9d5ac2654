// What an exptime on the wire means, and what is left of an item's time.
//
// On the wire (protocol::Request::exptime): 0 never; up to 30 days relative to now; beyond, absolute; negative, expired
// at once; an absolute time that is not in the future, expired at once. Threads: pure functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "server/store/types.h"

namespace lmc::commands {

inline constexpr std::int64_t kMaxRelativeSeconds = std::int64_t{60} * 60 * 24 * 30;

[[nodiscard]] constexpr store::UnixSeconds absolute_expiry(std::int64_t exptime, store::UnixSeconds now) {
  if (exptime == 0) return store::kNeverExpires;
  if (exptime < 0) return store::kAlreadyExpired;
  const std::int64_t at = exptime <= kMaxRelativeSeconds ? exptime + now.value : exptime;
  if (at <= now.value) return store::kAlreadyExpired;
  return {static_cast<std::uint32_t>(std::min<std::int64_t>(at, std::numeric_limits<std::uint32_t>::max()))};
}

// -1: never expires.
[[nodiscard]] constexpr std::int64_t seconds_left(store::UnixSeconds expiry, store::UnixSeconds now) {
  if (expiry == store::kNeverExpires) return -1;
  return std::int64_t{expiry.value} - now.value;
}

// Never negative, be the clock shifted.
[[nodiscard]] constexpr std::int64_t seconds_since(store::UnixSeconds then, store::UnixSeconds now) {
  return now > then ? std::int64_t{now.value} - then.value : 0;
}

}  // namespace lmc::commands

// HMAC-SHA256 (RFC 2104, FIPS 180-4) by libcrypto. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace lmc::replication {

using Digest256 = std::array<std::uint8_t, 32>;

// Of all parts, one behind the other.
[[nodiscard]] Digest256 hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts);
// In a time that tells nothing of where they differ.
[[nodiscard]] bool equal_secretly(std::string_view a, std::string_view b);

[[nodiscard]] inline std::string_view view_of(const Digest256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace lmc::replication

// Base64 (RFC 4648, padded), for the binary keys of the meta protocol.
//
// Threads: pure functions. Nothing is allocated; sizes are the caller's business and named here.
#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/request.h"

namespace lmc::protocol {

[[nodiscard]] constexpr std::size_t base64_encoded_bytes(std::size_t plain_bytes) {
  return (plain_bytes + 2) / 3 * 4;
}

// Enough for whatever decodes from `encoded_bytes` characters.
[[nodiscard]] constexpr std::size_t base64_decoded_bytes(std::size_t encoded_bytes) {
  return encoded_bytes / 4 * 3;
}

inline constexpr std::size_t kMaxEncodedKeyBytes = base64_encoded_bytes(kMaxKeyBytes);
inline constexpr std::size_t kMaxDecodedKeyBytes = base64_decoded_bytes(kMaxKeyBytes);  // a key on the wire is <= 250

// Writes base64_encoded_bytes(plain.size()) characters; returns the end.
char* base64_encode(char* out, std::string_view plain);

// Writes at most base64_decoded_bytes(encoded.size()) bytes; returns how many, 0 when `encoded` is not base64. Accepts
// what memcached's decoder accepts, so that a key written through one server is found through the other: bytes outside
// the alphabet are skipped, the rest must be whole groups of four, the first padded group ends the input, and the bits
// behind the last byte are not looked at.
[[nodiscard]] std::size_t base64_decode(char* out, std::string_view encoded);

}  // namespace lmc::protocol

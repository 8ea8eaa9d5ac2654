// 64 bytes under a checksum: what one node writes one-sidedly into another's memory, where somebody may look at any
// moment. Who looks copies them once and judges the copy: only whole ones carry the right checksum (CRC32C of bytes 4
// to 63, in bytes 0 to 3).
//
// Threads: any. The copy is made word by word with acquire order; a writer in this process publishes with the last
// word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lmc::replication {

inline constexpr std::size_t kCheckedBytes = 64;
inline constexpr std::size_t kCheckedWords = kCheckedBytes / sizeof(std::uint64_t);

using CheckedBytes = std::array<std::uint64_t, kCheckedWords>;
using CheckedPlace = std::span<const std::uint64_t, kCheckedWords>;

// Sets the checksum.
void seal(CheckedBytes& bytes);
[[nodiscard]] bool is_sealed(const CheckedBytes& bytes);

[[nodiscard]] CheckedBytes copy_of(CheckedPlace place);
void publish(std::span<std::uint64_t, kCheckedWords> place, const CheckedBytes& bytes);

}  // namespace lmc::replication

// What the two ends of a link say to each other before its first chain; little endian, version 1.
//
// Who connects puts a Hello into the connection request's private data. An end that does not take it puts a Refusal
// into its rejection. Once connected, each end sends Keys: what of its memory the other may write. Writes follow.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "replication/fabric/fabric.h"

namespace lmc::replication::verbs {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::uint16_t kVersion = 1;

struct Hello {
  static constexpr std::uint32_t kMagic = 0x3148564c;  // "LVH1"
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  std::uint8_t traffic = 0;
  std::uint8_t zero = 0;
  Ticket ticket{};
};
static_assert(sizeof(Hello) == 24);

struct Refusal {
  static constexpr std::uint32_t kMagic = 0x3152564c;  // "LVR1"
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;  // of who refuses
  std::uint16_t zero = 0;
};
static_assert(sizeof(Refusal) == 8);

struct Key {
  std::uint64_t address = 0;  // of the region's begin, as its owner's device knows it
  std::uint64_t bytes = 0;    // 0: nothing is exposed
  std::uint32_t key = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(Key) == 24);

struct Keys {
  static constexpr std::uint32_t kMagic = 0x314b564c;  // "LVK1"
  std::uint32_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::array<Key, kRegions> regions{};
};
static_assert(sizeof(Keys) == 8 + 24 * kRegions);

}  // namespace lmc::replication::verbs

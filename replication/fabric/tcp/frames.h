// What a data link says on its socket, all little endian; README.md has every byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "replication/fabric/fabric.h"

namespace lmc::replication::tcp {

inline constexpr char kMagic[] = {'L', 'M', 'C', 'D', 'A', 'T', 'A', '1'};
inline constexpr std::uint16_t kVersion = 1;

// Each end's first, behind the magic of the one that connects. Of every version's the first field is the version.
struct Hello {
  std::uint16_t version;
  std::uint8_t traffic;
  std::uint8_t zero;
  Ticket ticket;
};
static_assert(sizeof(Hello) == 20);

[[nodiscard]] inline std::string name_versions(std::uint16_t there) {
  return "version " + std::to_string(there) + " of data links there, " + std::to_string(kVersion) + " here";
}

// Begins every frame. Behind it `writes` descriptors, then the bytes of all of them in order. Without any it only says
// what has landed.
struct FrameHeader {
  std::uint32_t magic;
  std::uint16_t writes;
  std::uint16_t zero;
  std::uint64_t landed;  // chains of the reader's that have landed at the writer's, since the link is up
};
inline constexpr std::uint32_t kFrameMagic = 0x3152464c;  // "LFR1"
static_assert(sizeof(FrameHeader) == 16);

struct Descriptor {
  std::uint64_t offset;
  std::uint32_t size;
  std::uint8_t region;
  std::uint8_t zero[3];
};
static_assert(sizeof(Descriptor) == 16);

inline constexpr std::size_t kMaxHeadBytes = sizeof(FrameHeader) + kMaxChainWrites * sizeof(Descriptor);

}  // namespace lmc::replication::tcp

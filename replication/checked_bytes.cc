#include "replication/checked_bytes.h"

#include <isa-l/crc.h>

#include <atomic>
#include <bit>
#include <cstring>

namespace lmc::replication {

namespace {

static_assert(std::endian::native == std::endian::little, "what nodes write is little endian, as it lies in memory");

std::uint32_t checksum_of(const CheckedBytes& bytes) {
  unsigned char raw[kCheckedBytes];
  std::memcpy(raw, bytes.data(), sizeof raw);
  constexpr std::size_t kOwn = sizeof(std::uint32_t);
  return crc32_iscsi(raw + kOwn, static_cast<int>(kCheckedBytes - kOwn), ~0U) ^ ~0U;
}

}  // namespace

void seal(CheckedBytes& bytes) {
  const std::uint32_t checksum = checksum_of(bytes);
  std::memcpy(bytes.data(), &checksum, sizeof checksum);
}

bool is_sealed(const CheckedBytes& bytes) {
  return static_cast<std::uint32_t>(bytes[0]) == checksum_of(bytes);
}

CheckedBytes copy_of(CheckedPlace place) {
  CheckedBytes copy;
  for (std::size_t i = copy.size(); i-- > 0;)
    copy[i] = std::atomic_ref(const_cast<std::uint64_t&>(place[i])).load(std::memory_order_acquire);
  return copy;
}

void publish(std::span<std::uint64_t, kCheckedWords> place, const CheckedBytes& bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) std::atomic_ref(place[i]).store(bytes[i], std::memory_order_release);
}

}  // namespace lmc::replication

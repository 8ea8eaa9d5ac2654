#include "server/store/record.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <bit>

namespace lmc::store {

static_assert(std::endian::native == std::endian::little, "the log is little endian; so are all machines it runs on");

namespace {
constexpr std::uint32_t kFetchedBit = std::uint32_t{1} << 29;
constexpr std::uint32_t kStaleBit = std::uint32_t{1} << 30;
constexpr std::uint32_t kWinSentBit = std::uint32_t{1} << 31;
constexpr std::size_t kChecksummedHeaderBegin = 4;  // behind the checksum itself
constexpr std::size_t kChecksummedHeaderEnd = 16;   // before the mutable words

std::uint32_t crc32c(std::uint32_t crc, const void* bytes, std::size_t size) {
  // ISA-L takes a non-const pointer but only reads.
  return crc32_iscsi(static_cast<unsigned char*>(const_cast<void*>(bytes)), static_cast<int>(size), crc);
}
}  // namespace

std::uint32_t Access::packed() const {
  const std::uint32_t since =
      time.value <= kAccessBaseSeconds ? 0 : std::min(time.value - kAccessBaseSeconds, kMaxAccessSeconds);
  return since | (fetched ? kFetchedBit : 0) | (stale ? kStaleBit : 0) | (win_sent ? kWinSentBit : 0);
}

Access Access::unpacked(std::uint32_t word) {
  return {{kAccessBaseSeconds + (word & kMaxAccessSeconds)},
          (word & kFetchedBit) != 0,
          (word & kStaleBit) != 0,
          (word & kWinSentBit) != 0};
}

std::uint32_t RecordHeader::computed_checksum() const {
  const RecordShape form = shape();
  const char* begin = reinterpret_cast<const char*>(this);
  const std::uint32_t head =
      crc32c(~std::uint32_t{0}, begin + kChecksummedHeaderBegin, kChecksummedHeaderEnd - kChecksummedHeaderBegin);
  return ~crc32c(head, body(), form.optional_bytes() + form.key_bytes + form.payload_bytes);
}

}  // namespace lmc::store

#include "replication/engine/report.h"

#include <isa-l/crc.h>

#include <atomic>
#include <bit>
#include <cstring>

namespace lmc::replication {

namespace {

constexpr std::uint32_t kReportMagic = 0x3152504c;  // "LPR1"

struct Layout {
  std::uint32_t checksum;  // CRC32C of all that follows
  std::uint32_t magic;
  std::uint64_t epoch;
  std::uint64_t beat;
  std::uint64_t echo;
  std::uint64_t applied;
  std::uint64_t readers_past;
  std::uint64_t version;
  std::uint64_t zero;
};
static_assert(sizeof(Layout) == kReportBytes);

std::uint32_t checksum_of(const Layout& layout) {
  unsigned char bytes[kReportBytes];
  std::memcpy(bytes, &layout, sizeof bytes);
  return crc32_iscsi(bytes + 4, static_cast<int>(kReportBytes - 4), ~0U) ^ ~0U;
}

}  // namespace

ReportBytes encode(const Report& report) {
  Layout layout{0,
                kReportMagic,
                report.epoch.value,
                report.beat,
                report.echo,
                report.applied.value,
                report.readers_past.value,
                report.version.value,
                0};
  layout.checksum = checksum_of(layout);
  return std::bit_cast<ReportBytes>(layout);
}

std::optional<Report> read_report(std::span<const std::uint64_t, kReportBytes / 8> place) {
  ReportBytes copy;
  for (std::size_t i = copy.size(); i-- > 0;)
    copy[i] = std::atomic_ref(const_cast<std::uint64_t&>(place[i])).load(std::memory_order_acquire);
  const auto layout = std::bit_cast<Layout>(copy);
  if (layout.magic != kReportMagic || layout.zero != 0 || layout.checksum != checksum_of(layout)) return std::nullopt;
  return Report{{layout.epoch}, layout.beat, layout.echo, {layout.applied}, {layout.readers_past}, {layout.version}};
}

}  // namespace lmc::replication

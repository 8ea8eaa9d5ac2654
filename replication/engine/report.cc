#include "replication/engine/report.h"

#include <bit>

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

}  // namespace

ReportBytes encode(const Report& report) {
  const Layout layout{0,
                      kReportMagic,
                      report.epoch.value,
                      report.beat,
                      report.echo,
                      report.applied.value,
                      report.readers_past.value,
                      report.version.value,
                      0};
  auto bytes = std::bit_cast<ReportBytes>(layout);
  seal(bytes);
  return bytes;
}

std::optional<Report> read_report(CheckedPlace place) {
  const CheckedBytes bytes = copy_of(place);
  const auto layout = std::bit_cast<Layout>(bytes);
  if (layout.magic != kReportMagic || layout.zero != 0 || !is_sealed(bytes)) return std::nullopt;
  return Report{{layout.epoch}, layout.beat, layout.echo, {layout.applied}, {layout.readers_past}, {layout.version}};
}

}  // namespace lmc::replication

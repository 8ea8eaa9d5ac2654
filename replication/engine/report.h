// The report: how far a node is, 64 bytes that it writes one-sidedly into memory of the other end of a link, over the
// one before. FORMAT.md has every byte. It says values, not events: a lost or overwritten one is of no consequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "replication/checked_bytes.h"
#include "replication/types.h"

namespace lmc::replication {

inline constexpr std::size_t kReportBytes = kCheckedBytes;

struct Report {
  Epoch epoch;             // the highest that it has seen
  std::uint64_t beat = 0;  // see lease.h
  std::uint64_t echo = 0;  // the latest beat of the other end that it has seen
  Sequence applied;        // a backup: of the last entry applied
  Sequence readers_past;   // a backup: no reader is left in what was retired up to this entry
  Version version;         // a backup: up to which it holds the log; a primary: the commit point
  bool operator==(const Report&) const = default;
};

using ReportBytes = CheckedBytes;

[[nodiscard]] ReportBytes encode(const Report& report);
// What lies there; nothing, if it is no whole report (yet).
[[nodiscard]] std::optional<Report> read_report(CheckedPlace place);

}  // namespace lmc::replication

#include "replication/engine/reports.h"

namespace lmc::replication {

std::optional<Report> Reports::receive(TimePoint now) {
  const std::optional<Report> report = read_report(in_);
  if (!report || *report == received_) return std::nullopt;
  received_ = *report;
  lease_.echo(report->echo);
  lease_.hear(report->beat, now);
  return report;
}

std::string_view Reports::next(Report report, TimePoint now) {
  report.beat = lease_.beat(now, times_.beat);
  report.echo = echoes_ ? lease_.heard() : out_.echo;
  out_ = report;
  bytes_ = encode(report);
  return {reinterpret_cast<const char*>(bytes_.data()), kReportBytes};
}

}  // namespace lmc::replication

// The reports of one link, both ways (report.h), and the lease that rides on them (lease.h): memory for the other end
// to write into, memory to post from, and when there is something to post.
//
// Threads: the replication thread's.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "replication/engine/lease.h"
#include "replication/engine/report.h"

namespace lmc::replication {

class Reports {
 public:
  explicit Reports(const LeaseTimes& times) : times_(times), lease_(times.term) {}

  // Where the other end writes: to be exposed as Region::kProgress.
  [[nodiscard]] std::span<char> exposed() { return {reinterpret_cast<char*>(in_.data()), kReportBytes}; }
  // What the other end has said, if it is news.
  [[nodiscard]] std::optional<Report> receive(TimePoint now);

  // False: what the other end is heard saying is not echoed, so that it holds no lease that it does not hold yet.
  void set_echoing(bool echoes) { echoes_ = echoes; }
  // Whether the lease wants something said.
  [[nodiscard]] bool due(TimePoint now) {
    return lease_.beat(now, times_.beat) != out_.beat || (echoes_ && lease_.heard() != out_.echo);
  }
  // The report with beat and echo set, as bytes to be posted; they stay until the next call.
  [[nodiscard]] std::string_view next(Report report, TimePoint now);
  [[nodiscard]] const Report& sent() const { return out_; }
  [[nodiscard]] const Report& received() const { return received_; }
  [[nodiscard]] const Lease& lease() const { return lease_; }

 private:
  LeaseTimes times_;
  Lease lease_;
  bool echoes_ = true;
  alignas(64) ReportBytes in_{};
  alignas(64) ReportBytes bytes_{};
  Report received_;
  Report out_;
};

}  // namespace lmc::replication

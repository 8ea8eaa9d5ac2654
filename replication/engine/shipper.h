// The shipper: brings one backup what it lacks of the ledger, as chains of writes: the log bytes that entries announce,
// then the entries. What is posted and what has landed are numbers that are compared, so the first batch, the next one
// and what is missing after a reconnect are one path. A batch is what has come up while the previous ones were on their
// way, up to the limits of a chain (fabric.h).
//
// The ring and the log must keep what is not yet landed: see Leader. Threads: the replication thread's.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "replication/deliberate_bugs.h"
#include "replication/engine/lease.h"
#include "replication/engine/ledger_end.h"
#include "replication/fabric/fabric.h"

namespace lmc::replication {

struct ShipCounters {
  std::uint64_t batches = 0;  // chains with entries or log bytes
  std::uint64_t reports = 0;  // chains with nothing but a report
  std::uint64_t writes = 0;   // work requests
  std::uint64_t bytes = 0;    // of the log
  std::uint64_t entries = 0;
  std::uint64_t versions = 0;
  std::uint64_t waits = 0;  // how often news had to wait for a chain that was under way
};

class Shipper {
 public:
  // Chains on their way at a time: the next one may be under way while the acknowledgement of the last travels. Not
  // behind one with this much of the log: what comes up meanwhile costs less as one batch than as two, and waits for no
  // longer than it takes to bring.
  static constexpr std::size_t kMostInFlight = 2;
  static constexpr std::uint64_t kMuchOfLog = 32 << 10;
  static constexpr std::size_t kMostEntries = 4096;  // of a chain

  Shipper(const Ledger& ledger, std::span<const char> log, std::uint32_t segment_bytes)
      : ledger_(ledger), log_(log), segment_bytes_(segment_bytes) {}

  // The backup has everything up to `from`. Before it only reports may have been posted.
  void begin(Sequence from);
  // Nothing behind it is posted.
  void hold_at(Sequence limit) { limit_ = limit; }
  [[nodiscard]] bool held() const { return limit_.value != std::numeric_limits<std::uint64_t>::max(); }
  void release() { limit_ = {std::numeric_limits<std::uint64_t>::max()}; }
  // The backup's ring has room again behind this one.
  void on_applied(Sequence applied) { applied_ = std::max(applied_, applied); }

  [[nodiscard]] bool may_post() const {
    return (in_flight_.size() < kMostInFlight && unlanded_bytes() < kMuchOfLog) || deliberately(Bug::kEndlessBatches);
  }
  [[nodiscard]] bool has_news() const { return posted_ < end_of_news(); }
  // What is new waits for a chain that is under way.
  void wait_if_news();
  // Posts one chain of what is new, with the report (if any) at its end; `report` may be empty, but then there must be
  // news. Only if may_post().
  void post(Link& link, std::string_view report, TimePoint now);
  // How long the latest of these batches took; nothing: they were reports alone.
  std::optional<Duration> on_completed(std::size_t chains, TimePoint now);

  [[nodiscard]] Sequence posted() const { return posted_; }
  // In the peer's memory. Note "ack point".
  [[nodiscard]] Sequence landed() const { return landed_; }
  [[nodiscard]] Sequence applied() const { return applied_; }
  // Log bytes that are on their way.
  [[nodiscard]] std::uint64_t unlanded_bytes() const;
  // A chain with a report is on its way: its bytes must not change.
  [[nodiscard]] bool report_in_flight() const { return reports_in_flight_ != 0; }
  [[nodiscard]] const ShipCounters& counters() const { return counters_; }

 private:
  struct InFlight {
    Sequence last;
    bool report;
    std::uint64_t bytes;
    std::optional<TimePoint> batch_posted;
  };
  [[nodiscard]] Sequence end_of_news() const;
  // Log bytes and the entries behind posted_; returns the last entry of the chain.
  [[nodiscard]] Sequence gather();
  // False: not all of its bytes fit.
  [[nodiscard]] bool add_log_bytes(const Entry& entry, std::size_t& room);
  void add_entries(Sequence first, Sequence last);

  const Ledger& ledger_;
  std::span<const char> log_;
  std::uint64_t segment_bytes_;
  Sequence posted_;
  Sequence landed_;
  Sequence applied_;
  Sequence limit_{std::numeric_limits<std::uint64_t>::max()};
  std::uint32_t sent_of_next_ = 0;  // log bytes of the entry behind posted_ that were posted already
  bool waiting_ = false;
  std::deque<InFlight> in_flight_;
  std::size_t reports_in_flight_ = 0;
  std::vector<Write> chain_;  // scratch
  ShipCounters counters_;
};

}  // namespace lmc::replication

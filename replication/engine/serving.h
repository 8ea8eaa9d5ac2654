// What a node may answer at this moment, as its workers see it. Written by the replication thread, read by all.
//
// Threads: any; each field by itself. A worker reads service() and may_serve() before it answers anything of a turn,
// and committed() before each answer leaves.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

#include "replication/deliberate_bugs.h"
#include "replication/engine/lease.h"
#include "replication/types.h"

namespace lmc::replication {

enum class Service : std::uint8_t {
  kNothing,  // of its data: it has none that counts (not in sync, fenced, deposed)
  kReads,    // a backup in sync: what changes state is the primary's
  kAll,      // the primary
};

inline constexpr Version kEverything{std::numeric_limits<std::uint64_t>::max()};

class Serving {
 public:
  [[nodiscard]] Service service() const { return service_.load(std::memory_order_seq_cst); }
  // The leases that serving rests on hold. Else answers wait: until they do again, or the service is another.
  [[nodiscard]] bool may_serve(TimePoint now) const {
    return now.time_since_epoch().count() < until_.load(std::memory_order_seq_cst);
  }
  // Up to which all that must have the log have it. A backup cannot speak for more than it has `applied` itself, in an
  // epoch that is not older than `of`; that counts as committed if in this epoch it is the only one in the set. (In the
  // next one it may not be, and news of a set may come later than entries.) `of` 0: nor need it be any more in this
  // one. Note "commit at a backup".
  [[nodiscard]] Version committed(Version applied, Epoch of, Version told_with_entries) const {
    if (service() != Service::kReads) return {committed_.load(std::memory_order_seq_cst)};
    if (deliberately(Bug::kShowsApplied)) return applied;
    if (of.value != 0 && alone_in_.load(std::memory_order_seq_cst) == of.value) return applied;
    return std::min(applied, std::max(told_with_entries, Version{committed_.load(std::memory_order_seq_cst)}));
  }
  [[nodiscard]] Version committed() const { return {committed_.load(std::memory_order_seq_cst)}; }

  // Who has appended must wake the replication thread: somebody follows, and no batch is under way whose end will make
  // it look at the log anyhow. By the fence either who appended sees that it must, or the replication thread, which
  // sets this before it looks, sees what was appended.
  [[nodiscard]] bool wants_bell_after_append() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return wants_bell_.load(std::memory_order_seq_cst);
  }

  // --- the replication thread ---
  void set_wants_bell(bool wants) {
    wants_bell_.store(wants, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void set_service(Service service) { service_.store(service, std::memory_order_seq_cst); }
  void set_until(TimePoint until) { until_.store(until.time_since_epoch().count(), std::memory_order_seq_cst); }
  void set_committed(Version version) { committed_.store(version.value, std::memory_order_seq_cst); }
  // The epoch in which this backup is the only one in the set; or 0.
  void set_alone_in(Epoch epoch) { alone_in_.store(epoch.value, std::memory_order_seq_cst); }

 private:
  std::atomic<Service> service_{Service::kNothing};
  std::atomic<Duration::rep> until_{0};
  std::atomic<std::uint64_t> committed_{0};
  std::atomic<std::uint64_t> alone_in_{0};
  std::atomic<bool> wants_bell_{false};
};

}  // namespace lmc::replication

// CommitWait: the version that one worker waits for, and whether the replicator knows.
//
// The worker looks at its held replies again, all of them, when the wait is over; those still held say so anew. In
// between it only ever waits for less, so a turn costs no more than what was done in it. Threads: the worker's.
#pragma once

#include <algorithm>
#include <optional>

#include "server/net/replicator.h"
#include "server/store/types.h"

namespace lmc::net {

class CommitWait {
 public:
  void want(store::Version version) { wanted_ = wanted_ ? std::min(*wanted_, version) : version; }

  // Tells the replicator, unless it knows. True: what is waited for has come already.
  [[nodiscard]] bool ask(Replicator& replicator, unsigned worker) {
    if (!wanted_ || wanted_ == asked_) return false;
    asked_ = wanted_;
    replicator.wait(worker, *wanted_);
    return replicator.committed() >= *wanted_;  // it may have come before the replicator knew
  }
  void over() {
    wanted_.reset();
    asked_.reset();
  }

 private:
  std::optional<store::Version> wanted_;
  std::optional<store::Version> asked_;
};

}  // namespace lmc::net

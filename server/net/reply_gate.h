// ReplyGate: which of a connection's replies may be sent yet (invariant I4). Note "turn and reply gate"
// (replication/NOTES.md).
//
// The connection tells it, batch by batch, where in its stream of reply bytes the batch's replies begin and what they
// depend on. Replies leave in order, so one that depends on nothing waits behind one that waits; and a quiet request,
// which writes nothing, counts for all that come after it. Positions are bytes since the connection began.
//
// Pure: no clock, no lock. Threads: the worker that owns the connection. Cost where nothing is replicated: one question
// whether it is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "server/store/types.h"

namespace lmc::net {

class ReplyGate {
 public:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  // What is written from `position` on depends on `version`. Positions never go back from one call to the next.
  void depend(std::uint64_t position, store::Version version);
  // All up to this version is committed; nothing: shut until the next call, whatever is, or is not, waited for.
  void admit(std::optional<store::Version> committed);

  // Nothing waits.
  [[nodiscard]] bool open() const { return marks_.empty() && !shut_; }
  // Bytes before this position may be sent.
  [[nodiscard]] std::uint64_t limit() const {
    if (shut_) return 0;
    return open() ? kNoLimit : marks_[first_].position;
  }
  // Not if open(). 0: only that there is such a thing as committed again.
  [[nodiscard]] store::Version awaited() const { return shut_ ? store::Version{} : marks_[first_].version; }

 private:
  struct Mark {
    std::uint64_t position;
    store::Version version;
  };
  std::vector<Mark> marks_;  // positions and versions grow; empty, or the one at first_ is the next to be admitted
  std::size_t first_ = 0;
  store::Version latest_;  // of all that was told
  bool shut_ = false;
};

}  // namespace lmc::net

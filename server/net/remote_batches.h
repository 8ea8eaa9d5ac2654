// RemoteBatches: the requests that one worker of a primary executes for the clients of its backups.
//
// A batch (replicator.h) is executed as if the worker's own client had sent it, but for its replies: they are
// collected, and the replicator is given them when what they depend on is committed. Its bytes come from a peer and may
// be any: a batch that is not what it says, whole requests that change something and as many as announced, is executed
// up to where that shows, and answered kUnknown.
//
// A worker's turn executes about kRemoteRequestsPerTurn of them, so that they do not keep its own clients waiting. Who
// does not take its answers has no more executed until it does (Replicator::takes_answers()); others go on.
// Threads: the worker's.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <vector>

#include "server/net/connection.h"
#include "server/net/replicator.h"

namespace lmc::net {

inline constexpr std::size_t kRemoteRequestsPerTurn = 1024;
// Replies to one batch beyond what one value may need; a longer answer is not given, and its client loses its
// connection: a short line can ask for a value any number of times.
inline constexpr std::size_t kRemoteReplyBytes = std::size_t{16} << 20;
// Replies that wait for what they depend on: with more, nothing is executed.
inline constexpr std::size_t kHeldRemoteReplyBytes = std::size_t{8} << 20;

class RemoteBatches {
 public:
  void add(ForwardBatch batch);
  // Within a turn, before what was appended is told of. A node that is no primary answers kNotExecuted.
  void execute(Bench& bench);
  // Gives the replicator what has become committed.
  void answer(Replicator& replicator);
  // The role changes: what is begun is answered kUnknown, what is not stays to be executed.
  void fail_uncommitted(Replicator& replicator);

  // There is more to execute.
  [[nodiscard]] bool runnable() const { return !batches_.empty() && held_bytes_ < kHeldRemoteReplyBytes; }
  // Answers wait; the version that the first of them to go waits for.
  [[nodiscard]] bool uncommitted() const { return !answers_.empty(); }
  [[nodiscard]] store::Version awaited() const;

 private:
  struct Running {
    ForwardBatch batch;
    ForwardAnswer answer;
    std::size_t position = 0;    // bytes executed
    std::uint32_t executed = 0;  // requests
  };
  enum class Step : std::uint8_t { kMore, kDone, kFailed };
  [[nodiscard]] static Step step(Bench& bench, Running& running);
  [[nodiscard]] static std::size_t parse(Bench& bench, Running& running);
  void finish(Step how);
  void unblock(const Replicator& replicator, bool all);
  [[nodiscard]] bool block_first(const Replicator& replicator);

  std::deque<Running> batches_;                           // in order of arrival; only the first is begun
  std::map<std::uint64_t, std::deque<Running>> blocked_;  // by origin: there was no room for more answers
  std::vector<ForwardAnswer> answers_;                    // executed; each waits for its version
  std::size_t held_bytes_ = 0;                            // of their replies
};

}  // namespace lmc::net

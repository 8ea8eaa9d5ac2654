// The takeover: what must be true before a backup of the in-sync set may call itself primary. Its own primary's right
// to write here is gone already (Standby::fence()). Then, at the same time:
//   - every other node of the old group is told fence(e): afterwards no byte of an epoch below e lands there (I7), and
//     if it is the old primary, it serves no more;
//   - the lease that this node has given the old primary runs out, unless that one was fenced, or is known to have
//   ended;
//   - and then, if another backup does not answer, the lease that the old primary may have given that one.
// Who does not answer within the patience is not in the new set. Notes "deposed primary", "members only".
//
// Threads: the replication thread's. It ends with one call of `done`, never from within begin(), and may be buried
// there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replication/engine/errand.h"
#include "replication/engine/surroundings.h"

namespace lmc::replication {

struct FencedNode {
  std::string address;
  bool has_copy = false;
  Position position;
  GroupView view;  // the group as it knew it until it was fenced
};

class Takeover {
 public:
  // `old`: the group as it was; `self`: not asked.
  // `refused`: not empty, if somebody has seen an epoch that is as new; then there is to be no takeover.
  using Done = std::function<void(std::vector<FencedNode> fenced, const std::string& refused)>;
  Takeover(const Surroundings& around, Epoch epoch, GroupView old, TimePoint old_primary_until, Done done);
  void begin();

 private:
  void on_answer(const std::string& address, const std::optional<Answer>& answer, std::string_view why_none);
  void check();

  Surroundings around_;
  Epoch epoch_;
  GroupView old_;
  TimePoint old_primary_until_;  // it may serve, and let backups serve
  bool backup_unfenced_ = false;
  Done done_;
  std::vector<FencedNode> fenced_;
  std::string refused_;
  std::size_t awaited_ = 0;
  std::vector<std::unique_ptr<Errand>> errands_;
  std::unique_ptr<Timer> lease_over_;
};

// The answer to a fence, and back.
[[nodiscard]] std::string describe_position(bool has_copy, const Position& position);
[[nodiscard]] std::string describe_fenced(const FencedNode& node);
[[nodiscard]] std::optional<FencedNode> parse_fenced(const std::string& text);

}  // namespace lmc::replication

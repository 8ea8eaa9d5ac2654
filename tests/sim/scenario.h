// One run of a group: what clients do, what goes wrong, what must hold then. Each throws Violation if it does not.
//
// `loud`: with the nodes' logs.
#pragma once

#include <cstdint>
#include <functional>

#include "faults.h"

namespace lmc::sim {

using Scenario = std::function<void(std::uint64_t seed, bool loud)>;

// A group forms under load.
void run_forming(std::uint64_t seed, bool loud);
// Nothing goes wrong: every answer comes as soon as the network lets it, and none waits for somebody's timer.
void run_calm(std::uint64_t seed, bool loud);
// Backups join while the log is full and is written at full speed.
void run_joins(std::uint64_t seed, bool loud);
// A backup joins while more is written than the copy's link takes.
void run_slow_copies(std::uint64_t seed, bool loud);

// A backup has ended, and the authority, which would have to agree that it is dropped, is away for long.
void run_waiting(std::uint64_t seed, bool loud);
// A backup is parted from the others together with the authority, and promoted.
void run_parted(std::uint64_t seed, bool loud);

// A group under load, an operator who promotes and restarts, and these faults; when they end, everything completes.
// `decider`: if there is no coordinator the operator is careful.
// `ack`: with less than kAll a takeover may lose what the new primary's log does not go to; unless it is kOne and only
// primaries are hurt, since it promotes who has most.
void run_with_faults(std::uint64_t seed, bool loud, const Faults& faults, replication::Ack ack, Decider decider);
[[nodiscard]] Scenario with(const Faults& faults, replication::Ack ack = replication::Ack::kAll);
[[nodiscard]] Scenario with_no_coordinator(const Faults& faults);

}  // namespace lmc::sim

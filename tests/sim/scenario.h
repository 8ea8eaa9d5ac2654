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
// Backups join while the log is full and is written at full speed.
void run_joins(std::uint64_t seed, bool loud);

// A backup is parted from the others together with the authority, and promoted.
void run_parted(std::uint64_t seed, bool loud);

// A group under load, an operator who promotes and restarts, and these faults; when they end, everything completes.
void run_with_faults(std::uint64_t seed, bool loud, const Faults& faults);
[[nodiscard]] Scenario with(const Faults& faults);

}  // namespace lmc::sim

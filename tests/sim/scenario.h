// One run of a group: what clients do, what goes wrong, what must hold then. Each throws Violation if it does not.
//
// `loud`: with the nodes' logs.
#pragma once

#include <cstdint>

namespace lmc::sim {

// A group forms under load.
void run_forming(std::uint64_t seed, bool loud);
// Backups join while the log is full and is written at full speed.
void run_joins(std::uint64_t seed, bool loud);

struct Faults {
  bool kills = false;      // processes end and are started again
  bool stops = false;      // they stop for a while, and go on
  bool cuts = false;       // two nodes do not hear each other
  bool breaks = false;     // links go down
  bool lasting = false;    // and for so long that leases end meanwhile
  bool impatient = false;  // the operator promotes though a primary works
  bool full = false;       // and the log is full, so that items are evicted and segments used again
};
// A group under load, an operator who promotes and restarts, and these faults; when they end, everything completes.
void run_with_faults(std::uint64_t seed, bool loud, const Faults& faults);

}  // namespace lmc::sim

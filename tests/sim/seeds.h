// Which seeds are run, and how a failing one is run again: LMC_SIM_SEEDS=n runs so many, LMC_SIM_SEED=n that one, with
// the nodes' logs.
#pragma once

#include <cstdint>
#include <string>

namespace lmc::sim {

struct Seeds {
  std::uint64_t first;
  std::uint64_t last;
  bool loud;
};
[[nodiscard]] Seeds seeds_asked_for(std::uint64_t usually);

// For a shell: this seed of the test case that runs. `more`: environment variables that it needs besides.
[[nodiscard]] std::string command_for(std::uint64_t seed, const std::string& more = {});

// Ends the process as a failure (SIGABRT, or what `on_hang` does with SIGALRM) if it is there for longer than any seed
// may take: what hangs is to name its seed. One at a time.
class Watchdog {
 public:
  explicit Watchdog(const Seeds& seeds, void (*on_hang)(int) = abort_on_hang);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  static void abort_on_hang(int);
};

}  // namespace lmc::sim

// The checks bite: each deliberate bug (replication/deliberate_bugs.h) is found by some seed of some scenario.
//
// Each bug runs in a child process, since what a bug leads to may also end it. LMC_SIM_BUG=name runs one, and says what
// found it.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>

#include "replication/deliberate_bugs.h"
#include "scenario.h"

namespace lmc::sim {
namespace {

using replication::Bug;

constexpr int kFound = 3;

// In the child: ends it.
[[noreturn]] void look_for(Bug bug, std::uint64_t seeds, const Scenario& scenario) {
  const rlimit none{};
  (void)::setrlimit(RLIMIT_CORE, &none);
  (void)std::signal(SIGABRT, SIG_DFL);
  (void)std::signal(SIGSEGV, SIG_DFL);
  replication::the_bug = bug;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    try {
      scenario(seed, false);
    } catch (const std::exception& violation) {
      if (std::getenv("LMC_SIM_BUG") != nullptr)
        std::fprintf(stderr, "  seed %llu: %.200s\n", static_cast<unsigned long long>(seed), violation.what());
      ::_exit(kFound);
    }
  }
  ::_exit(0);
}

struct Hunt {
  const char* name;
  Bug bug;
  std::uint64_t seeds;
  Scenario scenario;
};

const Faults kKills{.kills = true};
const Faults kCuts{.cuts = true};
const Faults kHasty{.cuts = true, .lasting = true, .impatient = true};

const Hunt kHunts[] = {
    {"early acknowledgement", Bug::kEarlyAcknowledgement, 300, with(kKills)},
    {"uncounted loss", Bug::kUncountedLoss, 500, with(kAll)},
    {"entries before bytes", Bug::kEntriesBeforeBytes, 300, with(kAll)},
    {"torn entries", Bug::kTornEntries, 300, with(kAll)},
    {"reuse without waiting", Bug::kReuseWithoutWaiting, 600, with(kAllFull)},
    {"copy without fence", Bug::kCopyWithoutFence, 50, run_joins},
    {"living without words", Bug::kLivingWithoutWords, 100, run_joins},
    {"reads without lease", Bug::kReadsWithoutLease, 500, with(kCuts)},
    {"borrowed lease", Bug::kBorrowedLease, 100, run_parted},
    {"serves past lease", Bug::kServesPastLease, 500, with(kHasty)},
    {"half an index", Bug::kHalfIndex, 2000, with(kAllHasty)},
    {"early in sync", Bug::kEarlyInSync, 500, with(kAmbush)},
    {"takeover without patience", Bug::kTakeoverWithoutPatience, 300, with(kAmbush)},
    {"serves old data", Bug::kServesOldData, 500, with(kAll)},
    {"takeover without fence", Bug::kTakeoverWithoutFence, 500, with(kAll)},
    {"uncommitted answers", Bug::kUncommittedAnswers, 500, with(kAll)},
};

TEST_CASE("every deliberate bug is found") {
  const char* only = std::getenv("LMC_SIM_BUG");
  for (const Hunt& hunt : kHunts) {
    if (only != nullptr && *only != 0 && std::string(only) != hunt.name) continue;
    if (only != nullptr) std::fprintf(stderr, "%s\n", hunt.name);
    const pid_t child = ::fork();
    if (child == 0) look_for(hunt.bug, hunt.seeds, hunt.scenario);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    const bool found = WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0);
    INFO(hunt.name << ": not found in " << hunt.seeds << " seeds");
    CHECK(found);
    if (only != nullptr && WIFSIGNALED(status)) std::fprintf(stderr, "  ended by signal %d\n", WTERMSIG(status));
  }
}

}  // namespace
}  // namespace lmc::sim

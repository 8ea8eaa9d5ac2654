// The checks bite: each deliberate bug (replication/deliberate_bugs.h) is found by some seed of some scenario.
//
// Each bug runs in a child process, since what a bug leads to may also end it. LMC_SIM_BUG=name runs one (LMC_SIM_BUG=
// all of them), and says what found it, and the command that runs that seed again.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "replication/deliberate_bugs.h"
#include "scenario.h"
#include "seeds.h"

namespace lmc::sim {
namespace {

using replication::Bug;

constexpr int kFound = 3;

struct Hunt {
  const char* name;
  Bug bug;
  std::uint64_t seeds;
  Scenario scenario;
};

// In the child: ends it. `at`: the seed that is tried.
[[noreturn]] void look_for(const Hunt& hunt, const Seeds& seeds, volatile std::uint64_t& at) {
  const rlimit none{};
  (void)::setrlimit(RLIMIT_CORE, &none);
  (void)std::signal(SIGABRT, SIG_DFL);
  (void)std::signal(SIGSEGV, SIG_DFL);
  replication::the_bug = hunt.bug;
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    at = seed;
    const Watchdog watchdog(seeds);
    try {
      hunt.scenario(seed, seeds.loud);
    } catch (const std::exception& violation) {
      if (std::getenv("LMC_SIM_BUG") != nullptr) std::fprintf(stderr, "  %.300s\n", violation.what());
      ::_exit(kFound);
    }
  }
  ::_exit(0);
}

// Memory that a child shares.
class SharedNumber {
 public:
  SharedNumber() {
    void* const at = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("no memory to share with a child");
    number_ = static_cast<volatile std::uint64_t*>(at);
  }
  ~SharedNumber() { (void)::munmap(const_cast<std::uint64_t*>(number_), sizeof(std::uint64_t)); }
  SharedNumber(const SharedNumber&) = delete;
  SharedNumber& operator=(const SharedNumber&) = delete;
  [[nodiscard]] volatile std::uint64_t& operator*() { return *number_; }

 private:
  volatile std::uint64_t* number_;
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
    {"copy without fence", Bug::kCopyWithoutFence, 200, run_joins},
    {"endless copy", Bug::kEndlessCopy, 5, run_slow_copies},
    {"living without words", Bug::kLivingWithoutWords, 100, run_joins},
    {"reads without lease", Bug::kReadsWithoutLease, 500, with(kCuts)},
    {"borrowed lease", Bug::kBorrowedLease, 100, run_parted},
    {"serves past lease", Bug::kServesPastLease, 500, with(kHasty)},
    {"half an index", Bug::kHalfIndex, 300, with(kIndexing)},
    {"early in sync", Bug::kEarlyInSync, 500, with(kAmbush)},
    {"takeover without patience", Bug::kTakeoverWithoutPatience, 300, with(kAmbush)},
    {"serves old data", Bug::kServesOldData, 500, with(kAll)},
    {"takeover without fence", Bug::kTakeoverWithoutFence, 200, with(kPrimaries, replication::Ack::kOne)},
    {"forgetful epoch", Bug::kForgetfulEpoch, 100, with(kHasty)},
    {"revoke in vain", Bug::kRevokeInVain, 100, with(kHasty)},
    {"lost bell", Bug::kLostBell, 20, run_calm},
    {"forgotten commit", Bug::kForgottenCommit, 20, run_calm},
    {"hoarded heads", Bug::kHoardedHeads, 5, run_waiting},
    {"endless batches", Bug::kEndlessBatches, 5, run_forming},
    {"uncommitted answers", Bug::kUncommittedAnswers, 500, with(kAll)},
    {"answers kept", Bug::kAnswersKept, 300, with(kAllHasty)},
    {"answers forgotten", Bug::kAnswersForgotten, 100, with(kAll)},
};

TEST_CASE("every deliberate bug is found", "[bugs]") {
  const char* only = std::getenv("LMC_SIM_BUG");
  SharedNumber seed;
  for (const Hunt& hunt : kHunts) {
    if (only != nullptr && *only != 0 && std::string(only) != hunt.name) continue;
    if (only != nullptr) std::fprintf(stderr, "%s\n", hunt.name);
    Seeds seeds = seeds_asked_for(hunt.seeds);
    if (!seeds.loud) seeds.last = std::max(seeds.last, hunt.seeds);
    const pid_t child = ::fork();
    if (child == 0) look_for(hunt, seeds, *seed);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    const bool found = WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0);
    INFO(hunt.name << ": not found in " << seeds.last << " seeds");
    CHECK(found);
    if (only == nullptr || !found) continue;
    if (WIFSIGNALED(status)) std::fprintf(stderr, "  ended by signal %d\n", WTERMSIG(status));
    const std::string again = command_for(*seed, "LMC_SIM_BUG='" + std::string(hunt.name) + "'");
    std::fprintf(stderr, "  found by: %s\n", again.c_str());
  }
}

}  // namespace
}  // namespace lmc::sim

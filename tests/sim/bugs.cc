// The checks bite: each deliberate bug (replication/deliberate_bugs.h) is found by some seed of some scenario.
//
// Each bug runs in a child process, since what a bug leads to may also end it. What hangs does not count; and the seed
// that finds a bug must pass without it. LMC_SIM_BUG=name runs one (LMC_SIM_BUG= all of them), and says what found it,
// and the command that runs that seed again. The scenarios run without any bug too, for as many seeds (scenarios.cc).
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
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

#include "replication/deliberate_bugs.h"
#include "scenario.h"
#include "seeds.h"

namespace lmc::sim {
namespace {

using replication::Bug;

struct Hunt {
  const char* name;
  Bug bug;
  std::uint64_t seeds;
  Scenario scenario;
};

// Of some seeds with one bug in them.
enum class Outcome : std::uint8_t {
  kPassed,
  kViolation,
  kEnded,  // the process, by a signal
  kHung,   // which says nothing of what was wrong
};
constexpr int kViolationStatus = 3;

// In the child: ends it. `at`: the seed that is tried.
[[noreturn]] void run(const Scenario& scenario, Bug bug, const Seeds& seeds, volatile std::uint64_t& at) {
  const rlimit none{};
  (void)::setrlimit(RLIMIT_CORE, &none);
  (void)std::signal(SIGABRT, SIG_DFL);
  (void)std::signal(SIGSEGV, SIG_DFL);
  replication::the_bug = bug;
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    at = seed;
    const Watchdog watchdog(seeds, SIG_DFL);
    try {
      scenario(seed, seeds.loud);
    } catch (const std::exception& violation) {
      if (std::getenv("LMC_SIM_BUG") != nullptr) std::fprintf(stderr, "  %.300s\n", violation.what());
      ::_exit(kViolationStatus);
    }
  }
  ::_exit(0);
}

Outcome run_in_child(const Scenario& scenario, Bug bug, const Seeds& seeds, volatile std::uint64_t& at) {
  const pid_t child = ::fork();
  if (child == 0) run(scenario, bug, seeds, at);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) throw std::runtime_error("no child to look for a bug in");
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? Outcome::kHung : Outcome::kEnded;
  return WEXITSTATUS(status) == 0 ? Outcome::kPassed : Outcome::kViolation;
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

const Hunt kHunts[] = {
    {"early acknowledgement", Bug::kEarlyAcknowledgement, 250, with(kKills)},
    {"uncounted loss", Bug::kUncountedLoss, 500, with(kAll)},
    {"adopted only", Bug::kAdoptedOnly, 300, with(kAmbush)},
    {"shows applied", Bug::kShowsApplied, 300, with(kAll)},
    {"entries before bytes", Bug::kEntriesBeforeBytes, 300, with(kAll)},
    {"torn entries", Bug::kTornEntries, 300, with(kAll)},
    {"reuse without waiting", Bug::kReuseWithoutWaiting, 100, with(kAllFull)},
    {"copy without fence", Bug::kCopyWithoutFence, 60, run_joins},
    {"endless copy", Bug::kEndlessCopy, 5, run_slow_copies},
    {"living without words", Bug::kLivingWithoutWords, 60, run_joins},
    {"reads without lease", Bug::kReadsWithoutLease, 250, with(kCuts)},
    {"borrowed lease", Bug::kBorrowedLease, 100, run_parted},
    {"serves past lease", Bug::kServesPastLease, 100, with(kHasty)},
    {"half an index", Bug::kHalfIndex, 100, with(kIndexing)},
    {"early in sync", Bug::kEarlyInSync, 300, with(kAmbush)},
    {"takeover without patience", Bug::kTakeoverWithoutPatience, 300, with(kAmbush)},
    {"serves old data", Bug::kServesOldData, 500, with(kAll)},
    {"takeover without fence", Bug::kTakeoverWithoutFence, 150, with(kPrimaries, replication::Ack::kOne)},
    {"forgetful epoch", Bug::kForgetfulEpoch, 100, with(kHasty)},
    {"revoke in vain", Bug::kRevokeInVain, 100, with(kHasty)},
    {"unasked loss", Bug::kUnaskedLoss, 100, with_no_coordinator(kAllHasty)},
    {"unasked views", Bug::kUnaskedViews, 100, with_no_coordinator(kAllHasty)},
    {"forgotten state", Bug::kForgottenState, 100, with_no_coordinator(kAll)},
    {"lost bell", Bug::kLostBell, 20, run_calm},
    {"forgotten commit", Bug::kForgottenCommit, 20, run_calm},
    {"hoarded heads", Bug::kHoardedHeads, 5, run_waiting},
    {"endless batches", Bug::kEndlessBatches, 5, run_forming},
    {"uncommitted answers", Bug::kUncommittedAnswers, 500, with(kAll)},
    {"answers kept", Bug::kAnswersKept, 300, with(kAllHasty)},
    {"answers forgotten", Bug::kAnswersForgotten, 100, with(kAll)},
};

static_assert(std::size(kHunts) + 1 == static_cast<std::size_t>(Bug::kCount), "who adds a bug says how it is found");

TEST_CASE("every deliberate bug is found", "[bugs]") {
  const char* only = std::getenv("LMC_SIM_BUG");
  SharedNumber seed;
  std::set<Bug> hunted;
  for (const Hunt& hunt : kHunts) {
    REQUIRE(hunted.insert(hunt.bug).second);
    if (only != nullptr && *only != 0 && std::string(only) != hunt.name) continue;
    if (only != nullptr) std::fprintf(stderr, "%s\n", hunt.name);
    Seeds seeds = seeds_asked_for(hunt.seeds);
    if (!seeds.loud) seeds.last = std::max(seeds.last, hunt.seeds);
    const Outcome outcome = run_in_child(hunt.scenario, hunt.bug, seeds, *seed);
    INFO(hunt.name << ": " << (outcome == Outcome::kHung ? "hangs at" : "not found until") << " seed " << *seed);
    const bool found = outcome == Outcome::kViolation || outcome == Outcome::kEnded;
    CHECK(found);
    if (!found) continue;
    const std::string again = command_for(*seed, "LMC_SIM_BUG='" + std::string(hunt.name) + "'");
    if (only != nullptr && outcome == Outcome::kEnded) std::fprintf(stderr, "  the process ended\n");
    if (only != nullptr) std::fprintf(stderr, "  found by: %s\n", again.c_str());
    if (seeds.loud) continue;
    INFO(hunt.name << ": seed " << *seed << " fails without it as well");
    CHECK(run_in_child(hunt.scenario, Bug::kNone, {*seed, *seed, false}, *seed) == Outcome::kPassed);
  }
}

}  // namespace
}  // namespace lmc::sim

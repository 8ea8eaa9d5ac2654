// Bugs that the simulator switches on, one at a time, to show that its checks would find them (tests/sim/bugs.cc). Each
// leaves out one rule of NOTES.md at the place where the rule is kept. In every other build there are none: what
// deliberately() guards is not even compiled in.
#pragma once

#include <cstdint>

namespace lmc::replication {

enum class Bug : std::uint8_t {
  kNone,
  kEarlyAcknowledgement,     // a write counts as committed before any backup has it
  kUncountedLoss,            // a lost backup is not waited for, before an epoch says that it is out
  kAdoptedOnly,              // only the adopted set counts, while another is being decided
  kShowsApplied,             // a backup shows what it has applied, though others may lack it
  kEntriesBeforeBytes,       // the ledger is posted before the bytes that it announces
  kTornEntries,              // an entry is applied though its checksum is wrong
  kReuseWithoutWaiting,      // segments are used again before all backups have given them up
  kEarlyInSync,              // a newcomer is in sync before it has what was written meanwhile
  kCopyWithoutFence,         // a copy is taken to be as new as its end, not as its last round's begin
  kEndlessCopy,              // writes never wait for a copy, however much faster they are
  kLivingWithoutWords,       // what was changed in place while a copy was made is not told with the living items
  kHalfIndex,                // a copy that was lost while it was indexed is gone on with
  kReadsWithoutLease,        // a backup answers though it may have been dropped
  kBorrowedLease,            // a primary that may not serve renews the leases of its backups
  kServesPastLease,          // a primary answers though it may have been replaced
  kServesOldData,            // a deposed node answers from what it has, before it has joined again
  kTakeoverWithoutFence,     // a new primary does not fence the others
  kTakeoverWithoutPatience,  // a new primary does not wait until the old one's lease is over
  kForgetfulEpoch,           // a fenced node still takes part in the epoch that is over: its links stay
  kUnaskedLoss,              // with no coordinator a primary drops backups without asking them for a later epoch
  kUnaskedViews,             // and who is to be promoted asks nobody for a later set
  kLostBell,                 // what is appended while a batch is under way is forgotten until the next tick
  kForgottenCommit,          // what is committed is told with a report only if one can go at once
  kHoardedHeads,             // what is not committed is kept in full, however long a backup is waited for
  kEndlessBatches,           // a batch is posted however many are under way
  // Of the simulator's own parts, that stand for the fabric and the workers:
  kRevokeInVain,        // what was under way on a revoked link still lands
  kUncommittedAnswers,  // answers leave before what they depend on is committed
  kAnswersKept,         // what waits for its commit at a change of role is answered when the new history is as long
  kAnswersForgotten,    // or never, and its client is not told
  kForgottenState,      // what the state file has is not recalled
  kCount,               // none: how many there are, with kNone
};

#ifdef LMC_DELIBERATE_BUGS
inline Bug the_bug = Bug::kNone;
[[nodiscard]] inline bool deliberately(Bug bug) {
  return bug == the_bug;
}
#else
[[nodiscard]] constexpr bool deliberately(Bug) {
  return false;
}
#endif

}  // namespace lmc::replication

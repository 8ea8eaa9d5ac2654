// The fabric: the seam between replication and what moves its bytes. A link joins two nodes; either may write into
// memory that the other exposes on it, without the other's CPU having a say. Three implementations with one meaning,
// which tests/conformance tries on each: verbs/ (RC queue pairs), tcp/ (frames, read straight into the exposed memory),
// and the simulator's in tests/sim.
//
// What every link promises:
//  F1 Chains land in the order in which they were posted, and the writes of a chain in their order. If the link goes
//     down, what has landed is a prefix of all posted bytes, which may end inside a write.
//  F2 Each chain is reported completed once, in order, when all of its bytes are in the peer's memory. A chain that is
//     not reported when the link goes down may have landed in whole, in part or not at all.
//  F3 When a chain has landed, the peer's on_arrival() comes, sooner or later: several chains may share a call. Bytes
//     of a write are seen by who is called then; until then nothing may be concluded from their appearance.
//  F4 A write outside the exposed memory lands nowhere and ends the link, at both ends.
//  F5 After revoke() has returned no byte of the peer lands in this node's memory through this link, and the link goes
//     down at the peer: at once if it has anything outstanding or posts again, and anyway within its fabric's limit.
//  F6 on_down() comes at most once and is the last call of its link. close() (and destruction) is not reported.
//
// Memory: what is posted from must stay unchanged in meaning until its chain is completed or the link is closed; what
// is exposed must stay mapped until the link is closed. Both ends of exposed memory are the owner's to keep.
//
// Threads: everything of a fabric and its links happens on the thread of its Reactor; observers are called there too,
// never from within a call of theirs into the fabric.
//
// Limits: named below; who posts respects them, a breach is a bug and ends the process.
// Errors: opening a fabric throws std::runtime_error; afterwards everything is on_down() with a cause for people.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lmc::replication {

// What of a node peers may write into.
enum class Region : std::uint8_t {
  kLog,       // the segments of the arena
  kLedger,    // the ring of ledger entries
  kProgress,  // a backup's report of how far it is
};
inline constexpr unsigned kRegions = 3;

inline constexpr std::size_t kMaxChainWrites = 64;
inline constexpr std::size_t kMaxChainBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxOutstandingChains = 64;  // posted and neither completed nor lost, of one link

// One contiguous piece of a chain.
struct Write {
  Region region = Region::kLog;
  std::uint64_t offset = 0;  // from the region's begin at the peer, in bytes
  std::string_view bytes;    // not empty
};

// Memory of this node that the peer of a link may write into; an empty span exposes nothing.
using ExposedMemory = std::array<std::span<char>, kRegions>;

class LinkObserver {
 public:
  virtual ~LinkObserver() = default;
  // The link can be posted to. Once, before any other call but on_down().
  virtual void on_up() = 0;
  // So many more of the chains posted here have landed at the peer.
  virtual void on_completed(std::size_t chains) = 0;
  // Chains of the peer have landed here.
  virtual void on_arrival() = 0;
  // The link is gone. `cause`: for the log.
  virtual void on_down(std::string_view cause) = 0;
};

// Given away by its owner only outside of its observer's calls; within them close() ends it.
class Link {
 public:
  virtual ~Link() = default;  // closes
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Only between on_up() and on_down() or close(). One doorbell (verbs) or one system call (tcp) a chain, as long as
  // the peer takes it.
  virtual void post(std::span<const Write> chain) = 0;
  // Ends the peer's right to write here: see F5. Chains already posted from here may be lost. The link is closed
  // afterwards.
  virtual void revoke() = 0;
  // No call of the observer follows.
  virtual void close() = 0;
};

// What distinguishes the links between two nodes.
enum class Traffic : std::uint8_t {
  kForeground,  // the ledger and the bytes that it announces
  kBulk,        // what a joining node lacks
};

// What one end offers so that the other can connect to it, and no one else: a secret drawn for this one link.
using Ticket = std::array<std::uint8_t, 16>;

struct LinkPlan {
  Ticket ticket{};
  Traffic traffic = Traffic::kForeground;
  ExposedMemory exposed;
};

// What all links of a fabric have done so far.
struct FabricCounters {
  std::uint64_t chains = 0;            // given to the device (verbs), posted (tcp)
  std::uint64_t bytes = 0;             // of them (verbs); that sockets took, with what frames them (tcp)
  std::uint64_t doorbells = 0;         // ibv_post_send (verbs); sendmsg that brings more than word of what landed (tcp)
  std::uint64_t work_requests = 0;     // verbs
  std::uint64_t acknowledgements = 0;  // sendmsg with nothing but word of what landed (tcp)
  std::uint64_t reads = 0;             // readv (tcp)
  std::uint64_t waits = 0;             // for room in a send queue (verbs) or socket (tcp)
};

class Fabric {
 public:
  virtual ~Fabric() = default;
  Fabric() = default;
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  [[nodiscard]] virtual std::string_view name() const = 0;  // "verbs", "tcp", "sim"
  [[nodiscard]] virtual FabricCounters counters() const { return {}; }
  // Memory that links will expose or post from is made known once, before (verbs registers it). Throws.
  virtual void prepare(std::span<char> memory) = 0;
  // Waits for the peer that shows the plan's ticket: on_up() when it has come.
  [[nodiscard]] virtual std::unique_ptr<Link> accept(const LinkPlan& plan, LinkObserver& observer) = 0;
  // `address`: "host:port" of the peer's replication listener. A peer that does not take the ticket, or does not answer
  // in time: on_down().
  [[nodiscard]] virtual std::unique_ptr<Link> connect(std::string_view address, const LinkPlan& plan,
                                                      LinkObserver& observer) = 0;
};

}  // namespace lmc::replication

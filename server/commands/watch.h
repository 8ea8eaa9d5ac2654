// The `watch` command: a connection that is told what the server does, as lines of text.
//
// Whoever publishes first asks wants(): one relaxed load, which is all that an unwatched server pays. A published event
// is formatted once and copied into the buffer of every watcher that asked for its kind. Buffers are bounded
// (Settings::watcher_buffer_bytes); what does not fit is counted, and the watcher is told `skipped=n` when there is
// room again. A watcher is the ReplySource of its connection; it leaves the hub when it is destroyed.
//
// Threads: everything of WatchHub may be called from any thread. ServerControl::wake is called with the hub's mutex
// held: it must not call the hub. Lifetime: the hub outlives its watchers and the ServerControl given to it outlives
// the hub.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/reply_queue.h"
#include "server/commands/server_control.h"
#include "server/store/eviction_observer.h"
#include "server/store/types.h"

namespace lmc::commands {

inline constexpr std::size_t kMaxWatchers = 20;
inline constexpr std::size_t kMaxWatchLineBytes = 1024;

// Each is a bit of the mask. The words of the `watch` command.
enum class WatchKind : std::uint32_t {
  kFetchers = 1 << 0,
  kMutations = 1 << 1,
  kEvictions = 1 << 2,
  kConnections = 1 << 3,  // connevents
  kDeletions = 1 << 4,
  kSystem = 1 << 5,       // sysevents
  kRawCommands = 1 << 6,  // rawcmds: accepted, nothing is published (as in memcached)
  kProxy = 1 << 7,        // proxyreqs, proxyevents, proxyuser: accepted, nothing is published
};
using WatchMask = std::uint32_t;

// The mask that the words after `watch` ask for; none: fetchers. Nothing if a word is unknown.
[[nodiscard]] std::optional<WatchMask> parse_watch_words(std::string_view words);

// --- events; fields that are not known stay at their defaults ---

struct ItemGetEvent {
  std::string_view key;
  bool found = false;
  unsigned size_class = 0;
  std::uint64_t value_bytes = 0;
  int fd = -1;
};

struct ItemStoreEvent {
  std::string_view key;
  std::string_view status;   // stored, not_stored, exists, not_found, too_large, no_memory
  std::string_view command;  // set, add, ...
  std::int64_t ttl_s = 0;
  unsigned size_class = 0;
  std::uint64_t value_bytes = 0;
  int fd = -1;
};

struct DeletedEvent {
  std::string_view key;
  std::string_view command;  // delete, md
  unsigned size_class = 0;
  std::uint64_t value_bytes = 0;
};

struct EvictionEvent {
  std::string_view key;
  bool fetched = false;
  std::int64_t ttl_s = 0;  // -1: never expires
  std::int64_t idle_s = 0;
  unsigned size_class = 0;
  std::uint64_t value_bytes = 0;
};

struct ConnectionEvent {
  std::string_view remote_address;
  std::uint16_t remote_port = 0;
  std::string_view transport;  // tcp, local, udp
  int fd = -1;
};

class WatchHub {
 public:
  WatchHub(ServerControl& control, std::uint64_t watcher_buffer_bytes);
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // Relaxed: a watcher that came or went a moment ago may miss an event or cost one formatted in vain.
  [[nodiscard]] bool wants(WatchKind kind) const {
    return (mask_.load(std::memory_order_relaxed) & static_cast<WatchMask>(kind)) != 0;
  }

  void publish(const ItemGetEvent& event);
  void publish(const ItemStoreEvent& event);
  void publish(const DeletedEvent& event);
  void publish(const EvictionEvent& event);
  void publish_system(std::string_view text);  // `type=... ...`, without time and line end
  // Called by net.
  void publish_connection_new(const ConnectionEvent& event);
  void publish_connection_close(const ConnectionEvent& event,
                                std::string_view reason);  // normal, error, idle_timeout...

  // Empty if kMaxWatchers are there.
  [[nodiscard]] std::unique_ptr<ReplySource> watch(ConnectionId connection, WatchMask mask);

  struct Totals {
    std::uint64_t watchers = 0;
    std::uint64_t written = 0;  // events published
    std::uint64_t sent = 0;     // lines put into a watcher's buffer
    std::uint64_t skipped = 0;  // lines that did not fit
  };
  [[nodiscard]] Totals totals() const;
  void reset_totals();

 private:
  class Watcher;
  void deliver(WatchKind kind, std::string_view body);  // `type=...`, without time and line end
  void leave(Watcher& watcher);
  void update_mask();  // mutex_ held

  ServerControl& control_;
  const std::uint64_t buffer_limit_bytes_;
  std::atomic<WatchMask> mask_{0};  // written under mutex_, read anywhere
  mutable std::mutex mutex_;        // guards everything below and the watchers' buffers
  std::vector<Watcher*> watchers_;
  std::uint64_t next_event_id_ = 1;
  Totals totals_;
};

// Tells a hub of the store's evictions. The store calls it with locks held: an unwatched eviction costs one load, a
// watched one the formatting of a line.
class EvictionWatch final : public store::EvictionObserver {
 public:
  explicit EvictionWatch(WatchHub& hub) : hub_(hub) {}
  void on_eviction(const store::ItemView& item, store::UnixSeconds now) override;

 private:
  WatchHub& hub_;
};

}  // namespace lmc::commands

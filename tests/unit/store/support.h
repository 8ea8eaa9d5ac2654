// What the store's tests share: a file that goes away, a store with one session, and the parts of a store put together
// for tests of one part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "effort.h"
#include "server/store/arena.h"
#include "server/store/ghost.h"
#include "server/store/grace.h"
#include "server/store/index.h"
#include "server/store/log.h"
#include "server/store/reclaimer.h"
#include "server/store/store.h"
#include "server/store/tally.h"

namespace lmc::store::test {

inline constexpr UnixSeconds kNow{1800000000};
inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

[[nodiscard]] constexpr UnixSeconds later(std::uint32_t seconds) {
  return {kNow.value + seconds};
}

using lmc::test::effort;

// A path in memory (tmpfs where there is one) that nobody else uses; the file is removed at the end.
class ScratchFile {
 public:
  ScratchFile();
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Options of a store of this size that takes the largest items it can.
[[nodiscard]] StoreOptions options_of(std::uint64_t memory_bytes, const std::string& file = {});

[[nodiscard]] std::string text_of(const ItemView& item);

[[nodiscard]] std::string numbered(std::string_view prefix, std::uint64_t number);

// A value of this size that tells which one it is and shows when it is torn.
[[nodiscard]] std::string patterned(std::uint64_t bytes, std::uint64_t seed);

// A store and one session; every call is a turn of its own.
class Cache {
 public:
  explicit Cache(const StoreOptions& options) : store(options), session(store) {}

  MutateResult set(std::string_view key, std::string_view value, const NewItem& item = {});
  [[nodiscard]] std::optional<std::string> get(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) { return get(key).has_value(); }
  // As get, and counts the access.
  bool read(std::string_view key);
  [[nodiscard]] std::uint64_t cas(std::string_view key);
  MutateResult erase(std::string_view key);
  MutateResult touch(std::string_view key, UnixSeconds expiry);
  // Turns in which nothing happens but the session's share of reclaiming.
  void idle(unsigned turns);

  Store store;
  Session session;
  UnixSeconds now = kNow;
};

// The parts of a store without the store.
struct Bench {
  explicit Bench(std::uint64_t memory_bytes, const ReclaimPolicy& policy = {}, EvictionObserver* observer = nullptr)
      : arena({memory_bytes, {}, false, false, 0}),
        grace(4),
        index(arena),
        log(arena, grace, 0, 2),
        ghost(memory_bytes / 128),
        reclaimer(arena, index, log, log.appender(1), ghost, policy, observer) {
    log.set_now(kNow);
    log.adopt();
  }
  // Appends an item and puts it into the index; no room: false.
  bool put(std::string_view key, std::string_view value, Stream stream = Stream::kFresh,
           UnixSeconds expiry = kNeverExpires);
  bool erase(std::string_view key);
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const;
  // The segment that holds the key.
  [[nodiscard]] SegmentId where(std::string_view key) const;
  void raise(std::string_view key, unsigned times);

  Arena arena;
  Grace grace;
  Index index;
  Log log;
  Ghost ghost;
  Reclaimer reclaimer;
  Tally tally;
};

}  // namespace lmc::store::test

// A store and its copy in one process: bytes go by memcpy, changes by value. What a ledger and a fabric do between
// machines, without them.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "server/store/follower.h"
#include "support.h"

namespace lmc::store::test {

class Copy {
 public:
  Copy(Store& of, const StoreOptions& options) : of_(of), cache(options), follower_(cache.store.follow()) {}

  // Takes part in everything from now on; has all when every living item was added too.
  std::string join() {
    std::vector<AnnouncedSegment> segments;
    of_.describe(segments);
    for (const AnnouncedSegment& segment : segments) copy_bytes(segment.segment, 0, segment.used_bytes);
    return follower_.begin(segments, head_).value_or("");
  }
  void add_living(const ItemView& item) {
    follower_.add_living({item.address(), item.expiry(), item.stale(), item.win_sent()});
  }

  void end_living() { follower_.end_living(); }

  // Empty, or what was refused.
  std::string take(const std::vector<Change>& changes, const LogHead& head) {
    for (const Change& change : changes) {
      if (change.kind == ChangeKind::kOpened || change.kind == ChangeKind::kAppended)
        copy_bytes(change.segment, change.from, change.to);
    }
    for (const Change& change : changes) {
      if (auto refusal = prepare(change)) return *refusal;
      if (auto refusal = follower_.apply(change)) return *refusal;
    }
    if (auto refusal = prepare(head)) return *refusal;
    return follower_.set_head(head).value_or("");
  }
  // In how many parts what it took was prepared.
  [[nodiscard]] unsigned parts() const { return parts_; }
  std::uint64_t readers_past() { return follower_.readers_past(); }
  void set_head(const LogHead& head) { head_ = head; }

 private:
  std::optional<std::string> prepare(const auto& next) {
    for (; !follower_.is_prepared(next); ++parts_)
      if (auto refusal = follower_.prepare()) return refusal;
    return std::nullopt;
  }
  void copy_bytes(SegmentId id, std::uint32_t from, std::uint32_t to) {
    const std::uint64_t start = id.value * cache.store.summary().segment_bytes;
    auto* const to_words = reinterpret_cast<std::uint64_t*>(cache.store.log_memory().data() + start);
    auto* const from_words = reinterpret_cast<std::uint64_t*>(of_.log_memory().data() + start);
    // Word by word: a few words of a record change while they are copied, as under a network card's eyes.
    for (std::uint32_t i = from / 8; i < to / 8; ++i)
      to_words[i] = std::atomic_ref(from_words[i]).load(std::memory_order_relaxed);
  }

  Store& of_;

 public:
  Cache cache;

 private:
  Follower& follower_;
  LogHead head_;
  unsigned parts_ = 0;
};

}  // namespace lmc::store::test

// `stats sizes` and `stats cachedump`: answers that need a look at every item.

#include <map>

#include "protocol/text_replies.h"
#include "server/commands/index_walk.h"
#include "server/commands/stats.h"

namespace lmc::commands {
namespace {

// memcached's steps of `stats sizes`.
constexpr std::uint64_t kSizeStepBytes = 32;
// What memcached cuts its answer to a cachedump at.
constexpr std::size_t kMaxCachedumpBytes = std::size_t{2} << 20;
// memcached's cachedump shows items that have come to rest (in its cold queue), which takes them about this long.
constexpr std::int64_t kRestSeconds = 2;

class SizesWalk final : public ReplySource {
 public:
  SizesWalk(Context& context, const protocol::Request& request)
      : walk_(context.session, context.shared.counters.crawler()), out_(context.replies, request) {}

  [[nodiscard]] State produce(ReplyQueue& replies, std::size_t) override {
    walk_.turn(
        [this](const store::ItemView& item) {
          const std::uint64_t steps = (item.log_bytes() + kSizeStepBytes - 1) / kSizeStepBytes;
          ++items_by_bytes_[steps * kSizeStepBytes];
        },
        [] { return false; });
    if (!walk_.done()) return State::kMore;
    out_.write_to(replies);
    for (const auto& [bytes, items] : items_by_bytes_) out_.number(std::to_string(bytes), items);
    out_.end();
    return State::kDone;
  }

 private:
  IndexWalk walk_;
  StatWriter out_;
  std::map<std::uint64_t, std::uint64_t> items_by_bytes_;
};

class CachedumpWalk final : public ReplySource {
 public:
  CachedumpWalk(Context& context, unsigned size_class, std::uint32_t limit)
      : walk_(context.session, context.shared.counters.crawler()), size_class_(size_class), limit_(limit) {}

  [[nodiscard]] State produce(ReplyQueue& replies, std::size_t budget_bytes) override {
    const std::size_t before = replies.pending_bytes();
    walk_.turn([&](const store::ItemView& item) { show(item, replies); },
               [&] { return full_ || replies.pending_bytes() - before >= budget_bytes; });
    if (!full_ && !walk_.done()) return State::kMore;
    replies.append(protocol::reply::kEnd);
    return State::kDone;
  }

 private:
  void show(const store::ItemView& item, ReplyQueue& replies) {
    if (full_ || size_class(item.stream()) != size_class_) return;
    if (seconds_since(item.last_access(), walk_.now()) < kRestSeconds) return;
    std::string line = "ITEM ";
    line.append(item.key()).append(" [").append(std::to_string(item.value_bytes())).append(" b; ");
    line.append(std::to_string(item.expiry().value)).append(" s]\r\n");
    replies.append(line);
    shown_bytes_ += line.size();
    full_ = ++shown_items_ == limit_ || shown_bytes_ >= kMaxCachedumpBytes;
  }

  IndexWalk walk_;
  const unsigned size_class_;
  const std::uint32_t limit_;
  std::uint32_t shown_items_ = 0;
  std::size_t shown_bytes_ = 0;
  bool full_ = false;
};

}  // namespace

std::unique_ptr<ReplySource> make_sizes_walk(Context& context, const protocol::Request& request) {
  return std::make_unique<SizesWalk>(context, request);
}

std::unique_ptr<ReplySource> make_cachedump_walk(Context& context, unsigned size_class, std::uint32_t limit) {
  return std::make_unique<CachedumpWalk>(context, size_class, limit);
}

}  // namespace lmc::commands

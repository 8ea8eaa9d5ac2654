#include "server/commands/dumps.h"

#include "protocol/text_format.h"
#include "protocol/text_replies.h"
#include "server/commands/index_walk.h"
#include "server/commands/item_facts.h"

namespace lmc::commands {
namespace {

class Dump final : public ReplySource {
 public:
  Dump(Context& context, DumpFormat format, ClassMask classes)
      : walk_(context.session, context.shared.counters.crawler()),
        format_(format),
        classes_(classes),
        use_cas_(context.use_cas) {
    context.replies.append(protocol::reply::kOk);
  }

  [[nodiscard]] State produce(ReplyQueue& replies, std::size_t budget_bytes) override {
    const std::size_t before = replies.pending_bytes();
    walk_.turn([&](const store::ItemView& item) { show(item, replies); },
               [&] { return replies.pending_bytes() - before >= budget_bytes; });
    if (!walk_.done()) return State::kMore;
    replies.append(format_ == DumpFormat::kMetadump ? protocol::reply::kEnd : protocol::reply::kMetaEnd);
    return State::kDone;
  }

 private:
  void show(const store::ItemView& item, ReplyQueue& replies) const {
    if ((classes_ >> size_class(item.stream()) & 1) == 0) return;
    if (format_ == DumpFormat::kMetadump) {
      char* const out = replies.reserve(protocol::kMaxMetadumpLineBytes);
      replies.commit_to(protocol::write_metadump_line(out, facts_of(item, use_cas_)));
    } else {
      char* const out = replies.reserve(protocol::kMaxMgdumpLineBytes);
      replies.commit_to(protocol::write_mgdump_line(out, item.key(), item.binary_key()));
    }
  }

  IndexWalk walk_;
  const DumpFormat format_;
  const ClassMask classes_;
  const bool use_cas_;
};

class Crawl final : public ReplySource {
 public:
  explicit Crawl(Context& context)
      : session_(context.session), store_(context.shared.store), counters_(context.shared.counters.crawler()) {
    counters_.starts.fetch_add(1, std::memory_order_relaxed);
    counters_.running.fetch_add(1, std::memory_order_relaxed);
    counters_.items_checked.fetch_add(store_.summary().items, std::memory_order_relaxed);
  }
  ~Crawl() override { counters_.running.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] State produce(ReplyQueue& replies, std::size_t) override {
    const std::uint64_t before = store_.counters().reclaimed;
    session_.crawl(cursor_, IndexWalk::kBucketsPerStep * IndexWalk::kStepsPerTurn);
    // Other workers reclaim at the same time; what they took meanwhile is counted here too.
    counters_.reclaimed.fetch_add(store_.counters().reclaimed - before, std::memory_order_relaxed);
    if (cursor_ != store::Session::kCrawlEnd) return State::kMore;
    replies.append(protocol::reply::kOk);
    return State::kDone;
  }

 private:
  store::Session& session_;
  const store::Store& store_;
  CrawlerCounters& counters_;
  std::uint64_t cursor_ = 0;
};

}  // namespace

std::unique_ptr<ReplySource> make_dump(Context& context, DumpFormat format, ClassMask classes) {
  return std::make_unique<Dump>(context, format, classes);
}

std::unique_ptr<ReplySource> make_crawl(Context& context) {
  return std::make_unique<Crawl>(context);
}

}  // namespace lmc::commands

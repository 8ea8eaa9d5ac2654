// What a command works with while it is executed, and what every look at an item goes through.
//
// A Context lives for one Executor::run(): the settings it caches are those at its begin, so a `stats detail on` or a
// new watcher is seen from the next batch on. Threads: the worker's.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/commands/decisions.h"
#include "server/commands/executor.h"
#include "server/commands/expiry.h"

namespace lmc::commands {

struct Context {
  Context(Shared& shared_by_all, store::Session& worker_session, WorkerCounters& worker_counters, Client& asking_client,
          ReplyQueue& reply_queue)
      : shared(shared_by_all),
        session(worker_session),
        counters(worker_counters),
        client(asking_client),
        replies(reply_queue),
        use_cas(shared.settings.use_cas) {
    read_observers();
  }

  // Again when a request of this batch has changed who looks on.
  void read_observers() {
    detailed = shared.settings.detail_enabled.load(std::memory_order_relaxed);
    fetches_watched = shared.watch.wants(WatchKind::kFetchers);
    observed = detailed || fetches_watched;
  }

  Shared& shared;
  store::Session& session;
  WorkerCounters& counters;
  Client& client;
  ReplyQueue& replies;
  const bool use_cas;
  ChangePolicy policy = ChangePolicy::kExecute;
  bool detailed = false;  // stats detail
  bool fetches_watched = false;
  bool observed = false;  // one of the two: so that the usual get asks one question
};

// The classes of a log, as stats, dumps and watchers number them.
[[nodiscard]] constexpr unsigned size_class(store::Stream stream) {
  return stream == store::Stream::kFresh ? 1 : 2;
}

// As clients see it.
[[nodiscard]] inline std::uint64_t shown_cas(const Context& context, std::uint64_t cas) {
  return context.use_cas ? cas : 0;
}

[[nodiscard]] inline ItemState state_of(const Context& context, const store::ItemView& item) {
  if (!item) return {};
  return {true, item.stale(), item.win_sent(), shown_cas(context, item.cas()), item.expiry()};
}

// Watchers of fetchers see every look at a key, also that of a mutation.
void publish_look(const Context& context, std::string_view key, const store::ItemView& item);
void count_prefix_get(const Context& context, std::string_view key, bool hit);

// Counts a get that found nothing.
void count_miss(const Context& context, store::Session::Miss why);

// One key of a get: finds it, counts hit or miss, and counts the access.
[[nodiscard]] inline store::ItemView look_up(Context& context, const store::HashedKey& key) {
  const store::ItemView item = context.session.find(key);
  context.counters.add(Counter::kGet);
  if (context.observed) [[unlikely]] {
    publish_look(context, key.bytes, item);
    count_prefix_get(context, key.bytes, static_cast<bool>(item));
  }
  if (!item) {
    count_miss(context, context.session.last_miss());
    return item;
  }
  context.counters.add(StreamCounter::kGetHit, item.stream());
  context.session.record_access(item);
  return item;
}

}  // namespace lmc::commands

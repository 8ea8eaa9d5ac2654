// Plain `stats`: memcached's names in its order, 93 with its default options, 84 without crawler and maintainer (which
// is how its own tests count them). What a log has no counterpart for is 0 and says so beside it.

#include <sys/resource.h>
#include <unistd.h>

#include <bit>
#include <cstdio>

#include "server/commands/stats.h"

namespace lmc::commands {
namespace {

void write_cpu_time(StatWriter& out, std::string_view name, const timeval& time) {
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%lld.%06lld", static_cast<long long>(time.tv_sec),
                                   static_cast<long long>(time.tv_usec));
  out.text(name, {text, static_cast<std::size_t>(length)});
}

void write_process(const Shared& shared, store::UnixSeconds now, StatWriter& out) {
  out.number("pid", static_cast<std::uint64_t>(::getpid()));
  out.number("uptime", static_cast<std::uint64_t>(seconds_since(shared.control.started(), now)));
  out.number("time", now.value);
  out.text("version", kVersion);
  out.text("libevent", shared.settings.event_library);
  out.number("pointer_size", 8 * sizeof(void*));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  write_cpu_time(out, "rusage_user", usage.ru_utime);
  write_cpu_time(out, "rusage_system", usage.ru_stime);
}

void write_connections(const Shared& shared, const NetCounters& net, StatWriter& out) {
  out.number("max_connections", shared.settings.max_connections);
  out.number("curr_connections", net.curr_connections);
  out.number("total_connections", net.total_connections);
  if (shared.settings.max_connections_fast) out.number("rejected_connections", net.rejected_connections);
  out.number("connection_structures", net.connection_structures);
  out.number("response_obj_oom", 0);  // no allocation here fails silently
  out.number("response_obj_count", net.reply_blocks);
  out.number("response_obj_bytes", net.reply_block_bytes);
  out.number("read_buf_count", net.read_buffers);
  out.number("read_buf_bytes", net.read_buffer_bytes);
  out.number("read_buf_bytes_free", net.read_buffer_bytes_free);
  out.number("read_buf_oom", 0);
  out.number("reserved_fds", net.reserved_fds);
}

void write_commands(const CounterSums& sums, StatWriter& out) {
  const auto plain = [&](Counter counter) { out.number(counter_name(counter), sums.of(counter)); };
  const auto both = [&](StreamCounter counter) { out.number(counter_name(counter), sums.of(counter)); };
  plain(Counter::kGet);
  both(StreamCounter::kSet);
  plain(Counter::kFlush);
  plain(Counter::kTouch);
  plain(Counter::kMeta);
  both(StreamCounter::kGetHit);
  plain(Counter::kGetMiss);
  plain(Counter::kGetExpired);
  plain(Counter::kGetFlushed);
  plain(Counter::kDeleteMiss);
  both(StreamCounter::kDeleteHit);
  plain(Counter::kIncrementMiss);
  both(StreamCounter::kIncrementHit);
  plain(Counter::kDecrementMiss);
  both(StreamCounter::kDecrementHit);
  plain(Counter::kCasMiss);
  both(StreamCounter::kCasHit);
  both(StreamCounter::kCasBadValue);
  both(StreamCounter::kTouchHit);
  plain(Counter::kTouchMiss);
  plain(Counter::kStoreTooLarge);
  plain(Counter::kStoreNoMemory);
  out.number("auth_cmds", 0);  // no authentication yet
  out.number("auth_errors", 0);
}

void write_traffic(const Shared& shared, const NetCounters& net, const store::StoreSummary& summary, StatWriter& out) {
  if (shared.settings.idle_timeout_s > 0) out.number("idle_kicks", net.idle_kicks);
  out.number("bytes_read", net.bytes_read);
  out.number("bytes_written", net.bytes_written);
  out.number("limit_maxbytes", summary.memory_limit_bytes);
  out.number("accepting_conns", net.accepting ? 1 : 0);
  out.number("listen_disabled_num", net.listen_disabled);
  out.number("time_in_listen_disabled_us", net.listen_disabled_us);
  out.number("threads", shared.settings.worker_threads);
  out.number("conn_yields", net.yields);
  out.number("hash_power_level", static_cast<std::uint64_t>(std::bit_width(summary.index_buckets | 1)) - 1);
  out.number("hash_bytes", summary.index_bytes);
  out.number("hash_is_expanding", 0);  // it grows a bucket at a time, all the time
}

void write_reassignment(const store::StoreCounters& counters, StatWriter& out) {
  for (const std::string_view name :  // segments are not moved between classes, so nothing of this can happen
       {"slab_reassign_rescues", "slab_reassign_chunk_rescues", "slab_reassign_inline_reclaim",
        "slab_reassign_busy_items", "slab_reassign_busy_deletes", "slab_reassign_busy_nomem",
        "slab_reassign_last_busy_status", "slab_reassign_running"}) {
    out.number(name, 0);
  }
  out.number("slabs_moved", counters.segments_compacted + counters.segments_evicted);
}

void write_background(Shared shared, StatWriter& out) {
  const CrawlerCounters& crawler = shared.counters.crawler();
  const WatchHub::Totals watch = shared.watch.totals();
  if (shared.settings.lru_crawler_enabled.load(std::memory_order_relaxed)) {
    out.number("lru_crawler_running", crawler.running.load(std::memory_order_relaxed) > 0 ? 1 : 0);
    out.number("lru_crawler_starts", crawler.starts.load(std::memory_order_relaxed));
  }
  if (shared.settings.lru_maintainer_enabled) out.number("lru_maintainer_juggles", 0);  // no thread of that kind
  out.number("malloc_fails", 0);
  out.number("log_worker_dropped", 0);  // events go to the watchers at once
  out.number("log_worker_written", watch.written);
  out.number("log_watcher_skipped", watch.skipped);
  out.number("log_watcher_sent", watch.sent);
  out.number("log_watchers", watch.watchers);
  out.number("unexpected_napi_ids", 0);
  out.number("round_robin_fallback", 0);
}

void write_items(Shared shared, const store::StoreSummary& summary, const store::StoreCounters& counters,
                 StatWriter& out) {
  const CrawlerCounters& crawler = shared.counters.crawler();
  const bool maintained = shared.settings.lru_maintainer_enabled;
  out.number("bytes", summary.live_bytes);
  out.number("curr_items", summary.items);
  out.number("total_items", counters.total_items);
  out.number("slab_global_page_pool", summary.free_segments);
  out.number("expired_unfetched", counters.expired_unfetched);
  out.number("evicted_unfetched", counters.evicted_unfetched);
  if (maintained) out.number("evicted_active", 0);  // an item that was asked for lately is kept
  out.number("evictions", counters.evictions);
  out.number("reclaimed", counters.reclaimed);
  out.number("crawler_reclaimed", crawler.reclaimed.load(std::memory_order_relaxed));
  out.number("crawler_items_checked", crawler.items_checked.load(std::memory_order_relaxed));
  out.number("lrutail_reflocked", 0);
  if (!maintained) return;
  out.number("moves_to_cold", 0);
  out.number("moves_to_warm", counters.relocated_items);
  out.number("moves_within_lru", 0);
  out.number("direct_reclaims", counters.direct_reclaims);
  out.number("lru_bumps_dropped", 0);
}

}  // namespace

void write_general_stats(const Shared& shared, store::UnixSeconds now, StatWriter& out) {
  const NetCounters net = shared.control.net_counters();
  const store::StoreSummary summary = shared.store.summary();
  const store::StoreCounters counters = shared.store.counters();
  write_process(shared, now, out);
  write_connections(shared, net, out);
  write_commands(shared.counters.sums(), out);
  write_traffic(shared, net, summary, out);
  if (shared.settings.slab_reassign) write_reassignment(counters, out);
  write_background(shared, out);
  write_items(shared, summary, counters, out);
}

}  // namespace lmc::commands

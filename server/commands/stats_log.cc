// `stats items` and `stats slabs`: the log as two classes, 1 the fresh stream and 2 the survivor stream; and `stats
// conns`.
//
// A page is a segment. A chunk is what the mean living item of the stream takes, so that used_chunks is the number of
// items, used_chunks * chunk_size their bytes, and free_chunks how many more would fit into what is dead or not yet
// written.

#include <algorithm>

#include "server/commands/stats.h"

namespace lmc::commands {
namespace {

using store::Stream;
using store::StreamSummary;

constexpr std::string_view kItemsPrefix = "items:";

void write_stream_items(const Shared& shared, const StreamSummary& summary, Stream stream, store::UnixSeconds now,
                        StatWriter& out) {
  const bool fresh = stream == Stream::kFresh;
  const auto age = static_cast<std::uint64_t>(summary.oldest.value == 0 ? 0 : seconds_since(summary.oldest, now));
  const std::uint64_t hits = shared.counters.sums().of(StreamCounter::kGetHit, stream);
  const store::StoreCounters all = shared.store.counters();
  const store::DepartureCounters& gone = fresh ? all.fresh : all.survivor;
  // What the store counts once, not per stream, is shown with the first class.
  const store::StoreCounters counters = fresh ? all : store::StoreCounters{};
  const CrawlerCounters& crawler = shared.counters.crawler();
  out.set_prefix(std::string(kItemsPrefix) + std::to_string(size_class(stream)) + ":");
  out.number("number", summary.items);
  out.number("number_hot", fresh ? summary.items : 0);
  out.number("number_warm", fresh ? 0 : summary.items);
  out.number("number_cold", 0);
  out.number("age_hot", fresh ? age : 0);
  out.number("age_warm", fresh ? 0 : age);
  out.number("age", age);
  out.number("mem_requested", summary.live_bytes);
  out.number("evicted", gone.evictions);
  out.number("evicted_nonzero", gone.evicted_nonzero);
  out.number("evicted_time", summary.last_evicted_idle_s);
  out.number("outofmemory", counters.out_of_memory);
  out.number("tailrepairs", 0);
  out.number("reclaimed", gone.reclaimed);
  out.number("expired_unfetched", gone.expired_unfetched);
  out.number("evicted_unfetched", gone.evicted_unfetched);
  out.number("evicted_active", 0);
  out.number("crawler_reclaimed", fresh ? crawler.reclaimed.load(std::memory_order_relaxed) : 0);
  out.number("crawler_items_checked", fresh ? crawler.items_checked.load(std::memory_order_relaxed) : 0);
  out.number("lrutail_reflocked", 0);
  out.number("moves_to_cold", 0);
  out.number("moves_to_warm", counters.relocated_items);
  out.number("moves_within_lru", 0);
  out.number("direct_reclaims", counters.direct_reclaims);
  out.number("hits_to_hot", fresh ? hits : 0);
  out.number("hits_to_warm", fresh ? 0 : hits);
  out.number("hits_to_cold", 0);
  out.number("hits_to_temp", 0);
}

void write_stream_slabs(const CounterSums& sums, const StreamSummary& summary, std::uint64_t segment_bytes,
                        Stream stream, StatWriter& out) {
  const std::uint64_t chunk_bytes =
      std::clamp<std::uint64_t>(summary.items == 0 ? 1 : summary.live_bytes / summary.items, 1, segment_bytes);
  const std::uint64_t chunks_per_page = segment_bytes / chunk_bytes;
  const std::uint64_t chunks = std::max(summary.segments * chunks_per_page, summary.items);
  out.set_prefix(std::to_string(size_class(stream)) + ":");
  out.number("chunk_size", chunk_bytes);
  out.number("chunks_per_page", chunks_per_page);
  out.number("total_pages", summary.segments);
  out.number("total_chunks", chunks);
  out.number("used_chunks", summary.items);
  out.number("free_chunks", chunks - summary.items);
  out.number("free_chunks_end", 0);
  for (const StreamCounter counter :
       {StreamCounter::kGetHit, StreamCounter::kSet, StreamCounter::kDeleteHit, StreamCounter::kIncrementHit,
        StreamCounter::kDecrementHit, StreamCounter::kCasHit, StreamCounter::kCasBadValue, StreamCounter::kTouchHit}) {
    out.number(counter_name(counter), sums.of(counter, stream));
  }
}

}  // namespace

void write_items_stats(const Shared& shared, store::UnixSeconds now, StatWriter& out) {
  const store::StoreSummary summary = shared.store.summary();
  if (summary.fresh.items > 0) write_stream_items(shared, summary.fresh, Stream::kFresh, now, out);
  if (summary.survivor.items > 0) write_stream_items(shared, summary.survivor, Stream::kSurvivor, now, out);
}

void write_slabs_stats(const Shared& shared, StatWriter& out) {
  const store::StoreSummary summary = shared.store.summary();
  const CounterSums sums = shared.counters.sums();
  std::uint64_t classes = 0;
  const auto write = [&](const StreamSummary& stream_summary, Stream stream) {
    if (stream_summary.segments == 0) return;
    write_stream_slabs(sums, stream_summary, summary.segment_bytes, stream, out);
    ++classes;
  };
  write(summary.fresh, Stream::kFresh);
  write(summary.survivor, Stream::kSurvivor);
  out.set_prefix({});
  out.number("active_slabs", classes);
  out.number("total_malloced", (summary.fresh.segments + summary.survivor.segments) * summary.segment_bytes);
}

void write_connections_stats(const Shared& shared, StatWriter& out) {
  shared.control.visit_connections([&out](const ConnectionInfo& connection) {
    out.set_prefix(std::to_string(connection.fd) + ":");
    out.text("addr", connection.address);
    if (!connection.listen_address.empty()) out.text("listen_addr", connection.listen_address);
    out.text("state", connection.state);
    out.number("secs_since_last_cmd", connection.idle_seconds);
  });
}

}  // namespace lmc::commands

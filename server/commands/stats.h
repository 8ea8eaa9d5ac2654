// The groups of `stats`. Each writes its rows; the terminator is stats.cc's.
//
// Names and order are memcached 1.6.45's; what a name means for a log is said in this folder's README.
#pragma once

#include <memory>

#include "server/commands/context.h"
#include "server/commands/stat_writer.h"

namespace lmc::commands {

void write_general_stats(const Shared& shared, store::UnixSeconds now, StatWriter& out);  // stats_general.cc
void write_settings_stats(const Shared& shared, StatWriter& out);                         // stats_settings.cc
void write_items_stats(const Shared& shared, store::UnixSeconds now, StatWriter& out);    // stats_log.cc
void write_slabs_stats(const Shared& shared, StatWriter& out);
void write_connections_stats(const Shared& shared, StatWriter& out);

// stats_walks.cc: those that have to look at every item. They end their reply themselves.
[[nodiscard]] std::unique_ptr<ReplySource> make_sizes_walk(Context& context, const protocol::Request& request);
// `size_class`: 1 or 2; others have no items. `limit` 0: all.
[[nodiscard]] std::unique_ptr<ReplySource> make_cachedump_walk(Context& context, unsigned size_class,
                                                               std::uint32_t limit);

}  // namespace lmc::commands

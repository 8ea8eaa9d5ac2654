// `stats`: which group is asked for. Text and binary ask in the same words, but for what binary has no reply shape for.

#include "server/commands/stats.h"

#include "protocol/binary_format.h"
#include "protocol/numbers.h"
#include "protocol/text_replies.h"
#include "protocol/words.h"
#include "server/commands/dialects.h"

namespace lmc::commands {
namespace {

using protocol::Request;
namespace reply = protocol::reply;

// Highest class id that memcached knows.
constexpr std::uint32_t kMaxSizeClass = 63;

Disposition done(Context& context, std::string_view text) {
  context.replies.append(text);
  return Disposition::kContinue;
}

Disposition start(Context& context, std::unique_ptr<ReplySource> source) {
  context.client.source = std::move(source);
  return Disposition::kSource;
}

Disposition unknown(Context& context, const Request& request) {
  if (request.dialect != protocol::Dialect::kBinary) return done(context, reply::kError);
  char* const out = context.replies.reserve(protocol::kMaxBinaryErrorBytes);
  context.replies.commit_to(protocol::write_binary_error(out, request, protocol::BinaryStatus::kNotFound));
  return Disposition::kContinue;
}

void reset(Context& context) {
  context.shared.counters.reset();
  context.shared.counters.prefixes().clear();
  context.shared.store.reset_counters();
  context.shared.control.reset_net_counters();
  context.shared.watch.reset_totals();
}

// In binary an order that was carried out is answered by the terminator alone.
Disposition carried_out(Context& context, StatWriter& out, std::string_view text) {
  if (!out.is_binary()) return done(context, text);
  out.end();
  return Disposition::kContinue;
}

Disposition detail(Context& context, const Request& request, std::string_view words, StatWriter& out) {
  const std::string_view word = protocol::next_word(words);
  Settings& settings = context.shared.settings;
  if (word == "dump") {
    const std::string dump = context.shared.counters.prefixes().dump();
    if (!out.is_binary()) return done(context, dump);
    out.text("detailed", dump);
    out.end();
    return Disposition::kContinue;
  }
  if (word == "on" || word == "off") {
    settings.detail_enabled.store(word == "on", std::memory_order_relaxed);
    context.read_observers();
    return carried_out(context, out, reply::kOk);
  }
  return out.is_binary() ? unknown(context, request) : done(context, reply::kStatsDetailUsage);
}

Disposition cachedump(Context& context, std::string_view words) {
  if (!context.shared.settings.dump_enabled) return done(context, reply::kCachedumpNotAllowed);
  const std::string_view class_word = protocol::next_word(words);
  const std::string_view limit_word = protocol::next_word(words);
  std::uint32_t size_class = 0;
  std::uint32_t limit = 0;
  if (limit_word.empty()) return done(context, reply::kBadStatsLine);
  if (!protocol::strict_u32(class_word, size_class) || !protocol::strict_u32(limit_word, limit)) {
    return done(context, reply::kBadLine);
  }
  if (size_class > kMaxSizeClass) return done(context, reply::kIllegalSlabId);
  if (context.client.datagram) return done(context, reply::kError);
  return start(context, make_cachedump_walk(context, size_class, limit));
}

}  // namespace

Disposition execute_stats(Context& context, const Request& request) {
  StatWriter out(context.replies, request);
  std::string_view words = request.arguments;
  const std::string_view group = protocol::next_word(words);
  const Shared& shared = context.shared;
  const store::UnixSeconds now = context.session.now();

  if (group == "reset") {
    reset(context);
    return carried_out(context, out, reply::kReset);
  }
  if (group == "detail") return detail(context, request, words, out);
  if (group == "cachedump" && !out.is_binary()) return cachedump(context, words);
  if (group == "sizes" && !context.client.datagram) return start(context, make_sizes_walk(context, request));

  if (group.empty()) {
    write_general_stats(shared, now, out);
  } else if (group == "settings") {
    write_settings_stats(shared, out);
  } else if (group == "items") {
    write_items_stats(shared, now, out);
  } else if (group == "slabs") {
    write_slabs_stats(shared, out);
  } else if (group == "replication") {
    const auto rows = shared.control.replication_status();
    if (rows.empty()) return unknown(context, request);
    for (const auto& [key, value] : rows) out.text(key, value);
  } else if (group == "conns") {
    write_connections_stats(shared, out);
  } else if (group != "extstore") {  // there is none: no rows
    return unknown(context, request);
  }
  out.end();
  return Disposition::kContinue;
}

}  // namespace lmc::commands

// `stats settings`: memcached's names in its order.

#include <cstdio>

#include "server/commands/stats.h"

namespace lmc::commands {
namespace {

std::string_view protocol_word(ProtocolChoice choice) {
  switch (choice) {
    case ProtocolChoice::kNegotiate:
      return "auto-negotiate";
    case ProtocolChoice::kText:
      return "ascii";
    case ProtocolChoice::kBinary:
      return "binary";
  }
  return {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text.empty() ? "NULL" : text;
}

void write_network(const Settings& settings, unsigned verbosity, StatWriter& out) {
  out.number("maxconns", settings.max_connections);
  out.number("tcpport", settings.tcp_port);
  out.number("udpport", settings.udp_port);
  out.text("inter", joined(settings.listen_addresses));
  out.number("verbosity", verbosity);
  out.number("oldest", 0);
  out.text("evictions", settings.evict ? "on" : "off");
  out.text("domain_socket", settings.unix_socket_path.empty() ? "NULL" : settings.unix_socket_path);
  char mask[16];
  const int length = std::snprintf(mask, sizeof mask, "%o", settings.unix_socket_mask);
  out.text("umask", {mask, static_cast<std::size_t>(length)});
  out.yes_no("shutdown_command", settings.shutdown_enabled);
  out.decimal("growth_factor", settings.slab_growth_factor, 2);
  out.number("chunk_size", settings.slab_min_bytes);
  out.number("num_threads", settings.worker_threads);
  out.number("num_threads_per_udp", settings.worker_threads);
  out.text("stat_key_prefix", {&settings.prefix_delimiter, 1});
  out.yes_no("detail_enabled", settings.detail_enabled.load(std::memory_order_relaxed));
  out.number("reqs_per_event", settings.max_requests_per_event);
  out.yes_no("cas_enabled", settings.use_cas);
  out.number("tcp_backlog", settings.listen_backlog);
  out.text("binding_protocol", protocol_word(settings.protocol));
  out.yes_no("auth_enabled_sasl", false);
  out.yes_no("auth_enabled_ascii", false);
}

void write_memory(const Settings& settings, StatWriter& out) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  out.number("item_size_max", settings.max_item_bytes);
  out.yes_no("maxconns_fast", settings.max_connections_fast);
  out.number("hashpower_init", settings.hash_power_initial);
  out.yes_no("slab_reassign", settings.slab_reassign);
  out.number("slab_automove", settings.slab_automove.load(kRelaxed));
  out.decimal("slab_automove_ratio", settings.slab_automove_ratio.load(kRelaxed), 2);
  out.number("slab_automove_window", settings.slab_automove_window.load(kRelaxed));
  out.number("slab_chunk_max", settings.slab_chunk_max_bytes);
  out.yes_no("lru_crawler", settings.lru_crawler_enabled.load(kRelaxed));
  out.number("lru_crawler_sleep", settings.lru_crawler_sleep_us.load(kRelaxed));
  out.number("lru_crawler_tocrawl", settings.lru_crawler_tocrawl.load(kRelaxed));
  out.number("tail_repair_time", settings.tail_repair_s);
  out.yes_no("flush_enabled", settings.flush_enabled);
  out.yes_no("dump_enabled", settings.dump_enabled);
  out.text("hash_algorithm", settings.hash_algorithm);
  out.yes_no("lru_maintainer_thread", settings.lru_maintainer_enabled);
  out.yes_no("lru_segmented", settings.lru_segmented.load(kRelaxed));
  out.number("hot_lru_pct", settings.hot_lru_percent.load(kRelaxed));
  out.number("warm_lru_pct", settings.warm_lru_percent.load(kRelaxed));
  out.decimal("hot_max_factor", settings.hot_max_factor.load(kRelaxed), 2);
  out.decimal("warm_max_factor", settings.warm_max_factor.load(kRelaxed), 2);
  out.yes_no("temp_lru", settings.temporary_lru.load(kRelaxed));
  out.number("temporary_ttl", settings.temporary_ttl_s.load(kRelaxed));
  out.number("idle_timeout", settings.idle_timeout_s);
  out.number("watcher_logbuf_size", settings.watcher_buffer_bytes);
  out.number("worker_logbuf_size", settings.worker_log_buffer_bytes);
  out.number("read_buf_mem_limit", settings.read_buffer_limit_bytes);
  out.yes_no("track_sizes", settings.track_sizes);
  out.yes_no("inline_ascii_response", settings.inline_ascii_response);
}

// Features that are not here, with the values of a memcached that has them switched off.
void write_absent_features(const Settings& settings, StatWriter& out) {
  struct Row {
    std::string_view name;
    std::string_view value;
  };
  constexpr Row kExtstore[] = {
      {"ext_item_size", "512"},     {"ext_item_age", "4294967295"}, {"ext_low_ttl", "0"},
      {"ext_recache_rate", "2000"}, {"ext_wbuf_size", "4194304"},   {"ext_compact_under", "0"},
      {"ext_drop_under", "0"},      {"ext_max_sleep", "1000000"},   {"ext_max_frag", "0.80"},
  };
  constexpr Row kTls[] = {
      {"ext_drop_unread", "no"},   {"ssl_enabled", "no"},    {"ssl_chain_cert", "(null)"},
      {"ssl_key", "(null)"},       {"ssl_verify_mode", "0"}, {"ssl_keyformat", "1"},
      {"ssl_ciphers", "NULL"},     {"ssl_ca_cert", "NULL"},  {"ssl_wbuf_size", "16384"},
      {"ssl_session_cache", "no"}, {"ssl_kernel_tls", "no"}, {"ssl_min_version", "tlsv1.2"},
  };
  for (const Row& row : kExtstore) out.text(row.name, row.value);
  out.decimal("slab_automove_freeratio", settings.slab_automove_freeratio.load(std::memory_order_relaxed), 3);
  for (const Row& row : kTls) out.text(row.name, row.value);
}

}  // namespace

void write_settings_stats(const Shared& shared, StatWriter& out) {
  const Settings& settings = shared.settings;
  out.number("maxbytes", shared.store.summary().memory_limit_bytes);
  write_network(settings, shared.control.verbosity(), out);
  write_memory(settings, out);
  write_absent_features(settings, out);
  out.text("num_napi_ids", settings.napi_ids == 0 ? "(null)" : std::to_string(settings.napi_ids));
  out.text("memory_file", settings.memory_file.empty() ? "(null)" : settings.memory_file);
  out.number("client_flags_size", sizeof(std::uint32_t));
}

}  // namespace lmc::commands

#include <array>
#include <cstdlib>

#include "server/option_table.h"

namespace lmc::server {
namespace {

using Value = std::optional<std::string>;

constexpr std::int64_t kAnyNumber = std::numeric_limits<std::int32_t>::max();

// The number that `name` needs. `complaint`: what memcached says when it is out of bounds.
std::int64_t number(const Value& value, const char* name, std::int64_t least, std::int64_t most, const char* complaint,
                    Options& options) {
  if (!value.has_value()) {
    throw OptionError(kExitFailure,
                      std::string("Missing numeric argument for ") + name + "; write -o " + name + "=<num>");
  }
  const std::string option = std::string("-o ") + name;
  return parse_number(*value, {option.c_str(), least, most, complaint, kExitFailure}, options);
}

unsigned percent(const Value& value, const char* name, Options& options) {
  const std::string complaint = std::string(name) + " must be > 1 and < 80";
  return static_cast<unsigned>(number(value, name, 1, 79, complaint.c_str(), options));
}

double factor(const Value& value, const char* name) {
  if (!value.has_value()) {
    throw OptionError(kExitFailure, std::string("Missing ") + name + " argument; write -o " + name + "=<num>");
  }
  const std::string complaint = std::string(name) + " must be > 0";
  const std::string option = std::string("-o ") + name;
  return parse_factor(*value, {option.c_str(), 0, kAnyNumber, complaint.c_str(), kExitFailure});
}

std::uint64_t scaled(const Value& value, const char* name, unsigned shift, Options& options) {
  constexpr const char* kComplaint = "not a size; give a whole number";
  return static_cast<std::uint64_t>(number(value, name, 0, kAnyNumber, kComplaint, options)) << shift;
}

void set_hash_algorithm(const Value& value, Options& options) {
  if (value != "jenkins" && value != "murmur3" && value != "xxh3") {
    throw OptionError(kExitFailure, "-o hash_algorithm=" + value.value_or("") +
                                        ": Unknown hash_algorithm option (jenkins, murmur3, xxh3)");
  }
  options.settings.hash_algorithm = *value;
}

void use_old_defaults(const Value&, Options& options) {
  commands::Settings& settings = options.settings;
  settings.max_connections_fast = false;
  settings.slab_reassign = false;
  settings.slab_automove = 0;
  settings.hash_algorithm = "jenkins";
  settings.lru_crawler_enabled = false;
  settings.lru_maintainer_enabled = false;
  settings.lru_segmented = false;
}

void accept_without_meaning(const Value&, Options&) {}

void warn_of_extstore(const Value&, Options& options) {
  options.warnings.emplace_back(
      "-o ext_*: accepted without meaning, there is no external storage: items live in -m only");
}

void refuse_tls(const Value&, Options&) {
  throw OptionError(kExitUsage, "-o ssl_*: TLS is not available yet; remove these options to listen without it");
}

void refuse_proxy(const Value&, Options&) {
  throw OptionError(kExitUsage, "-o proxy_*: memcached's proxy is not part of this server; remove these options");
}

constexpr Meaning kUsed = Meaning::kUsed;
constexpr Meaning kAccepted = Meaning::kAccepted;
constexpr Meaning kRefused = Meaning::kRefused;

constexpr auto kRows = std::to_array<SuboptionRow>({
    {"maxconns_fast", "immediately close new connections after limit (default: enabled)", kUsed,
     [](const Value&, Options& o) { o.settings.max_connections_fast = true; }},
    {"no_maxconns_fast", nullptr, kUsed, [](const Value&, Options& o) { o.settings.max_connections_fast = false; }},
    {"idle_timeout", "timeout for idle connections in seconds. (default: 0, no timeout)", kUsed,
     [](const Value& v, Options& o) {
       o.settings.idle_timeout_s =
           static_cast<unsigned>(number(v, "idle_timeout", 0, kAnyNumber, "not a number of seconds", o));
     }},
    {"read_buf_mem_limit", "limit in megabytes for requests that wait for the rest of\ntheir value (default: 0, a quarter of -m)",
     kUsed,
     [](const Value& v, Options& o) {
       o.settings.read_buffer_limit_bytes = scaled(v, "read_buf_mem_limit", 20, o);
     }},
    {"watcher_logbuf_size", "size in kilobytes of per-watcher write buffer. (default: 256)", kUsed,
     [](const Value& v, Options& o) { o.settings.watcher_buffer_bytes = scaled(v, "watcher_logbuf_size", 10, o); }},
    {"worker_logbuf_size", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.worker_log_buffer_bytes = scaled(v, "worker_logbuf_size", 10, o); }},
    {"track_sizes", "accepted; 'stats sizes' works without it", kAccepted,
     [](const Value&, Options& o) { o.settings.track_sizes = true; }},
    {"modern", nullptr, kAccepted, accept_without_meaning},
    {"no_modern", "uses defaults of memcached 1.4.x", kUsed, use_old_defaults},

    // A log has one index that grows by itself, no slabs, and its own idea of what to keep.
    {"hashpower", nullptr, kAccepted,
     [](const Value& v, Options& o) {
       o.settings.hash_power_initial = static_cast<unsigned>(
           number(v, "hashpower", 12, 32, "Initial hashtable multiplier must be 12 to 32", o));
     }},
    {"hash_algorithm", nullptr, kAccepted, set_hash_algorithm},
    {"no_hashexpand", nullptr, kAccepted, accept_without_meaning},
    {"slab_reassign", nullptr, kAccepted, [](const Value&, Options& o) { o.settings.slab_reassign = true; }},
    {"no_slab_reassign", nullptr, kAccepted, [](const Value&, Options& o) { o.settings.slab_reassign = false; }},
    {"slab_automove", nullptr, kAccepted,
     [](const Value& v, Options& o) {
       o.settings.slab_automove =
           !v ? 1 : static_cast<unsigned>(number(v, "slab_automove", 0, 2, "slab_automove must be between 0 and 2", o));
     }},
    {"no_slab_automove", nullptr, kAccepted, [](const Value&, Options& o) { o.settings.slab_automove = 0; }},
    {"slab_automove_ratio", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.slab_automove_ratio = factor(v, "slab_automove_ratio"); }},
    {"slab_automove_window", nullptr, kAccepted,
     [](const Value& v, Options& o) {
       o.settings.slab_automove_window = static_cast<unsigned>(
           number(v, "slab_automove_window", 3, kAnyNumber, "slab_automove_window must be > 2", o));
     }},
    {"slab_automove_freeratio", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.slab_automove_freeratio = factor(v, "slab_automove_freeratio"); }},
    {"slab_sizes", nullptr, kAccepted, accept_without_meaning},
    {"slab_chunk_max", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.slab_chunk_max_bytes = scaled(v, "slab_chunk_max", 10, o); }},
    {"tail_repair_time", nullptr, kAccepted,
     [](const Value& v, Options& o) {
       o.settings.tail_repair_s = static_cast<unsigned>(
           number(v, "tail_repair_time", 10, kAnyNumber, "Cannot set tail_repair_time to less than 10 seconds", o));
     }},
    {"lru_crawler", nullptr, kAccepted, [](const Value&, Options& o) { o.settings.lru_crawler_enabled = true; }},
    {"no_lru_crawler", nullptr, kAccepted, [](const Value&, Options& o) { o.settings.lru_crawler_enabled = false; }},
    {"lru_crawler_sleep", nullptr, kAccepted,
     [](const Value& v, Options& o) {
       o.settings.lru_crawler_sleep_us = static_cast<unsigned>(
           number(v, "lru_crawler_sleep", 0, 1000000, "LRU crawler sleep must be between 0 and 1 second", o));
     }},
    {"lru_crawler_tocrawl", nullptr, kAccepted,
     [](const Value& v, Options& o) {
       o.settings.lru_crawler_tocrawl = static_cast<unsigned>(
           number(v, "lru_crawler_tocrawl", 0, 0xffffffff, "lru_crawler_tocrawl takes a numeric 32bit value", o));
     }},
    {"lru_maintainer", nullptr, kAccepted, [](const Value&, Options& o) { o.settings.lru_maintainer_enabled = true; }},
    {"no_lru_maintainer", nullptr, kAccepted,
     [](const Value&, Options& o) {
       o.settings.lru_maintainer_enabled = false;
       o.settings.lru_segmented = false;
     }},
    {"hot_lru_pct", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.hot_lru_percent = percent(v, "hot_lru_pct", o); }},
    {"warm_lru_pct", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.warm_lru_percent = percent(v, "warm_lru_pct", o); }},
    {"hot_max_factor", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.hot_max_factor = factor(v, "hot_max_factor"); }},
    {"warm_max_factor", nullptr, kAccepted,
     [](const Value& v, Options& o) { o.settings.warm_max_factor = factor(v, "warm_max_factor"); }},
    {"temporary_ttl", nullptr, kAccepted,
     [](const Value& v, Options& o) {
       o.settings.temporary_lru = true;
       o.settings.temporary_ttl_s =
           static_cast<unsigned>(number(v, "temporary_ttl", 0, kAnyNumber, "not a number of seconds", o));
     }},

    // Of memcached's own insides.
    {"no_chunked_items", nullptr, kAccepted, accept_without_meaning},
    {"inline_ascii_resp", nullptr, kAccepted, accept_without_meaning},
    {"no_inline_ascii_resp", nullptr, kAccepted, accept_without_meaning},
    {"resp_obj_mem_limit", nullptr, kAccepted, accept_without_meaning},
    {"drop_privileges", nullptr, kAccepted, accept_without_meaning},
    {"no_drop_privileges", nullptr, kAccepted, accept_without_meaning},
    {"relaxed_privileges", nullptr, kAccepted, accept_without_meaning},
    {"sock_cookie_id", nullptr, kAccepted, accept_without_meaning},

    {"ext_path", nullptr, kAccepted, warn_of_extstore},
    {"ext_page_size", nullptr, kAccepted, accept_without_meaning},
    {"ext_wbuf_size", nullptr, kAccepted, accept_without_meaning},
    {"ext_threads", nullptr, kAccepted, accept_without_meaning},
    {"ext_io_depth", nullptr, kAccepted, accept_without_meaning},
    {"ext_item_size", nullptr, kAccepted, accept_without_meaning},
    {"ext_item_age", nullptr, kAccepted, accept_without_meaning},
    {"ext_low_ttl", nullptr, kAccepted, accept_without_meaning},
    {"ext_recache_rate", nullptr, kAccepted, accept_without_meaning},
    {"ext_compact_under", nullptr, kAccepted, accept_without_meaning},
    {"ext_drop_under", nullptr, kAccepted, accept_without_meaning},
    {"ext_max_sleep", nullptr, kAccepted, accept_without_meaning},
    {"ext_max_frag", nullptr, kAccepted, accept_without_meaning},
    {"ext_drop_unread", nullptr, kAccepted, accept_without_meaning},

    {"ssl_chain_cert", nullptr, kRefused, refuse_tls},
    {"ssl_key", nullptr, kRefused, refuse_tls},
    {"ssl_verify_mode", nullptr, kRefused, refuse_tls},
    {"ssl_keyformat", nullptr, kRefused, refuse_tls},
    {"ssl_ciphers", nullptr, kRefused, refuse_tls},
    {"ssl_ca_cert", nullptr, kRefused, refuse_tls},
    {"ssl_wbuf_size", nullptr, kRefused, refuse_tls},
    {"ssl_session_cache", nullptr, kRefused, refuse_tls},
    {"ssl_kernel_tls", nullptr, kRefused, refuse_tls},
    {"ssl_min_version", nullptr, kRefused, refuse_tls},
    {"proxy_config", nullptr, kRefused, refuse_proxy},
    {"proxy_arg", nullptr, kRefused, refuse_proxy},
    {"proxy_uring", nullptr, kRefused, refuse_proxy},
});

}  // namespace

std::span<const SuboptionRow> suboption_rows() {
  return kRows;
}

void parse_suboptions(std::string_view list, Options& out) {
  while (!list.empty()) {
    const std::string_view element = list.substr(0, list.find(','));
    list.remove_prefix(std::min(element.size() + 1, list.size()));
    const std::size_t equals = element.find('=');
    const std::string_view name = element.substr(0, equals);
    Value value;
    if (equals != std::string_view::npos) value = std::string(element.substr(equals + 1));

    const SuboptionRow* row = nullptr;
    for (const SuboptionRow& candidate : kRows) {
      if (name == candidate.name) row = &candidate;
    }
    if (row == nullptr) throw OptionError(kExitFailure, "Illegal suboption \"" + std::string(element) + "\"");
    row->apply(value, out);
  }
}

}  // namespace lmc::server

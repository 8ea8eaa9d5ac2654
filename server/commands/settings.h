// Settings: every option of the command line that means something here or is shown by `stats settings`.
//
// Filled by the option parser before the first worker starts, in memcached's words and with memcached's defaults
// (1.6.45's). Options that are accepted without meaning keep their value only to be shown. Groups follow COMPATIBILITY
// section 6.
//
// Threads: plain fields are written before the workers start and never again. The atomics may be changed by any worker
// (an admin command does) and are read by all, relaxed: each stands for itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace lmc::commands {

// What clients are told (`version`, `stats`, -V): the memcached whose contract this server keeps.
inline constexpr const char* kVersion = "1.6.45";

enum class ProtocolChoice : std::uint8_t { kNegotiate, kText, kBinary };  // -B auto, ascii, binary

struct Settings {
  // --- memory and items ---
  std::uint64_t memory_limit_bytes = std::uint64_t{64} << 20;  // -m, given in megabytes
  std::uint64_t max_item_bytes = std::uint64_t{1} << 20;       // -I
  bool evict = true;                                           // -M clears it
  bool use_cas = true;                                         // -C clears it
  bool lock_memory = false;                                    // -k
  bool large_pages = false;                                    // -L
  std::string memory_file;                                     // -e
  double slab_growth_factor = 1.25;                            // -f, shown only
  unsigned slab_min_bytes = 48;                                // -n, shown only
  std::uint64_t slab_chunk_max_bytes = 512 << 10;              // -o slab_chunk_max, in kilobytes; shown only
  unsigned hash_power_initial = 0;                             // -o hashpower; shown only
  std::string hash_algorithm = "xxh3";                         // -o hash_algorithm; shown only

  // --- network ---
  std::vector<std::string> listen_addresses;             // -l, each as given, prefixes included; empty: all interfaces
  std::uint16_t tcp_port = 11211;                        // -p; 0: none, or chosen by the kernel with -l host:0
  std::uint16_t udp_port = 0;                            // -U; 0: off
  std::string unix_socket_path;                          // -s; empty: none
  unsigned unix_socket_mask = 0700;                      // -a, octal on the command line
  unsigned max_connections = 1024;                       // -c
  bool max_connections_fast = true;                      // -o maxconns_fast: answer and close instead of not accepting
  unsigned listen_backlog = 1024;                        // -b
  unsigned max_requests_per_event = 20;                  // -R
  unsigned idle_timeout_s = 0;                           // -o idle_timeout; 0: never
  unsigned worker_threads = 4;                           // -t
  unsigned napi_ids = 0;                                 // -N, shown only
  ProtocolChoice protocol = ProtocolChoice::kNegotiate;  // -B
  std::uint64_t read_buffer_limit_bytes = 0;             // -o read_buf_mem_limit, in megabytes; 0: none
  std::uint64_t reply_limit_bytes = 0;                   // -o resp_obj_mem_limit, in megabytes; 0: none

  // --- what clients may do ---
  bool shutdown_enabled = false;   // -A
  bool flush_enabled = true;       // -F clears it
  bool dump_enabled = true;        // -X clears it: metadump, mgdump, cachedump
  bool watch_enabled = true;       // -W clears it
  bool debugtime_enabled = false;  // test option: the `debugtime` command exists
  char prefix_delimiter = ':';     // -D; giving it also sets detail_enabled

  // --- process ---
  bool daemonize = false;   // -d
  bool core_dumps = false;  // -r
  std::string user;         // -u
  std::string pid_file;     // -P

  std::string event_library;  // libevent's version, filled in by net; shown only

  // --- the reclaimer under its names in memcached; shown, changed by `lru`, `slabs`, `lru_crawler`, else without
  // meaning ---
  std::atomic<bool> lru_crawler_enabled = true;      // -o no_lru_crawler; lru_crawler enable|disable
  std::atomic<unsigned> lru_crawler_sleep_us = 100;  // -o lru_crawler_sleep
  std::atomic<unsigned> lru_crawler_tocrawl = 0;     // -o lru_crawler_tocrawl; 0: all
  bool lru_maintainer_enabled = true;                // -o no_lru_maintainer
  std::atomic<bool> lru_segmented = true;            // lru mode
  std::atomic<unsigned> hot_lru_percent = 20;        // -o hot_lru_pct, lru tune
  std::atomic<unsigned> warm_lru_percent = 40;       // -o warm_lru_pct
  std::atomic<double> hot_max_factor = 0.2;          // -o hot_max_factor
  std::atomic<double> warm_max_factor = 2.0;         // -o warm_max_factor
  std::atomic<bool> temporary_lru = false;           // -o temporary_ttl, lru temp_ttl
  std::atomic<unsigned> temporary_ttl_s = 61;
  bool slab_reassign = true;                // -o no_slab_reassign
  std::atomic<unsigned> slab_automove = 1;  // -o slab_automove, slabs automove
  std::atomic<double> slab_automove_ratio = 0.8;
  std::atomic<unsigned> slab_automove_window = 30;
  std::atomic<double> slab_automove_freeratio = 0.01;
  unsigned tail_repair_s = 0;          // -o tail_repair_time
  bool track_sizes = false;            // -o track_sizes; `stats sizes` works without it
  bool inline_ascii_response = false;  // -o inline_ascii_resp

  // --- watch ---
  std::uint64_t watcher_buffer_bytes = 256 << 10;    // -o watcher_logbuf_size, in kilobytes
  std::uint64_t worker_log_buffer_bytes = 64 << 10;  // -o worker_logbuf_size; shown only

  // --- changed while running ---
  std::atomic<unsigned> verbosity = 0;       // number of -v; `verbosity`
  std::atomic<bool> detail_enabled = false;  // -D; `stats detail on|off`
};

}  // namespace lmc::commands

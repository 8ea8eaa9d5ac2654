#include "server/options.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "server/option_table.h"

using namespace lmc;
using namespace lmc::server;

namespace {

struct Parsed {
  explicit Parsed(std::vector<std::string> words) { parse_options(words, "", options); }
  Options options;
  commands::Settings& settings = options.settings;
};

void check_refused(const std::vector<std::string>& words, int exit_code, const std::string& part_of_text) {
  INFO(words.front());
  Options options;
  try {
    parse_options(words, "", options);
    FAIL("accepted");
  } catch (const OptionError& error) {
    CHECK(error.exit_code() == exit_code);
    CHECK_THAT(error.what(), Catch::Contains(part_of_text));
  }
}

}  // namespace

TEST_CASE("without options the defaults are memcached's") {
  const Parsed parsed({});
  CHECK(parsed.settings.memory_limit_bytes == 64 << 20);
  CHECK(parsed.settings.worker_threads == 4);
  CHECK(parsed.settings.max_connections == 1024);
  CHECK(parsed.options.listen.tcp_port == 11211);
  CHECK_FALSE(parsed.options.listen.udp_port.has_value());
  REQUIRE(parsed.options.listen.addresses.size() == 1);
  CHECK(parsed.options.listen.addresses[0].host.empty());
}

TEST_CASE("what packagers and containers pass is understood") {
  const Parsed debian(
      {"-m", "64", "-p", "11222", "-u", "memcache", "-l", "127.0.0.1", "-P", "/run/memcached.pid", "-d"});
  CHECK(debian.settings.user == "memcache");
  CHECK(debian.settings.pid_file == "/run/memcached.pid");
  CHECK(debian.settings.daemonize);
  CHECK(debian.options.listen.tcp_port == 11222);
  CHECK(debian.options.listen.addresses[0].host == "127.0.0.1");

  const Parsed manifest({"-m 128 # megabytes", "-c 2048", "-I 2m", "-o modern,idle_timeout=30", "-vv"});
  CHECK(manifest.settings.memory_limit_bytes == 128 << 20);
  CHECK(manifest.settings.max_connections == 2048);
  CHECK(manifest.settings.max_item_bytes == 2 << 20);
  CHECK(manifest.settings.idle_timeout_s == 30);
  CHECK(manifest.settings.verbosity == 2);
  CHECK(manifest.options.warnings.size() == 1);  // of the comment
}

TEST_CASE("short options can be joined, long ones shortened, values attached") {
  const Parsed parsed({"-vvv", "-m100", "-MCA", "--threads=2", "--conn-limit", "5", "--listen-back=7"});
  CHECK(parsed.settings.verbosity == 3);
  CHECK(parsed.settings.memory_limit_bytes == 100 << 20);
  CHECK_FALSE(parsed.settings.evict);
  CHECK_FALSE(parsed.settings.use_cas);
  CHECK(parsed.settings.shutdown_enabled);
  CHECK(parsed.settings.worker_threads == 2);
  CHECK(parsed.settings.max_connections == 5);
  CHECK(parsed.settings.listen_backlog == 7);
}

TEST_CASE("every option of memcached is accepted, or refused with a reason") {
  const std::set<std::string> refused{"-S", "-Y", "-Z"};
  for (const OptionRow& row : option_rows()) {
    if (row.letter == 0 || std::string("hViuo").find(row.letter) != std::string::npos) continue;
    const std::string option{'-', row.letter};
    std::vector<std::string> words{option};
    if (row.argument != nullptr) words.emplace_back(row.letter == 'B' ? "auto" : row.letter == 'I' ? "2048" : "2");
    if (row.letter == 'm') words.back() = "64";
    INFO(option);
    if (refused.contains(option)) {
      CHECK(row.meaning == Meaning::kRefused);
      check_refused(words, kExitUsage, option);
    } else {
      CHECK(row.meaning != Meaning::kRefused);
      CHECK_NOTHROW(Parsed(words));
    }
  }
  for (const char letter : std::string("pUsaAldrumMckvhiVPfnLDtRCbBISFXWYeZNo")) {
    bool there = false;
    for (const OptionRow& row : option_rows()) there = there || row.letter == letter;
    CHECK(there);
  }
}

TEST_CASE("ports: -1 lets the kernel choose, 0 is off, UDP alone takes TCP along") {
  CHECK(Parsed({"-p", "-1"}).options.listen.tcp_port == 0);
  CHECK_FALSE(Parsed({"-p", "0"}).options.listen.tcp_port.has_value());
  CHECK(Parsed({"-U", "-1", "-p", "-1"}).options.listen.udp_port == 0);
  const Parsed udp({"-U", "11300"});
  CHECK(udp.options.listen.udp_port == 11300);
  CHECK(udp.options.listen.tcp_port == 11300);
  CHECK(Parsed({"-U", "11300", "-p", "11400"}).options.listen.tcp_port == 11400);
}

TEST_CASE("-l may be repeated and hold a list") {
  const Parsed parsed({"-l", "127.0.0.1,127.0.0.2:5", "-l", "[::1]:6"});
  REQUIRE(parsed.options.listen.addresses.size() == 3);
  CHECK(parsed.options.listen.addresses[1].port == 5);
  CHECK(parsed.settings.listen_addresses == std::vector<std::string>{"127.0.0.1,127.0.0.2:5", "[::1]:6"});
}

TEST_CASE("bad values are refused with memcached's words, by option and value") {
  check_refused({"-p", "70000"}, kExitUsage, "ERROR: Invalid port number 70000.");
  check_refused({"-c", "0"}, kExitFailure, "-c 0: Maximum connections must be greater than 0");
  check_refused({"-t", "x"}, kExitFailure, "-t x: Number of threads must be greater than 0");
  check_refused({"-f", "1"}, kExitFailure, "Factor must be greater than 1");
  check_refused({"-n", "0"}, kExitFailure, "Chunk size must be greater than 0");
  check_refused({"-R", "0"}, kExitFailure, "Number of requests per event must be greater than 0");
  check_refused({"-B", "foo"}, kExitUsage,
                "Invalid value for binding protocol: foo\n -- should be one of auto, binary, or ascii");
  check_refused({"-I", "10"}, kExitUsage, "Item max size cannot be less than 1024 bytes");
  check_refused({"-I", "2000m", "-m", "9000"}, kExitUsage, "Cannot set item size limit higher than a gigabyte");
  check_refused({"-I", "40m"}, kExitUsage, "Cannot set item size limit higher than 1/2 of memory max.");
  check_refused({"-m", "1"}, kExitUsage, "Cannot set item size limit higher than 1/2 of memory max.");
  check_refused({"-m", "lots"}, kExitUsage, "-m lots");
  check_refused({"-o", "hot_lru_pct=50,warm_lru_pct=50"}, kExitUsage,
                "hot_lru_pct + warm_lru_pct cannot be more than 80% combined");
  check_refused({"-a", "999"}, kExitUsage, "-a 999");
  check_refused({"-l", "127.0.0.1:abc"}, kExitSystem, "Invalid port number: \"abc\"");
  check_refused({"--bogus"}, kExitFailure, "unrecognized option '--bogus'\nIllegal argument \"?\"");
  check_refused({"-m"}, kExitFailure, "-m");
}

TEST_CASE("-o: unknown ones are named whole, missing numbers asked for, TLS refused") {
  check_refused({"-o", "bogus"}, kExitFailure, "Illegal suboption \"bogus\"");
  check_refused({"-o", "maxconns_fast,foo=3"}, kExitFailure, "Illegal suboption \"foo=3\"");
  check_refused({"-o", "idle_timeout"}, kExitFailure, "Missing numeric argument for idle_timeout");
  check_refused({"-o", "hash_algorithm=md5"}, kExitFailure, "Unknown hash_algorithm option (jenkins, murmur3, xxh3)");
  check_refused({"-o", "tail_repair_time=1"}, kExitFailure, "Cannot set tail_repair_time to less than 10 seconds");
  check_refused({"-o", "ssl_key=x"}, kExitUsage, "TLS is not available yet");
}

TEST_CASE("-o: every word of memcached is known") {
  for (const char* word : {"maxconns_fast",
                           "no_maxconns_fast",
                           "hashpower=20",
                           "no_hashexpand",
                           "slab_reassign",
                           "no_slab_reassign",
                           "slab_automove",
                           "slab_automove=2",
                           "no_slab_automove",
                           "slab_automove_ratio=0.5",
                           "slab_automove_window=20",
                           "slab_automove_freeratio=0.02",
                           "tail_repair_time=20",
                           "hash_algorithm=murmur3",
                           "lru_crawler",
                           "no_lru_crawler",
                           "lru_crawler_sleep=100",
                           "lru_crawler_tocrawl=5",
                           "lru_maintainer",
                           "no_lru_maintainer",
                           "hot_lru_pct=10",
                           "warm_lru_pct=30",
                           "hot_max_factor=0.1",
                           "warm_max_factor=1.5",
                           "temporary_ttl=30",
                           "idle_timeout=5",
                           "watcher_logbuf_size=64",
                           "worker_logbuf_size=64",
                           "slab_sizes=1-2",
                           "slab_chunk_max=16",
                           "track_sizes",
                           "modern",
                           "no_modern",
                           "no_chunked_items",
                           "inline_ascii_resp",
                           "no_inline_ascii_resp",
                           "drop_privileges",
                           "no_drop_privileges",
                           "relaxed_privileges",
                           "resp_obj_mem_limit=5",
                           "read_buf_mem_limit=5",
                           "sock_cookie_id=1",
                           "ext_path=/tmp/x:1m",
                           "ext_threads=2"}) {
    INFO(word);
    CHECK_NOTHROW(Parsed({"-o", word}));
  }
  const Parsed parsed({"-o", "no_modern,maxconns_fast", "-o", "hot_lru_pct=33"});
  CHECK(parsed.settings.max_connections_fast);
  CHECK_FALSE(parsed.settings.slab_reassign);
  CHECK(parsed.settings.hot_lru_percent == 33);
}

TEST_CASE("-D sets the delimiter and turns the prefix statistics on") {
  const Parsed parsed({"-D", "/"});
  CHECK(parsed.settings.prefix_delimiter == '/');
  CHECK(parsed.settings.detail_enabled);
}

TEST_CASE("help names every used option in memcached's shape; version is one line") {
  const std::string help = help_text();
  CHECK_THAT(help, Catch::StartsWith("logmemcached 1.6.45\n"));
  CHECK_THAT(help, Catch::Contains("-p, --port=<num>          TCP port to listen on (default: 11211)\n"));
  CHECK_THAT(help, Catch::Contains("unix-socket"));
  CHECK(version_text() == "logmemcached 1.6.45\n");
  CHECK(Parsed({"-h"}).options.wish == Options::Wish::kHelp);
  CHECK(Parsed({"-V"}).options.wish == Options::Wish::kVersion);
  CHECK(Parsed({"-i"}).options.wish == Options::Wish::kLicense);
}

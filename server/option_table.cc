#include "server/option_table.h"

#include <array>
#include <cstdlib>

#include "server/commands/counters.h"

namespace lmc::server {
namespace {

using commands::ProtocolChoice;

constexpr std::int64_t kAnyNumber = std::numeric_limits<std::int32_t>::max();
constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;
constexpr unsigned kManyThreads = 64;

[[noreturn]] void refuse(const char* option, const char* what) {
  throw OptionError(kExitUsage, std::string(option) + ": " + what +
                                    " is not available yet, and starting without it would leave clients with less than "
                                    "was asked for; remove the option, or keep memcached where it is needed");
}

int parse_port(const std::string& value, const char* option, Options& out) {
  const std::string complaint = "ERROR: Invalid port number " + value + ".";
  return static_cast<int>(parse_number(value, {option, -1, 65535, complaint.c_str(), kExitUsage}, out));
}

void set_item_size(const std::string& value, Options& out) {
  char* end = nullptr;
  const double size = std::strtod(value.c_str(), &end);
  double unit = 1;
  if (*end == 'k' || *end == 'K') unit = 1024;
  if (*end == 'm' || *end == 'M') unit = 1024 * 1024;
  constexpr const char* kRemedy = "; give 1k to 1024m, at most half of -m";
  if (!(size * unit >= 1024)) {
    throw OptionError(kExitUsage, "-I " + value + ": Item max size cannot be less than 1024 bytes" + kRemedy);
  }
  if (size * unit > 1024.0 * 1024 * 1024) {
    throw OptionError(kExitUsage, "-I " + value + ": Cannot set item size limit higher than a gigabyte" + kRemedy);
  }
  out.settings.max_item_bytes = static_cast<std::uint64_t>(size * unit);
}

void set_protocol(const std::string& value, Options& out) {
  if (value == "auto") {
    out.settings.protocol = ProtocolChoice::kNegotiate;
  } else if (value == "binary") {
    out.settings.protocol = ProtocolChoice::kBinary;
  } else if (value == "ascii") {
    out.settings.protocol = ProtocolChoice::kText;
  } else {
    throw OptionError(kExitUsage, "-B: Invalid value for binding protocol: " + value +
                                      "\n -- should be one of auto, binary, or ascii");
  }
}

void set_role(const std::string& value, Options& out) {
  if (value == "primary")
    out.group.role = group::StartAs::kPrimary;
  else if (value == "backup")
    out.group.role = group::StartAs::kBackup;
  else
    throw OptionError(kExitUsage, "--role " + value + ": should be one of primary, backup");
}

void set_fabric(const std::string& value, Options& out) {
  if (value != "auto" && value != "verbs" && value != "tcp")
    throw OptionError(kExitUsage, "--fabric " + value + ": should be one of auto, verbs, tcp");
  out.group.fabric = value;
}

void set_ack(const std::string& value, Options& out) {
  using replication::Ack;
  if (value == "none")
    out.group.ack = Ack::kNone;
  else if (value == "one")
    out.group.ack = Ack::kOne;
  else if (value == "all")
    out.group.ack = Ack::kAll;
  else
    throw OptionError(kExitUsage, "--ack " + value + ": should be one of none, one, all");
}

void set_replication_timeout(const std::string& value, Options& out) {
  constexpr std::int64_t kLeast = 50;  // a tenth of it is the time between two beats
  constexpr std::int64_t kMost = std::chrono::milliseconds(replication::kLongestTerm).count();
  static_assert(kMost == 600'000);
  out.group.timeout = std::chrono::milliseconds(parse_number(
      value, {"--replication-timeout", kLeast, kMost, "--replication-timeout: 50 to 600000 milliseconds", kExitUsage},
      out));
}

void set_replication_tos(const std::string& value, Options& out) {
  out.group.type_of_service = static_cast<int>(
      parse_number(value, {"--replication-tos", 0, 255, "--replication-tos: 0 to 255", kExitUsage}, out));
}

void set_verbs_ack_timeout(const std::string& value, Options& out) {
  out.group.verbs_ack_timeout = static_cast<int>(
      parse_number(value, {"--verbs-ack-timeout", 0, 31, "--verbs-ack-timeout: 0 to 31", kExitUsage}, out));
}

void set_verbs_retries(const std::string& value, Options& out) {
  out.group.verbs_retries =
      static_cast<int>(parse_number(value, {"--verbs-retries", 0, 7, "--verbs-retries: 0 to 7", kExitUsage}, out));
}

void set_threads(const std::string& value, Options& out) {
  out.settings.worker_threads = static_cast<unsigned>(
      parse_number(value,
                   {"-t", 1, commands::kMaxWorkers,
                    "Number of threads must be greater than 0; give the number of cores, 256 at most", kExitFailure},
                   out));
  if (out.settings.worker_threads > kManyThreads) {
    out.warnings.emplace_back(
        "WARNING: Setting a high number of workerthreads is not recommended.\n"
        " Set this value to the number of cores in your machine or less.");
  }
}

void set_unix_mask(const std::string& value, Options& out) {
  char* end = nullptr;
  const unsigned long mask = std::strtoul(value.c_str(), &end, 8);
  if (end == value.c_str() || mask > 0777) {
    throw OptionError(kExitUsage, "-a " + value + ": not an octal access mask; give one like 700 or 770");
  }
  out.settings.unix_socket_mask = static_cast<unsigned>(mask);
}

void set_delimiter(const std::string& value, Options& out) {
  if (value.empty()) throw OptionError(kExitFailure, "-D: No delimiter specified; give one character");
  out.settings.prefix_delimiter = value.front();
  out.settings.detail_enabled = true;
}

void set_memory(const std::string& value, Options& out) {
  const NumberRule rule{"-m", 1, 16 << 20, "no amount of memory; give megabytes, like 64 or 1024", kExitUsage};
  out.settings.memory_limit_bytes = static_cast<std::uint64_t>(parse_number(value, rule, out)) * kMegabyte;
}

void set_connections(const std::string& value, Options& out) {
  const NumberRule rule{"-c", 1, kAnyNumber, "Maximum connections must be greater than 0", kExitFailure};
  out.settings.max_connections = static_cast<unsigned>(parse_number(value, rule, out));
}

void set_requests_per_event(const std::string& value, Options& out) {
  const NumberRule rule{"-R", 1, kAnyNumber, "Number of requests per event must be greater than 0", kExitFailure};
  out.settings.max_requests_per_event = static_cast<unsigned>(parse_number(value, rule, out));
}

void set_backlog(const std::string& value, Options& out) {
  const NumberRule rule{"-b", 0, kAnyNumber, "not a length of a queue; give a number like 1024", kExitUsage};
  out.settings.listen_backlog = static_cast<unsigned>(parse_number(value, rule, out));
}

void set_growth_factor(const std::string& value, Options& out) {
  out.settings.slab_growth_factor =
      parse_factor(value, {"-f", 1, kAnyNumber, "Factor must be greater than 1", kExitFailure});
}

void set_min_size(const std::string& value, Options& out) {
  const NumberRule rule{"-n", 1, kAnyNumber, "Chunk size must be greater than 0", kExitFailure};
  out.settings.slab_min_bytes = static_cast<unsigned>(parse_number(value, rule, out));
}

void set_napi_ids(const std::string& value, Options& out) {
  const NumberRule rule{"-N", 1, kAnyNumber, "Maximum number of NAPI IDs must be greater than 0", kExitFailure};
  out.settings.napi_ids = static_cast<unsigned>(parse_number(value, rule, out));
}

constexpr Meaning kUsed = Meaning::kUsed;
constexpr Meaning kAccepted = Meaning::kAccepted;
constexpr Meaning kRefused = Meaning::kRefused;

constexpr auto kRows = std::to_array<OptionRow>({
    {'p', "port", "<num>", "TCP port to listen on (default: 11211)", kUsed,
     [](const std::string& v, Options& o) { o.tcp_port = parse_port(v, "-p", o), o.tcp_port_given = true; }},
    {'U', "udp-port", "<num>", "UDP port to listen on (default: 0, off)", kUsed,
     [](const std::string& v, Options& o) { o.udp_port = parse_port(v, "-U", o), o.udp_port_given = true; }},
    {'s', "unix-socket", "<file>", "UNIX socket to listen on (disables network support)", kUsed,
     [](const std::string& v, Options& o) { o.settings.unix_socket_path = v; }},
    {'a', "unix-mask", "<mask>", "access mask for UNIX socket, in octal (default: 700)", kUsed, set_unix_mask},
    {'A', "enable-shutdown", nullptr, "enable ascii \"shutdown\" command", kUsed,
     [](const std::string&, Options& o) { o.settings.shutdown_enabled = true; }},
    {'l', "listen", "<addr>",
     "interface to listen on (default: all); several times, or a\n"
     "list separated by commas; host:port and [ipv6]:port too",
     kUsed, [](const std::string& v, Options& o) { o.settings.listen_addresses.push_back(v); }},
    {'d', "daemon", nullptr, "run as a daemon", kUsed,
     [](const std::string&, Options& o) { o.settings.daemonize = true; }},
    {'r', "enable-coredumps", nullptr, "maximize core file limit", kUsed,
     [](const std::string&, Options& o) { o.settings.core_dumps = true; }},
    {'u', "user", "<user>", "assume identity of <username> (only when run as root)", kUsed,
     [](const std::string& v, Options& o) { o.settings.user = v; }},
    {'m', "memory-limit", "<num>", "item memory in megabytes (default: 64)", kUsed, set_memory},
    {'M', "disable-evictions", nullptr, "return error on memory exhausted instead of evicting", kUsed,
     [](const std::string&, Options& o) { o.settings.evict = false; }},
    {'c', "conn-limit", "<num>", "max simultaneous connections (default: 1024)", kUsed, set_connections},
    {'k', "lock-memory", nullptr, "lock down all paged memory", kUsed,
     [](const std::string&, Options& o) { o.settings.lock_memory = true; }},
    {'v', "verbose", nullptr,
     "verbose (print errors/warnings while in event loop)\n"
     "-vv: also print connections and client commands\n"
     "-vvv: also print internal state",
     kUsed, [](const std::string&, Options& o) { ++o.settings.verbosity; }},
    {'h', "help", nullptr, "print this help and exit", kUsed,
     [](const std::string&, Options& o) { o.wish = Options::Wish::kHelp; }},
    {'i', "license", nullptr, "print licenses and exit", kUsed,
     [](const std::string&, Options& o) { o.wish = Options::Wish::kLicense; }},
    {'V', "version", nullptr, "print version and exit", kUsed,
     [](const std::string&, Options& o) { o.wish = Options::Wish::kVersion; }},
    {'P', "pidfile", "<file>", "save PID in <file>", kUsed,
     [](const std::string& v, Options& o) { o.settings.pid_file = v; }},
    {'f', "slab-growth-factor", "<num>", "accepted; a log has no slab classes (default: 1.25)", kAccepted,
     set_growth_factor},
    {'n', "slab-min-size", "<bytes>", "accepted; a log has no slab classes (default: 48)", kAccepted, set_min_size},
    {'L', "enable-largepages", nullptr, "try to use large memory pages (if available)", kUsed,
     [](const std::string&, Options& o) { o.settings.large_pages = true; }},
    {'D', "", "<char>",
     "Use <char> as the delimiter between key prefixes and IDs.\n"
     "This is used for per-prefix stats reporting. The default is\n"
     "\":\" (colon). If this option is specified, stats collection\n"
     "is turned on automatically; if not, then it may be turned on\n"
     "by sending the \"stats detail on\" command to the server.",
     kUsed, set_delimiter},
    {'t', "threads", "<num>", "number of threads to use (default: 4)", kUsed, set_threads},
    {'R', "max-reqs-per-event", "<num>",
     "maximum number of requests per event, limits the\n"
     "requests processed per connection to prevent\n"
     "starvation (default: 20)",
     kUsed, set_requests_per_event},
    {'C', "disable-cas", nullptr, "disable use of CAS", kUsed,
     [](const std::string&, Options& o) { o.settings.use_cas = false; }},
    {'b', "listen-backlog", "<num>", "set the backlog queue limit (default: 1024)", kUsed, set_backlog},
    {'B', "protocol", "<name>", "protocol - one of ascii, binary, or auto (default: auto-negotiate)", kUsed,
     set_protocol},
    {'I', "max-item-size", "<num>",
     "adjusts max item size\n"
     "(default: 1m, min: 1k, max: 1024m, at most half of -m)",
     kUsed, set_item_size},
    {'S', "enable-sasl", nullptr, nullptr, kRefused,
     [](const std::string&, Options&) { refuse("-S", "SASL authentication"); }},
    {'F', "disable-flush-all", nullptr, "disable flush_all command", kUsed,
     [](const std::string&, Options& o) { o.settings.flush_enabled = false; }},
    {'X', "disable-dumping", nullptr, "disable stats cachedump and lru_crawler metadump", kUsed,
     [](const std::string&, Options& o) { o.settings.dump_enabled = false; }},
    {'W', "disable-watch", nullptr, "disable watch commands (live logging)", kUsed,
     [](const std::string&, Options& o) { o.settings.watch_enabled = false; }},
    {'Y', "auth-file", "<file>", nullptr, kRefused,
     [](const std::string&, Options&) { refuse("-Y", "authentication of ascii clients"); }},
    {'e', "memory-file", "<file>",
     "keep item memory in a file, in a ram disk or persistent\n"
     "memory: its items are there again after a restart,\n"
     "also after one that was not asked for",
     kUsed, [](const std::string& v, Options& o) { o.settings.memory_file = v; }},
    {'Z', "enable-ssl", nullptr, nullptr, kRefused, [](const std::string&, Options&) { refuse("-Z", "TLS"); }},
    {'N', "napi-ids", "<num>", "accepted; connections are spread evenly over threads", kAccepted, set_napi_ids},
    {0, "napi_ids", "<num>", nullptr, kAccepted, set_napi_ids},
    {0, "enable-debugtime", nullptr, "for tests: a command that moves the server's clock", kUsed,
     [](const std::string&, Options& o) { o.settings.debugtime_enabled = true; }},
    {0, "role", "<role>",
     "take part in a replicated group as its primary, or as a\n"
     "backup of the node named by --primary",
     kUsed, set_role},
    {0, "primary", "<addr:port>", "replication address of the primary to follow", kUsed,
     [](const std::string& v, Options& o) { o.group.primary = v; }},
    {0, "replication-listen", "<addr:port>", "where the other nodes of the group, and lmcctl, connect to", kUsed,
     [](const std::string& v, Options& o) { o.group.listen = v; }},
    {0, "replication-address", "<addr:port>",
     "how the others reach that place, if it is not what it\n"
     "listens on",
     kUsed, [](const std::string& v, Options& o) { o.group.address = v; }},
    {0, "group-secret-file", "<file>", "what every node of the group knows and nobody else (mode 600)", kUsed,
     [](const std::string& v, Options& o) { o.group.secret_file = v; }},
    {0, "group-state-file", "<file>", "remember the group's epoch over restarts", kUsed,
     [](const std::string& v, Options& o) { o.group.state_file = v; }},
    {0, "fabric", "<kind>",
     "what moves the log: verbs (RDMA), tcp, or auto: verbs\n"
     "where an RDMA device has the address (default: auto)",
     kUsed, set_fabric},
    {0, "ack", "<which>",
     "answer a write when no, one, or every in-sync backup has\n"
     "it: none (it has it within some milliseconds), one,\n"
     "all (default: all)",
     kUsed, set_ack},
    {0, "read-only", nullptr, "a backup refuses what changes state", kUsed,
     [](const std::string&, Options& o) { o.group.read_only = true; }},
    {0, "no-forward", nullptr, "the same: a backup carries nothing to the primary", kUsed,
     [](const std::string&, Options& o) { o.group.read_only = true; }},
    {0, "replication-timeout", "<ms>",
     "how long a node may be silent, or behind, before the\n"
     "group goes on without it (default: 1000)",
     kUsed, set_replication_timeout},
    {0, "replication-tos", "<num>", "type of service of the group's data links", kUsed, set_replication_tos},
    {0, "verbs-ack-timeout", "<n>",
     "RDMA: a packet is sent again after 4.096 us * 2^n\n"
     "(default: 14; 0: what the device takes)",
     kUsed, set_verbs_ack_timeout},
    {0, "verbs-retries", "<num>", "RDMA: so often, then the link is broken (default: 6)", kUsed, set_verbs_retries},
    {'o', "extended", "<list>",
     "comma separated list of extended options\n"
     "most options have a 'no_' prefix to disable",
     kUsed, [](const std::string& v, Options& o) { parse_suboptions(v, o); }},
});

}  // namespace

std::span<const OptionRow> option_rows() {
  return kRows;
}

}  // namespace lmc::server

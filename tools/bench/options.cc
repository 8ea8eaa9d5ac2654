#include "tools/bench/options.h"

#include <boost/program_options.hpp>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lmc::bench {
namespace {

namespace po = boost::program_options;

constexpr const char* kHead =
    "lmc-bench: load for memcached servers (text, meta and binary protocol), with latencies that can be believed.\n"
    "\n"
    "  Closed loop (default): each connection sends a batch of --pipeline operations with one write, waits for all "
    "their\n"
    "  answers, sends the next. Good for CPU per operation and for the highest throughput. Its latencies are those of "
    "a\n"
    "  client that politely waits: they hide queueing.\n"
    "  Open loop (--rate): operations begin at random moments (a Poisson process), whether the server keeps up or not, "
    "and\n"
    "  latency counts from the moment an operation should have begun. Believe these.\n";

constexpr const char* kExamples =
    "\nExamples\n"
    "  CPU time per operation of a server, one write per 10 operations, 16 connections:\n"
    "    lmc-bench --prefill --pipeline 10 --server-pid $(pidof memcached) --duration 5\n"
    "  Latency at 50,000 operations a second, with a picture, on a Zipf-distributed million keys:\n"
    "    lmc-bench --prefill --keys 1000000 --popularity zipf:0.99 --rate 50000 --svg latency.svg\n"
    "  Hit ratio of a cache of any size, the same requests on every server (one connection, fixed seed):\n"
    "    lmc-bench --cache-aside --ratio 0:1 --keys 1000000 --popularity zipf:1.0 --connections 1 --pipeline 32 \\\n"
    "              --operations 5000000 --warmup-operations 5000000 --seed 7\n"
    "  Are all the values right?\n"
    "    lmc-bench --prefill --verify --values-change --ratio 1:1 --value-bytes uniform:1-5000\n"
    "\nExit status: 0 the run is good; 1 wrong usage or no connection; 2 errors, wrong values or unanswered "
    "operations.\n";

po::options_description connection_options() {
  po::options_description group("Connection", 120, 60);
  group.add_options()("server,s", po::value<std::string>()->default_value("127.0.0.1:11211"),
                      "HOST:PORT of the server")("unix", po::value<std::string>(),
                                                 "path of a unix socket, instead of --server")(
      "protocol,P", po::value<std::string>()->default_value("text"), "text, meta or binary; redis: RESP, sets only")(
      "wait", po::value<std::uint32_t>()->default_value(0), "redis: each batch ends with a WAIT for so many replicas")(
      "connections,c", po::value<std::uint32_t>()->default_value(16), "connections, dealt out to the threads")(
      "threads,t", po::value<std::uint32_t>()->default_value(1), "threads of the generator")(
      "cpus", po::value<std::string>(), "CPUs of the threads, in turn: 1 or 2,3 or 4-7; default: anywhere");
  return group;
}

po::options_description load_options() {
  po::options_description group("Load", 120, 60);
  group.add_options()("pipeline,p", po::value<std::uint32_t>()->default_value(1),
                      "operations of one batch, sent by one write")(
      "window", "keep --pipeline operations under way instead of waiting for the whole batch")(
      "rate,r", po::value<double>(),
      "open loop: operations a second, all connections together (in Poisson-distributed "
      "batches of --pipeline)")("sleep",
                                "open loop: sleep between arrivals instead of spinning; cheaper, but sends come later")(
      "ratio", po::value<std::string>()->default_value("1:10"), "SETS:GETS; 1:0 only sets, 0:1 only gets")(
      "multiget,k", po::value<std::uint32_t>()->default_value(1), "keys of each get")(
      "cache-aside", "set each key that a get did not find, like a cache in front of a database");
  return group;
}

po::options_description key_options() {
  po::options_description group("Keys and values", 120, 60);
  group.add_options()("keys,n", po::value<std::uint64_t>()->default_value(10'000), "how many keys there are")(
      "key-offset", po::value<std::uint64_t>()->default_value(0), "number of the first key: another set of keys")(
      "key-prefix", po::value<std::string>()->default_value("key:"), "what every key begins with")(
      "key-bytes", po::value<std::string>()->default_value("20"), "length of keys, a distribution (below)")(
      "value-bytes,d", po::value<std::string>()->default_value("100"),
      "length of values, a distribution; a property of "
      "the key, unless --values-change")("ttl", po::value<std::string>()->default_value("0"),
                                         "time to live in seconds, a distribution; 0: for ever")(
      "popularity", po::value<std::string>()->default_value("uniform"),
      "uniform, sequential, or zipf:THETA (any "
      "THETA >= 0)")("scan", po::value<std::string>(),
                     "SHARE,LENGTH,KEYS: a share of the requests belongs to scans, LENGTH keys in a "
                     "row out of KEYS keys of their own")(
      "drift", po::value<std::uint64_t>(), "replace each key by a fresh one once in so many keys asked for")(
      "values-change", "each set writes another value and length")(
      "verify", "check every value that is read; a wrong one makes the exit status 2");
  return group;
}

po::options_description run_options() {
  po::options_description group("Run", 120, 60);
  group.add_options()("prefill", "first set every key once")("prefill-only", "and do nothing else")(
      "warmup", po::value<double>()->default_value(1), "seconds before the measurement")(
      "duration", po::value<double>()->default_value(10), "seconds of measurement")(
      "operations", po::value<std::uint64_t>()->default_value(0),
      "measure this many operations instead (then no "
      "--warmup)")("warmup-operations", po::value<std::uint64_t>()->default_value(0),
                   "with --operations: so many before them")("seed", po::value<std::uint64_t>()->default_value(1),
                                                             "of all randomness: the same seed, the same requests");
  return group;
}

po::options_description report_options() {
  po::options_description group("Report", 120, 60);
  group.add_options()("server-pid", po::value<pid_t>(),
                      "process of the server, on this machine: CPU time per operation is reported")(
      "json", po::value<std::string>(), "write the result as JSON to this file; - is stdout, without the text report")(
      "svg", po::value<std::string>(), "draw latency over percentile into this file")(
      "title", po::value<std::string>()->default_value(""), "title of the picture")(
      "hit-window", po::value<std::uint64_t>()->default_value(0), "report the hit ratio of every so many keys")(
      "quiet,q", "no progress on stderr")("help,h", "this text");
  return group;
}

constexpr const char* kDistributions =
    "\nDistributions: 100 | uniform:10-500 | lognormal:MEDIAN,SIGMA[,MAX] | gev:LOCATION,SCALE,SHAPE[,MAX] |\n"
    "  pareto:LOCATION,SCALE,SHAPE[,MAX] | list:50@0.5,500@0.4,5000@0.1\n"
    "  (Facebook's ETC pool: --key-bytes gev:30.8,8.2,0.079 --value-bytes pareto:1,214.5,0.348,100000)\n";

[[noreturn]] void refuse(const std::string& option, const std::string& value, const std::string& remedy) {
  throw std::invalid_argument("--" + option + " " + value + ": " + remedy);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

template <typename T>
T number(const std::string& option, const std::string& whole, const std::string& text, const std::string& remedy) {
  try {
    std::size_t used = 0;
    const double value = std::stod(text, &used);
    if (used == text.size() && value >= 0) return static_cast<T>(value);
  } catch (const std::exception&) {
  }
  refuse(option, whole, remedy);
}

Address parse_address(const po::variables_map& given) {
  Address address;
  if (given.count("unix") != 0) {
    address.unix_path = given["unix"].as<std::string>();
    return address;
  }
  const std::string text = given["server"].as<std::string>();
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    refuse("server", text, "write HOST:PORT, e.g. 127.0.0.1:11211 or [::1]:11211");
  }
  address.host = text.substr(0, colon);
  address.port = text.substr(colon + 1);
  if (address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

protocol::Dialect parse_dialect(const std::string& text) {
  if (text == "text") return protocol::Dialect::kText;
  if (text == "meta") return protocol::Dialect::kMeta;
  if (text == "binary") return protocol::Dialect::kBinary;
  refuse("protocol", text, "write text, meta, binary or redis");
}

std::vector<unsigned> parse_cpus(const std::string& text) {
  const std::string remedy = "write a list of CPU numbers, e.g. 1 or 2,3 or 4-7";
  std::vector<unsigned> cpus;
  for (const std::string& part : split(text, ',')) {
    const auto bounds = split(part, '-');
    const auto first = number<unsigned>("cpus", text, bounds.front(), remedy);
    const auto last = number<unsigned>("cpus", text, bounds.back(), remedy);
    if (bounds.size() > 2 || last < first || last > 4096) refuse("cpus", text, remedy);
    for (unsigned cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

double parse_set_share(const std::string& text) {
  const std::string remedy = "write SETS:GETS, e.g. 1:10";
  const auto parts = split(text, ':');
  if (parts.size() != 2) refuse("ratio", text, remedy);
  const auto sets = number<double>("ratio", text, parts[0], remedy);
  const auto gets = number<double>("ratio", text, parts[1], remedy);
  if (sets + gets <= 0) refuse("ratio", text, remedy);
  return sets / (sets + gets);
}

void parse_popularity(const po::variables_map& given, KeyPopularity& popularity) {
  popularity.keys = given["keys"].as<std::uint64_t>();
  popularity.key_offset = given["key-offset"].as<std::uint64_t>();
  if (popularity.keys == 0) refuse("keys", "0", "at least one key is needed");
  const std::string text = given["popularity"].as<std::string>();
  if (text == "uniform") {
    popularity.kind = KeyPopularity::Kind::kUniform;
  } else if (text == "sequential") {
    popularity.kind = KeyPopularity::Kind::kSequential;
  } else if (text.starts_with("zipf:")) {
    popularity.kind = KeyPopularity::Kind::kZipf;
    const auto theta = number<double>("popularity", text, text.substr(5), "write zipf:0.99");
    popularity.zipf = std::make_shared<const Zipf>(popularity.keys, theta);
  } else {
    refuse("popularity", text, "write uniform, sequential or zipf:0.99");
  }
  if (given.count("drift") != 0) popularity.drift_period = given["drift"].as<std::uint64_t>();
  if (given.count("scan") == 0) return;
  const std::string scan = given["scan"].as<std::string>();
  const std::string remedy = "write SHARE,LENGTH,KEYS with 0 < SHARE < 1, e.g. 0.2,10000,1000000";
  const auto parts = split(scan, ',');
  if (parts.size() != 3) refuse("scan", scan, remedy);
  popularity.scan_share = number<double>("scan", scan, parts[0], remedy);
  popularity.scan_length = number<std::uint64_t>("scan", scan, parts[1], remedy);
  popularity.scan_keys = number<std::uint64_t>("scan", scan, parts[2], remedy);
  if (popularity.scan_share <= 0 || popularity.scan_share >= 1 || popularity.scan_length == 0 ||
      popularity.scan_keys == 0) {
    refuse("scan", scan, remedy);
  }
}

std::uint32_t positive(const po::variables_map& given, const char* option) {
  const auto value = given[option].as<std::uint32_t>();
  if (value == 0) refuse(option, "0", "at least 1 is needed");
  return value;
}

void parse_load(const po::variables_map& given, Plan& plan) {
  plan.connections = positive(given, "connections");
  plan.threads = positive(given, "threads");
  plan.pipeline = positive(given, "pipeline");
  plan.keys_per_get = positive(given, "multiget");
  if (plan.threads > plan.connections) {
    refuse("threads", std::to_string(plan.threads), "there are fewer connections; ask for more with --connections");
  }
  plan.loop = given.count("window") != 0 ? Loop::kWindow : Loop::kClosed;
  if (given.count("rate") != 0) {
    plan.loop = Loop::kOpen;
    plan.rate = given["rate"].as<double>();
    if (plan.rate <= 0) refuse("rate", std::to_string(plan.rate), "operations a second, more than 0");
  }
  plan.busy_poll = given.count("sleep") == 0;
  plan.set_share = parse_set_share(given["ratio"].as<std::string>());
  plan.cache_aside = given.count("cache-aside") != 0;
}

void parse_run(const po::variables_map& given, Plan& plan) {
  plan.values_change = given.count("values-change") != 0;
  plan.verify = given.count("verify") != 0;
  plan.warmup_s = given["warmup"].as<double>();
  plan.duration_s = given["duration"].as<double>();
  plan.operations = given["operations"].as<std::uint64_t>();
  plan.warmup_operations = given["warmup-operations"].as<std::uint64_t>();
  if (plan.operations != 0) plan.warmup_s = 0;
  plan.seed = given["seed"].as<std::uint64_t>();
  plan.hit_window_keys = given["hit-window"].as<std::uint64_t>();
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
  po::options_description all(120, 60);
  all.add(connection_options()).add(load_options()).add(key_options()).add(run_options()).add(report_options());
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(all).positional({}).run(), given);
  po::notify(given);
  if (given.count("help") != 0) {
    std::cout << kHead << all << kDistributions << kExamples;
    return std::nullopt;
  }
  Options options;
  Plan& plan = options.plan;
  plan.address = parse_address(given);
  plan.redis = given["protocol"].as<std::string>() == "redis";
  if (!plan.redis) plan.dialect = parse_dialect(given["protocol"].as<std::string>());
  if (given.count("cpus") != 0) plan.cpus = parse_cpus(given["cpus"].as<std::string>());
  parse_load(given, plan);
  plan.redis_replicas = given["wait"].as<std::uint32_t>();
  if (plan.redis && plan.set_share < 1)
    refuse("ratio", given["ratio"].as<std::string>(), "--protocol redis only knows sets: write 1:0");
  if (plan.redis_replicas != 0 && !plan.redis)
    refuse("wait", std::to_string(plan.redis_replicas), "only --protocol redis has it");
  parse_popularity(given, plan.popularity);
  plan.names = KeyNames(given["key-prefix"].as<std::string>(), Distribution(given["key-bytes"].as<std::string>()));
  plan.value_bytes = Distribution(given["value-bytes"].as<std::string>());
  plan.ttl_s = Distribution(given["ttl"].as<std::string>());
  parse_run(given, plan);
  options.prefill_only = given.count("prefill-only") != 0;
  options.prefill = options.prefill_only || given.count("prefill") != 0;
  if (given.count("server-pid") != 0) options.server_pid = given["server-pid"].as<pid_t>();
  options.quiet = given.count("quiet") != 0;
  if (given.count("json") != 0) options.json_path = given["json"].as<std::string>();
  if (given.count("svg") != 0) options.svg_path = given["svg"].as<std::string>();
  options.title = given["title"].as<std::string>();
  return options;
}

}  // namespace lmc::bench

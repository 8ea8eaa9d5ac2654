#include "server/options.h"

#include <boost/program_options.hpp>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "replication/fabric/address.h"
#include "server/option_table.h"

namespace lmc::server {
namespace {

namespace po = boost::program_options;

constexpr const char* kIgnoredWords = "words that are no options";

std::string boost_name(const OptionRow& row) {
  std::string name = row.name;
  if (row.letter != 0) name.append(",").push_back(row.letter);
  return name;
}

// What Boost calls an occurrence of the row.
std::string boost_key(const OptionRow& row) {
  return row.name[0] != '\0' ? row.name : std::string{'-', row.letter};
}

po::options_description describe_rows() {
  po::options_description description;
  for (const OptionRow& row : option_rows()) {
    if (row.argument != nullptr) {
      description.add_options()(boost_name(row).c_str(), po::value<std::string>(), "");
    } else {
      description.add_options()(boost_name(row).c_str(), "");
    }
  }
  description.add_options()(kIgnoredWords, po::value<std::vector<std::string>>(), "");
  return description;
}

po::parsed_options split_words(std::span<const std::string> words, const po::options_description& description) {
  namespace style = po::command_line_style;
  constexpr int kStyle = style::allow_short | style::allow_dash_for_short | style::short_allow_adjacent |
                         style::short_allow_next | style::allow_sticky | style::allow_long |
                         style::long_allow_adjacent | style::long_allow_next | style::allow_guessing;
  po::positional_options_description positional;
  positional.add(kIgnoredWords, -1);
  try {
    return po::command_line_parser(std::vector<std::string>(words.begin(), words.end()))
        .options(description)
        .positional(positional)
        .style(kStyle)
        .run();
  } catch (const po::unknown_option& unknown) {
    throw OptionError(kExitFailure, "logmemcached: unrecognized option '" + unknown.get_option_name() +
                                        "'\nIllegal argument \"?\"\nlogmemcached -h lists the options");
  } catch (const po::error& error) {
    throw OptionError(kExitFailure,
                      std::string("logmemcached: ") + error.what() + "\nlogmemcached -h lists the options");
  }
}

std::string without_leading_spaces(const std::string& value) {
  const std::size_t begin = value.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : value.substr(begin);
}

void check_item_size(const Options& options) {
  const commands::Settings& settings = options.settings;
  if (settings.max_item_bytes <= settings.memory_limit_bytes / 2) return;
  throw OptionError(kExitUsage,
                    "-I " + std::to_string(settings.max_item_bytes) + ", -m " +
                        std::to_string(settings.memory_limit_bytes >> 20) +
                        ": Cannot set item size limit higher than 1/2 of memory max.; raise -m or lower -I");
}

void check_lru_shares(const Options& options) {
  constexpr unsigned kMostPercent = 80;
  const unsigned hot = options.settings.hot_lru_percent.load(std::memory_order_relaxed);
  const unsigned warm = options.settings.warm_lru_percent.load(std::memory_order_relaxed);
  if (hot + warm <= kMostPercent) return;
  throw OptionError(kExitUsage, "-o hot_lru_pct " + std::to_string(hot) + ", warm_lru_pct " + std::to_string(warm) +
                                    ": hot_lru_pct + warm_lru_pct cannot be more than 80% combined");
}

void check_group(const Options& options) {
  const group::GroupOptions& group = options.group;
  const auto fail = [](const std::string& what) { throw OptionError(kExitUsage, what); };
  if (group.role == group::StartAs::kAlone) {
    if (group != group::GroupOptions())
      fail(
          "what is said of a group (--replication-*, --group-*, --primary, --ack, --read-only, --fabric, --verbs-*) "
          "is for its nodes: say --role primary or --role backup too");
    return;
  }
  for (const auto& [option, value] :
       {std::pair("--replication-listen", group.listen), std::pair("--replication-address", group.address),
        std::pair("--primary", group.primary)})
    if (!value.empty() && !replication::has_port(value)) fail(std::string(option) + " " + value + ": not host:port");
  if (group.listen.empty())
    fail("--role: say where the group's other nodes connect to (--replication-listen addr:port)");
  if (group.secret_file.empty())
    fail("--role: say what the group's nodes know each other by (--group-secret-file file)");
  if (group.role == group::StartAs::kBackup && group.primary.empty())
    fail("--role backup: say whom to follow (--primary addr:port)");
  if (!group.primary.empty() && group.primary == (group.address.empty() ? group.listen : group.address))
    fail("--primary: that is this node itself");
  if (group.role == group::StartAs::kPrimary && !group.primary.empty())
    fail("--role primary, --primary: a primary follows nobody");
  const bool any_address =
      group.listen.starts_with("0.0.0.0:") || group.listen.starts_with("[::]:") || group.listen.starts_with(":");
  if (any_address && group.address.empty())
    fail("--replication-listen: the others cannot connect to every address; say --replication-address too");
}

std::optional<std::uint16_t> port_to_open(int given) {
  if (given == 0) return std::nullopt;
  return given < 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(given);
}

void plan_listening(const std::string& port_file, Options& out) {
  // UDP alone asked for: TCP listens on the same number, as ever.
  if (out.udp_port_given && out.udp_port != 0 && !out.tcp_port_given) out.tcp_port = out.udp_port;
  out.settings.tcp_port = port_to_open(out.tcp_port).value_or(0);
  out.settings.udp_port = port_to_open(out.udp_port).value_or(0);
  out.listen.tcp_port = port_to_open(out.tcp_port);
  out.listen.udp_port = port_to_open(out.udp_port);
  out.listen.unix_socket_path = out.settings.unix_socket_path;
  out.listen.port_file = port_file;
  try {
    out.listen.addresses = net::parse_listen_addresses(out.settings.listen_addresses);
  } catch (const std::invalid_argument& error) {
    throw OptionError(kExitSystem, error.what());
  }
}

}  // namespace

void parse_options(std::span<const std::string> words, const std::string& port_file, Options& out) {
  std::map<std::string, const OptionRow*> rows;
  for (const OptionRow& row : option_rows()) rows.emplace(boost_key(row), &row);

  const po::options_description description = describe_rows();
  for (const po::option& given : split_words(words, description).options) {
    const auto row = rows.find(given.string_key);
    if (row == rows.end()) {
      for (const std::string& word : given.value) out.warnings.push_back("ignored: '" + word + "' is no option");
      continue;
    }
    row->second->apply(given.value.empty() ? "" : without_leading_spaces(given.value.front()), out);
    if (out.wish != Options::Wish::kServe) return;
  }
  check_item_size(out);
  check_lru_shares(out);
  check_group(out);
  plan_listening(port_file, out);
}

std::int64_t parse_number(const std::string& value, const NumberRule& rule, Options& options) {
  char* end = nullptr;
  errno = 0;
  const long long number = std::strtoll(value.c_str(), &end, 10);
  if (end == value.c_str() || errno != 0 || number < rule.least || number > rule.most) {
    throw OptionError(rule.exit_code, std::string(rule.option) + " " + value + ": " + rule.complaint);
  }
  if (*end != '\0') {
    options.warnings.push_back(std::string(rule.option) + " " + value + ": read as " + std::to_string(number));
  }
  return number;
}

double parse_factor(const std::string& value, const NumberRule& rule) {
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (end == value.c_str() || !std::isfinite(number) || number <= static_cast<double>(rule.least)) {
    throw OptionError(rule.exit_code, std::string(rule.option) + " " + value + ": " + rule.complaint);
  }
  return number;
}

}  // namespace lmc::server

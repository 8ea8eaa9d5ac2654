// The command line: memcached's words in, settings and a listening plan out.
//
// One table (option_table.cc) names every option with its letter, argument, help and what it sets; a second
// (suboptions.cc) those of -o. Adding an option is adding a row. Boost.Program_options splits the words; memcached's
// habits are kept:
// `-vvv`, `-m64`, long names shortened, spaces before a value ignored, text behind a number ignored (with a warning).
//
// Errors: OptionError, whose text names option, value and remedy, and whose exit code is the one memcached uses.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/commands/settings.h"
#include "server/group/group_options.h"
#include "server/net/network.h"

namespace lmc::server {

inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 64;   // EX_USAGE
inline constexpr int kExitNoUser = 67;  // EX_NOUSER
inline constexpr int kExitSystem = 71;  // EX_OSERR

class OptionError : public std::runtime_error {
 public:
  OptionError(int exit_code, const std::string& text) : std::runtime_error(text), exit_code_(exit_code) {}
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

struct Options {
  enum class Wish { kServe, kHelp, kVersion, kLicense };

  Wish wish = Wish::kServe;
  commands::Settings settings;
  net::ListenPlan listen;
  group::GroupOptions group;
  std::vector<std::string> warnings;  // to be shown before anything else happens

  // As given, until all words are known; listen is made of them.
  int tcp_port = 11211;  // -1: the kernel chooses
  int udp_port = 0;
  bool tcp_port_given = false;
  bool udp_port_given = false;
};

// `words`: without the program's name. `port_file`: MEMCACHED_PORT_FILENAME, or empty.
void parse_options(std::span<const std::string> words, const std::string& port_file, Options& out);

[[nodiscard]] std::string help_text();
[[nodiscard]] std::string version_text();
[[nodiscard]] std::string license_text();

}  // namespace lmc::server

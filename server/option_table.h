// The rows that options.h speaks of. For options.cc, the help text and tests.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/options.h"

namespace lmc::server {

enum class Meaning : std::uint8_t {
  kUsed,      // does what its help says
  kAccepted,  // memcached has it, a log has no use for it: the value is kept for `stats settings` at most
  kRefused,   // a feature that is not there yet: starting without it would surprise
};

struct OptionRow {
  char letter;           // 0: none
  const char* name;      // long name; empty: none
  const char* argument;  // nullptr: takes none
  const char* help;      // lines after the first are indented; nullptr: not shown by -h
  Meaning meaning;
  void (*apply)(const std::string& value, Options&);  // value without leading spaces
};

[[nodiscard]] std::span<const OptionRow> option_rows();

struct SuboptionRow {
  const char* name;
  const char* help;  // nullptr: not shown by -h
  Meaning meaning;
  void (*apply)(const std::optional<std::string>& value, Options&);
};

[[nodiscard]] std::span<const SuboptionRow> suboption_rows();
void parse_suboptions(std::string_view list, Options& out);

// A whole number at the start of `value`. Text behind it is memcached's to ignore: a warning. `option`: as in messages.
// `complaint`: what is said if there is no number, or one out of bounds.
struct NumberRule {
  const char* option;
  std::int64_t least;
  std::int64_t most;
  const char* complaint;
  int exit_code;
};
[[nodiscard]] std::int64_t parse_number(const std::string& value, const NumberRule& rule, Options& options);
[[nodiscard]] double parse_factor(const std::string& value, const NumberRule& rule);

}  // namespace lmc::server

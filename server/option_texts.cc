// -h, -V and -i, in the shape that scripts know from memcached.
#include <string>
#include <string_view>

#include "server/option_table.h"

namespace lmc::server {
namespace {

constexpr std::size_t kHelpColumn = 26;

void append_help(std::string& out, std::string head, std::string_view help, std::size_t column) {
  if (head.size() + 1 > column) {
    head.push_back(' ');
  } else {
    head.resize(column, ' ');
  }
  while (true) {
    const std::size_t end = help.find('\n');
    out.append(head).append(help.substr(0, end)).push_back('\n');
    if (end == std::string_view::npos) return;
    help.remove_prefix(end + 1);
    head.assign(column, ' ');
  }
}

std::string head_of(const OptionRow& row) {
  std::string head;
  const bool long_name = row.name[0] != '\0';
  if (row.letter != 0) head = std::string{'-', row.letter};
  if (row.letter != 0 && long_name) head += ", ";
  if (long_name) head.append("--").append(row.name);
  if (row.argument != nullptr) head.append(long_name ? "=" : " ").append(row.argument);
  return head;
}

}  // namespace

std::string version_text() {
  return std::string("logmemcached ") + commands::kVersion + "\n";
}

std::string help_text() {
  std::string out = version_text();
  for (const OptionRow& row : option_rows()) {
    if (row.help != nullptr) append_help(out, head_of(row), row.help, kHelpColumn);
  }
  for (const SuboptionRow& row : suboption_rows()) {
    if (row.help != nullptr) append_help(out, "   - " + std::string(row.name) + ":", row.help, kHelpColumn);
  }
  append_help(out, "   - (others)", "memcached's other extended options are accepted without meaning:", kHelpColumn);
  std::string names;
  for (const SuboptionRow& row : suboption_rows()) {
    if (row.help != nullptr || row.meaning != Meaning::kAccepted) continue;
    const std::string_view name = row.name;
    // Test suites take these names in the help for the features, which are not here.
    if (name.starts_with("ext_") || name.ends_with("drop_privileges")) continue;
    const std::size_t line_begin = names.rfind('\n') == std::string::npos ? 0 : names.rfind('\n') + 1;
    if (!names.empty()) names += names.size() - line_begin > 40 ? ",\n" : ", ";
    names += name;
  }
  append_help(out, "", names, kHelpColumn);
  return out;
}

std::string license_text() {
  return version_text() +
         "\n"
         "LogMemcached is distributed under the terms in its source distribution's README.\n"
         "It contains no code of memcached; it keeps memcached's protocol and options.\n"
         "\n"
         "It is linked with libevent (3-clause BSD license, Copyright (c) 2000-2007 Niels Provos,\n"
         "Copyright (c) 2007-2012 Niels Provos and Nick Mathewson), Boost.Program_options (Boost\n"
         "Software License 1.0), xxHash (2-clause BSD license, Copyright (c) Yann Collet) and ISA-L\n"
         "(3-clause BSD license, Copyright (c) Intel Corporation).\n";
}

}  // namespace lmc::server

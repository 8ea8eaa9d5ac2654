// The command line of lmc-bench.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "tools/bench/plan.h"

namespace lmc::bench {

struct Options {
  Plan plan;
  bool prefill = false;       // before the run, all keys of the main set
  bool prefill_only = false;  // and nothing else
  std::optional<pid_t> server_pid;
  bool quiet = false;
  std::string json_path;  // "-": stdout, instead of the text report
  std::string svg_path;
  std::string title;  // of the picture
};

// Nothing: --help was asked for and has been printed. Throws std::exception with a message a person can act on.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv);

}  // namespace lmc::bench

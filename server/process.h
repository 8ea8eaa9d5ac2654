// What a server process does with its operating system around serving: limits, user, daemon, pid file.
//
// All of it happens on the main thread before any other thread exists. Errors: StartupError, whose text names option,
// value and remedy; what memcached only warns about is a warning on stderr here too.
#pragma once

#include <sys/types.h>

#include <stdexcept>
#include <string>

#include "server/net/fd.h"

namespace lmc::server {

class StartupError : public std::runtime_error {
 public:
  StartupError(int exit_code, const std::string& text) : std::runtime_error(text), exit_code_(exit_code) {}
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

// Opens /dev/null as each of the descriptors 0, 1 and 2 that the process was started without. Otherwise a socket would
// take the number, and be written log lines, or be closed when a daemon lets go of its terminal. Before any other file
// is opened.
void fill_standard_descriptors();
// (-r)
void raise_core_limit();
// Descriptors for `connections` clients (-c) and what `threads` workers need for themselves.
void raise_file_limit(unsigned connections, unsigned threads);
// (-u) Root must name somebody; anybody else's wish is ignored, as in memcached.
void switch_user(const std::string& user);

// (-d) The process goes on in the background; the one that was started waits until ready() or death, and ends with the
// exit code 0 or the background process's own, so that whoever started it learns whether the server runs. Until ready()
// messages go to the terminal and relative paths mean what they meant to the user.
class Daemon {
 public:
  // Returns in the background process only.
  Daemon();
  // Lets the waiting process end, and lets go of terminal and directory. `keep_directory`: for core files (-r);
  // `keep_output`: stderr stays open (-v).
  void ready(bool keep_directory, bool keep_output);

 private:
  net::Fd to_parent_;
};

// (-P) The file holds this process's number while the object lives.
class PidFile {
 public:
  explicit PidFile(const std::string& path);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::string absolute_path_;  // empty: could not be written
};

}  // namespace lmc::server

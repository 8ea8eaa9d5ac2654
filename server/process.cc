#include "server/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "server/options.h"

namespace lmc::server {
namespace {

// Beside clients: log, listeners, files; and of each worker its epoll, eventfd and libevent's own pair, UDP sockets.
constexpr rlim_t kOwnDescriptors = 64;
constexpr rlim_t kDescriptorsPerWorker = 8;

std::string why() {
  return std::strerror(errno);
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char directory[PATH_MAX];
  return ::getcwd(directory, sizeof(directory)) == nullptr ? path : std::string(directory) + "/" + path;
}

void warn_of_running(const std::string& path) {
  std::ifstream present(path);
  long pid = 0;
  if (present >> pid && pid > 0 && ::kill(static_cast<pid_t>(pid), 0) == 0) {
    std::fprintf(stderr, "WARNING: The pid file contained the following (running) pid: %ld\n", pid);
  }
}

}  // namespace

void fill_standard_descriptors() {
  int fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) ::close(fd);
}

void raise_core_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    const rlimit unlimited{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    if (::setrlimit(RLIMIT_CORE, &unlimited) == 0) return;
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur != 0 && ::setrlimit(RLIMIT_CORE, &limit) == 0) return;
  }
  throw StartupError(kExitSystem,
                     "-r: failed to ensure corefile creation; raise the hard limit (ulimit -Hc) or remove -r");
}

void raise_file_limit(unsigned connections, unsigned threads) {
  const rlim_t wanted = connections + kOwnDescriptors + threads * kDescriptorsPerWorker;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw StartupError(kExitSystem, "failed to getrlimit number of files: " + why());
  }
  if (limit.rlim_cur >= wanted) return;
  const rlimit raised{.rlim_cur = wanted, .rlim_max = std::max(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  // A hard limit that is enough for memcached, which asks for no more than -c, has to do: the last clients may then
  // have to wait for a descriptor.
  limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_max >= connections && ::setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  throw StartupError(kExitSystem,
                     "-c " + std::to_string(connections) +
                         ": failed to set rlimit for open files. Try starting as root or requesting smaller "
                         "maxconns value. (" +
                         std::to_string(wanted) + " descriptors are needed: " + why() + ")");
}

void switch_user(const std::string& user) {
  if (::getuid() != 0 && ::geteuid() != 0) return;
  if (user.empty()) throw StartupError(kExitUsage, "can't run as root without the -u switch");
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) throw StartupError(kExitNoUser, "can't find the user " + user + " to switch to");
  if (entry->pw_uid == 0 && ::getuid() == 0) return;  // stays who it is, with its groups
  if (::setgroups(0, nullptr) != 0) {
    throw StartupError(kExitSystem, "failed to drop supplementary groups: " + why());
  }
  if (::setgid(entry->pw_gid) != 0 || ::setuid(entry->pw_uid) != 0) {
    throw StartupError(kExitSystem, "failed to assume identity of user " + user + ": " + why());
  }
}

Daemon::Daemon() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw StartupError(kExitSystem, "-d: cannot make a pipe: " + why());
  net::Fd from_child(ends[0]);
  to_parent_ = net::Fd(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw StartupError(kExitSystem, "-d: failed to fork: " + why());
  if (child == 0) {
    ::setsid();
    return;
  }
  to_parent_.reset();
  char byte = 0;
  ssize_t n = 0;
  do {
    n = ::read(from_child.get(), &byte, 1);
  } while (n < 0 && errno == EINTR);
  if (n == 1) ::_exit(0);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : kExitFailure);
}

void Daemon::ready(bool keep_directory, bool keep_output) {
  if (!keep_directory && ::chdir("/") != 0) std::perror("chdir");
  const net::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    ::dup2(null.get(), STDIN_FILENO);
    if (!keep_output) {
      ::dup2(null.get(), STDOUT_FILENO);
      ::dup2(null.get(), STDERR_FILENO);
    }
  }
  const char byte = 1;
  // If nobody waits any more nobody needs to be told.
  if (::write(to_parent_.get(), &byte, 1) < 0) errno = 0;
  to_parent_.reset();
}

PidFile::PidFile(const std::string& path) {
  warn_of_running(path);
  const std::string temporary = path + ".tmp";
  std::ofstream out(temporary, std::ios::trunc);
  out << ::getpid() << '\n';
  out.close();
  if (!out) {
    std::fprintf(stderr,
                 "Could not open the pid file %s for writing: %s; name a file in a directory that user can write\n",
                 temporary.c_str(), std::strerror(errno));
  } else if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    std::fprintf(stderr, "Could not rename the pid file from %s to %s: %s\n", temporary.c_str(), path.c_str(),
                 std::strerror(errno));
  } else {
    absolute_path_ = absolute(path);
  }
}

PidFile::~PidFile() {
  if (absolute_path_.empty() || ::unlink(absolute_path_.c_str()) == 0) return;
  std::fprintf(stderr, "Could not remove the pid file %s: %s\n", absolute_path_.c_str(), std::strerror(errno));
}

}  // namespace lmc::server

#include "server/process.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "server/net/fd.h"
#include "server/options.h"

using namespace lmc::server;

namespace {

struct Directory {
  Directory() {
    char name[] = "/tmp/lmc-process-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

// Runs `body` in a child process; its exit code.
template <class Body>
int exit_code_of(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 0;
    try {
      code = body();
    } catch (const StartupError& error) {
      code = error.exit_code();
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a pid file holds this process's number while it lives") {
  const Directory directory;
  const std::string path = directory.path + "/pid";
  {
    const PidFile file(path);
    std::ifstream in(path);
    long pid = 0;
    in >> pid;
    CHECK(pid == ::getpid());
    CHECK_FALSE(std::filesystem::exists(path + ".tmp"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a pid file that cannot be written stops nothing") {
  const Directory directory;
  CHECK_NOTHROW(PidFile(directory.path + "/missing/pid"));
}

TEST_CASE("root has to name a user, and one that exists") {
  if (::getuid() != 0) return;
  CHECK(exit_code_of([] {
          switch_user("");
          return 0;
        }) == kExitUsage);
  CHECK(exit_code_of([] {
          switch_user("no-such-user-here");
          return 0;
        }) == kExitNoUser);
  CHECK(exit_code_of([] {
          switch_user("nobody");
          return ::getuid() == 0 || ::getgid() == 0 ? 1 : 0;
        }) == 0);
}

TEST_CASE("the limit of open files is raised to what -c needs, and never lowered") {
  CHECK(exit_code_of([] {
          rlimit limit{};
          ::getrlimit(RLIMIT_NOFILE, &limit);
          limit.rlim_cur = 256;
          ::setrlimit(RLIMIT_NOFILE, &limit);
          raise_file_limit(512, 4);
          ::getrlimit(RLIMIT_NOFILE, &limit);
          const rlim_t raised = limit.rlim_cur;
          raise_file_limit(10, 1);
          ::getrlimit(RLIMIT_NOFILE, &limit);
          return raised >= 512 && limit.rlim_cur == raised ? 0 : 1;
        }) == 0);
}

TEST_CASE("a hard limit of open files that is just -c is enough, one below is not") {
  const auto start = [](rlim_t hard) {
    return exit_code_of([hard] {
      const rlimit limit{.rlim_cur = 100, .rlim_max = hard};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
      if (::getuid() == 0 && ::setuid(65534) != 0) return 2;
      raise_file_limit(512, 4);
      return 0;
    });
  };
  CHECK(start(512) == 0);
  CHECK(start(511) == kExitSystem);
}

TEST_CASE("who starts a daemon waits for it and learns how it went") {
  CHECK(exit_code_of([] {
          Daemon daemon;
          daemon.ready(true, false);
          return 3;  // of the background process: nobody's business any more
        }) == 0);
  CHECK(exit_code_of([] {
          const Daemon daemon;
          return 42;
        }) == 42);
}

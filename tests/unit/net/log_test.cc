#include "server/net/log.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "server/net/fd.h"

using namespace lmc::net;

namespace {

struct Captured {
  Captured() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  std::string text() {
    in.reset();
    std::string all;
    char part[4096];
    ssize_t n = 0;
    while ((n = ::read(out.get(), part, sizeof(part))) > 0) all.append(part, static_cast<std::size_t>(n));
    return all;
  }
  Fd out;
  Fd in;
};

}  // namespace

TEST_CASE("only lines of the chosen level and below are written") {
  Captured captured;
  Log log(1, captured.in.get());
  log.line(LogLevel::kAlways, "always");
  log.error(LogLevel::kWarning, "bind()", EACCES);
  log.line(LogLevel::kConnections, "not this");
  log.set_verbosity(2);
  log.line(LogLevel::kConnections, "but this");
  CHECK(captured.text() == "always\nbind(): Permission denied\nbut this\n");
}

TEST_CASE("a flood of lines is cut") {
  Captured captured;
  Log log(0, captured.in.get());
  for (unsigned i = 0; i < 3 * Log::kMaxLinesPerSecond; ++i) log.line(LogLevel::kAlways, "x");
  const std::string text = captured.text();
  // A second may end while this runs: twice the rate at most, and a line that says so.
  CHECK(std::count(text.begin(), text.end(), '\n') <= 2 * Log::kMaxLinesPerSecond + 1);
}

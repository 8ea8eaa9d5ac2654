#include "server/net/log.h"

#include <unistd.h>

#include <cstring>
#include <ctime>
#include <string>

namespace lmc::net {

bool Log::within_rate(unsigned& dropped_before) {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  const std::lock_guard lock(rate_lock_);
  if (t.tv_sec != second_) {
    second_ = t.tv_sec;
    lines_this_second_ = 0;
    dropped_before = dropped_;
    dropped_ = 0;
  }
  if (lines_this_second_ >= kMaxLinesPerSecond) {
    ++dropped_;
    return false;
  }
  ++lines_this_second_;
  return true;
}

void Log::line(LogLevel level, std::string_view text) {
  unsigned dropped = 0;
  if (!enabled(level) || !within_rate(dropped)) return;
  std::string out;
  if (dropped > 0) out.append(std::to_string(dropped)).append(" more lines were not written: too many in one second\n");
  out.append(text).push_back('\n');
  // One write per line, so that lines of several threads do not mix. A stderr that is gone is nothing to act on.
  if (::write(fd_, out.data(), out.size()) < 0) return;
}

void Log::about(LogLevel level, int fd, std::string_view text) {
  if (!enabled(level)) return;
  std::string out("<");
  out.append(std::to_string(fd)).append(" ").append(text);
  line(level, out);
}

void Log::error(LogLevel level, std::string_view text, int error_number) {
  if (!enabled(level)) return;
  line(level, std::string(text) + ": " + std::strerror(error_number));
}

}  // namespace lmc::net

// What the server tells its operator: lines on stderr, by level, at a bounded rate.
//
// Levels follow memcached's -v, -vv, -vvv: 0 only what must be known (start-up, failures), 1 warnings, 2 connections, 3
// internals. More than kMaxLinesPerSecond lines in a second are counted, and the count is said in the next one, so that
// a failing network cannot fill a disk.
//
// Threads: every method from any thread. Cost when a level is off: one relaxed load.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace lmc::net {

enum class LogLevel : unsigned { kAlways = 0, kWarning = 1, kConnections = 2, kInternals = 3 };

class Log {
 public:
  static constexpr unsigned kMaxLinesPerSecond = 200;

  explicit Log(unsigned verbosity = 0, int fd = 2) : verbosity_(verbosity), fd_(fd) {}

  [[nodiscard]] bool enabled(LogLevel level) const {
    return static_cast<unsigned>(level) <= verbosity_.load(std::memory_order_relaxed);
  }
  // One line; the line end is added. Nothing if the level is off.
  void line(LogLevel level, std::string_view text);
  // "<28 text": of the connection or listener with that descriptor.
  void about(LogLevel level, int fd, std::string_view text);
  // "text: Permission denied"
  void error(LogLevel level, std::string_view text, int error_number);

  void set_verbosity(unsigned level) { verbosity_.store(level, std::memory_order_relaxed); }
  [[nodiscard]] unsigned verbosity() const { return verbosity_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] bool within_rate(unsigned& dropped_before);

  std::atomic<unsigned> verbosity_;  // written by whoever serves `verbosity`; relaxed: it stands alone
  int fd_;
  std::mutex rate_lock_;
  std::int64_t second_ = 0;
  unsigned lines_this_second_ = 0;
  unsigned dropped_ = 0;
};

}  // namespace lmc::net

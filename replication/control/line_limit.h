// Keeps strangers from filling the log: of the lines that they cause at most kMostLines per kWindow are written. What
// was left out is counted, and told with the first line of a later window.
//
// Pure: `now` is an argument. Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace lmc::replication {

class LineLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::uint32_t kMostLines = 10;
  static constexpr std::chrono::seconds kWindow{10};

  // What is to be written: `line`, or nothing.
  [[nodiscard]] std::optional<std::string> admit(std::string line, TimePoint now);

 private:
  std::optional<TimePoint> window_began_;
  std::uint32_t written_ = 0;   // in this window
  std::uint64_t left_out_ = 0;  // since the last line
};

}  // namespace lmc::replication

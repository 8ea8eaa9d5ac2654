#include "replication/control/line_limit.h"

#include <utility>

namespace lmc::replication {

std::optional<std::string> LineLimit::admit(std::string line, TimePoint now) {
  if (!window_began_ || now - *window_began_ >= kWindow) {
    window_began_ = now;
    written_ = 0;
  }
  if (written_ == kMostLines) {
    ++left_out_;
    return std::nullopt;
  }
  ++written_;
  if (const std::uint64_t count = std::exchange(left_out_, 0); count != 0)
    line += " (" + std::to_string(count) + " more such lines were left out before)";
  return line;
}

}  // namespace lmc::replication

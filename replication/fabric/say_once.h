// Lines for the log that a fabric has to say, each of them once: what a device or a kernel refuses it refuses for every
// link. So a line must not hold what changes from link to link. Threads: its owner's.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

namespace lmc::replication {

class SayOnce {
 public:
  using Say = std::function<void(const std::string&)>;
  explicit SayOnce(Say say) : say_(std::move(say)) {}

  void operator()(const std::string& line) {
    if (said_.insert(line).second && say_) say_(line);
  }

 private:
  Say say_;
  std::set<std::string> said_;
};

}  // namespace lmc::replication

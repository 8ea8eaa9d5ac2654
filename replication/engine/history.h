// What a node has said of itself lately: its log's latest lines, each with its time.
//
// Threads: the replication thread's.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "replication/engine/lease.h"

namespace lmc::replication {

class History {
 public:
  static constexpr std::size_t kMost = 32;
  struct Event {
    TimePoint at;
    std::string text;
  };

  void note(TimePoint at, const std::string& text) {
    events_.push_back({at, text});
    if (events_.size() > kMost) events_.pop_front();
  }
  [[nodiscard]] const std::deque<Event>& events() const { return events_; }  // the latest last

 private:
  std::deque<Event> events_;
};

}  // namespace lmc::replication

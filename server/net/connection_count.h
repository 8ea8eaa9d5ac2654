// How many client connections there are, against the limit of -c.
//
// Threads: any. Counting is exact: enter() never lets more than the limit in, however many threads accept.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace lmc::net {

class ConnectionCount {
 public:
  explicit ConnectionCount(std::uint64_t limit) : limit_(limit) {}

  // False: the limit is reached.
  [[nodiscard]] bool enter() {
    if (current_.fetch_add(1, std::memory_order_relaxed) < limit_) {
      total_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    current_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  // Tells whoever waits for room, if somebody does.
  void leave() {
    current_.fetch_sub(1, std::memory_order_seq_cst);
    if (room_wanted_.load(std::memory_order_seq_cst) && on_room_) on_room_();
  }

  // Called by leave() on its own thread while room is wanted. Set before the first connection.
  void set_on_room(std::function<void()> on_room) { on_room_ = std::move(on_room); }
  void want_room(bool wanted) { room_wanted_.store(wanted, std::memory_order_seq_cst); }
  [[nodiscard]] bool full() const { return current_.load(std::memory_order_seq_cst) >= limit_; }

  [[nodiscard]] std::uint64_t current() const { return current_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t total() const { return total_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }

 private:
  const std::uint64_t limit_;
  std::function<void()> on_room_;
  // Written by accepting and closing threads. Sequentially consistent where it is checked together with room_wanted_:
  // who says that room is wanted and then looks, and who leaves and then looks whether it is wanted, cannot both miss
  // it.
  std::atomic<std::uint64_t> current_{0};
  std::atomic<std::uint64_t> total_{0};
  std::atomic<bool> room_wanted_{false};
};

}  // namespace lmc::net

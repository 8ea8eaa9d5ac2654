// Grace periods: how long memory that left the index must stay because a reader may still look at it.
//
// Every session announces the period it read in at the start of a turn and withdraws at its end. Memory is retired with
// the period of its retirement; it may be reused when every session in a turn began in a later one. (Epoch-based
// reclamation, Fraser 2004; the word epoch means something else in this project.)
//
// Threads: enter, renew and leave by the owner of the slot; retire and passed by anybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace lmc::store {

class Grace {
 public:
  // A period number; larger is later.
  struct Ticket {
    std::uint64_t period = 0;
  };

  explicit Grace(unsigned slots) : slots_(std::make_unique<Slot[]>(slots)), slot_count_(slots) {}

  void enter(unsigned slot) {
    // The exchange orders the announcement before every read of the turn; retire() orders unlinking before its
    // increment. So either this reader began in a later period and sees the memory unlinked, or passed() sees the
    // reader.
    slots_[slot].period.exchange(now_.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
  }
  void leave(unsigned slot) { slots_[slot].period.store(kIdle, std::memory_order_release); }

  // Call after the memory was unlinked from everything a reader starts at.
  [[nodiscard]] Ticket retire() { return {now_.fetch_add(1, std::memory_order_seq_cst)}; }
  [[nodiscard]] bool passed(Ticket ticket) const {
    for (unsigned i = 0; i < slot_count_; ++i) {
      const std::uint64_t period = slots_[i].period.load(std::memory_order_seq_cst);
      if (period != kIdle && period <= ticket.period) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint64_t kIdle = 0;
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> period{kIdle};  // written by the slot's session, read by whoever reclaims
  };
  std::unique_ptr<Slot[]> slots_;
  unsigned slot_count_;
  std::atomic<std::uint64_t> now_{1};
};

}  // namespace lmc::store

// Input buffers: where received bytes lie until their requests are executed.
//
// A connection has a buffer only while it has unread bytes: blocks come from its worker's pool and go back when empty.
// A connection whose reads fill the ordinary block gets a larger one with its next read. A request longer than its
// block gets a staging buffer, exactly as long as the request: it is grown in steps as bytes arrive, so a client that
// announces a gigabyte and sends nothing costs one step, and all staging buffers of all workers together stay within
// StagingBudget.
//
// Threads: buffers and pools belong to one worker; StagingBudget is shared by all. Nothing is ever zeroed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace lmc::net {

inline constexpr std::size_t kInputBlockBytes = 16 * 1024;
inline constexpr std::size_t kBulkInputBlockBytes = 128 * 1024;
inline constexpr std::size_t kStagingStepBytes =
    1024 * 1024;                                      // a staging buffer's first size, if the request is larger
inline constexpr std::size_t kSpareInputBlocks = 32;  // of each size that a pool keeps
static_assert(kInputBlockBytes < kBulkInputBlockBytes && kBulkInputBlockBytes <= kStagingStepBytes);

class StagingBudget {
 public:
  explicit StagingBudget(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  [[nodiscard]] bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) { used_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t limit_bytes_;
  std::atomic<std::uint64_t> used_bytes_{0};  // any worker; relaxed: a sum that orders nothing
};

class InputBuffer {
 public:
  [[nodiscard]] bool held() const { return bytes_ != nullptr; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  // Received and not yet consumed. Moves when the buffer is compacted or grown.
  [[nodiscard]] std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t n) { begin_ += n; }
  // Free bytes behind unread(), and how many of them were filled.
  [[nodiscard]] std::span<char> room() { return {bytes_.get() + end_, capacity_ - end_}; }
  void received(std::size_t n) { end_ += n; }
  void move_to_front();

 private:
  friend class InputPool;
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char[], Free> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t staged_bytes_ = 0;  // charged to the budget
};

class InputPool {
 public:
  explicit InputPool(StagingBudget& budget) : budget_(budget) {}

  // An empty block for a buffer that holds none.
  void provide(InputBuffer& buffer, bool bulk);
  // Makes the buffer able to hold `wanted` bytes (or, if that is much, some step on the way there). False: out of
  // budget.
  [[nodiscard]] bool grow(InputBuffer& buffer, std::size_t wanted);
  // Takes the memory back, unread bytes included.
  void release(InputBuffer& buffer);

 private:
  using Bytes = std::unique_ptr<char[], InputBuffer::Free>;
  [[nodiscard]] static Bytes allocate(std::size_t bytes);

  StagingBudget& budget_;
  std::vector<Bytes> spare_;
  std::vector<Bytes> spare_bulk_;
};

}  // namespace lmc::net

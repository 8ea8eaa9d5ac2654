// A queue in one block of memory that doubles when it is full: pushing and popping never allocate in a steady state.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <vector>

namespace lmc::bench {

template <typename T>
class Ring {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }

  [[nodiscard]] T& front() {
    assert(size_ != 0);
    return items_[first_];
  }

  void push(const T& item) {
    if (size_ == items_.size()) grow();
    items_[(first_ + size_) & (items_.size() - 1)] = item;
    ++size_;
  }

  T pop() {
    assert(size_ != 0);
    const T item = items_[first_];
    first_ = (first_ + 1) & (items_.size() - 1);
    --size_;
    return item;
  }

 private:
  static constexpr std::size_t kFirstItems = 64;
  static_assert(std::has_single_bit(kFirstItems));

  void grow() {
    std::vector<T> larger(items_.empty() ? kFirstItems : items_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = items_[(first_ + i) & (items_.size() - 1)];
    items_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> items_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace lmc::bench

#include "server/net/input_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace lmc::net {

bool StagingBudget::take(std::uint64_t bytes) {
  const std::uint64_t before = used_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes <= limit_bytes_) return true;
  give_back(bytes);
  return false;
}

void InputBuffer::move_to_front() {
  if (begin_ == 0) return;
  std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

InputPool::Bytes InputPool::allocate(std::size_t bytes) {
  Bytes block(static_cast<char*>(std::malloc(bytes)));
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void InputPool::provide(InputBuffer& buffer, bool bulk) {
  std::vector<Bytes>& spare = bulk ? spare_bulk_ : spare_;
  const std::size_t bytes = bulk ? kBulkInputBlockBytes : kInputBlockBytes;
  if (spare.empty()) {
    buffer.bytes_ = allocate(bytes);
  } else {
    buffer.bytes_ = std::move(spare.back());
    spare.pop_back();
  }
  buffer.capacity_ = bytes;
  buffer.begin_ = buffer.end_ = 0;
}

bool InputPool::grow(InputBuffer& buffer, std::size_t wanted) {
  const std::size_t doubled = std::max(buffer.capacity_ * 2, kStagingStepBytes);
  const std::size_t capacity = std::min(wanted, doubled);
  if (capacity <= buffer.capacity_) return true;
  if (!budget_.take(capacity - buffer.staged_bytes_)) return false;

  buffer.move_to_front();
  if (buffer.staged_bytes_ > 0) {
    // A large block is moved by the kernel's page tables, not copied.
    char* moved = static_cast<char*>(std::realloc(buffer.bytes_.get(), capacity));
    if (moved == nullptr) {
      budget_.give_back(capacity - buffer.staged_bytes_);
      return false;
    }
    static_cast<void>(buffer.bytes_.release());
    buffer.bytes_.reset(moved);
  } else {
    Bytes larger(static_cast<char*>(std::malloc(capacity)));
    if (larger == nullptr) {
      budget_.give_back(capacity);
      return false;
    }
    std::memcpy(larger.get(), buffer.bytes_.get(), buffer.end_);
    const std::size_t unread = buffer.end_;
    release(buffer);
    buffer.bytes_ = std::move(larger);
    buffer.end_ = unread;
  }
  buffer.capacity_ = capacity;
  buffer.staged_bytes_ = capacity;
  return true;
}

void InputPool::release(InputBuffer& buffer) {
  if (!buffer.held()) return;
  if (buffer.staged_bytes_ > 0) {
    budget_.give_back(buffer.staged_bytes_);
  } else {
    std::vector<Bytes>& spare = buffer.capacity_ == kBulkInputBlockBytes ? spare_bulk_ : spare_;
    if (spare.size() < kSpareInputBlocks) spare.push_back(std::move(buffer.bytes_));
  }
  buffer = InputBuffer();
}

}  // namespace lmc::net

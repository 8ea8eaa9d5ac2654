#include "server/commands/reply_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace lmc::commands {

std::unique_ptr<ReplyBlock> BlockPool::take() {
  if (spare_.empty()) return std::make_unique_for_overwrite<ReplyBlock>();
  std::unique_ptr<ReplyBlock> block = std::move(spare_.back());
  spare_.pop_back();
  return block;
}

void BlockPool::give_back(std::unique_ptr<ReplyBlock> block) {
  if (spare_.size() < kept_blocks_) spare_.push_back(std::move(block));
}

ReplyQueue::~ReplyQueue() {
  truncate(0);
  close_tail();
}

// Out of line: once per block, and once behind each pinned piece.
void ReplyQueue::open_piece(std::size_t bytes) {
  assert(bytes <= kReplyBlockBytes);
  // Behind a pinned piece limit_ was drawn back to write_; the block itself may have room left.
  if (tail_ == nullptr || static_cast<std::size_t>(tail_->bytes + kReplyBlockBytes - write_) < bytes) {
    close_tail();
    tail_ = pool_.take().release();
    tail_->users = 1;
    write_ = tail_->bytes;
  }
  limit_ = tail_->bytes + kReplyBlockBytes;
  Piece piece;
  piece.block = tail_;
  piece.begin = write_;
  ++tail_->users;
  pieces_.push_back(std::move(piece));
}

void ReplyQueue::append_long(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t part = std::min(bytes.size(), kReplyBlockBytes);
    append(bytes.substr(0, part));
    bytes.remove_prefix(part);
  }
}

void ReplyQueue::append_pinned(store::SegmentPin pin, std::string_view bytes) {
  Piece piece;
  piece.pin = std::move(pin);
  piece.begin = bytes.data();
  piece.size = bytes.size();
  pieces_.push_back(std::move(piece));
  pending_bytes_ += bytes.size();
  limit_ = write_;  // the next reserve() opens a piece behind this one
}

std::size_t ReplyQueue::iovecs(std::span<iovec> out, std::size_t most_bytes) const {
  std::size_t filled = 0;
  for (std::size_t i = first_; i < pieces_.size() && filled < out.size() && most_bytes > 0; ++i) {
    const Piece& piece = pieces_[i];
    if (piece.size == 0) continue;  // reserved, nothing committed
    const std::size_t bytes = std::min(piece.size, most_bytes);
    out[filled++] = {const_cast<char*>(piece.begin), bytes};
    most_bytes -= bytes;
  }
  return filled;
}

void ReplyQueue::consume(std::size_t bytes) {
  assert(bytes <= pending_bytes_);
  pending_bytes_ -= bytes;
  if (pending_bytes_ == 0) {
    // The usual case: the socket took everything. Nothing is kept, not even the block.
    for (std::size_t i = first_; i < pieces_.size(); ++i) release(pieces_[i].block);
    pieces_.clear();
    first_ = 0;
    close_tail();
    return;
  }
  while (bytes > 0) {
    Piece& piece = pieces_[first_];
    if (bytes < piece.size) {
      piece.begin += bytes;
      piece.size -= bytes;
      break;
    }
    bytes -= piece.size;
    release(piece.block);
    piece = Piece{};
    ++first_;
  }
  forget_consumed();
}

void ReplyQueue::truncate(std::size_t pending) {
  assert(pending <= pending_bytes_);
  while (pending_bytes_ > pending) {
    Piece& piece = pieces_.back();
    const std::size_t excess = std::min(pending_bytes_ - pending, piece.size);
    piece.size -= excess;
    pending_bytes_ -= excess;
    // Pieces of one block lie in it back to back, so what is dropped from the end is room again.
    if (piece.block != nullptr && piece.block == tail_) write_ -= excess;
    if (piece.size > 0) break;
    release(piece.block);
    pieces_.pop_back();
  }
  const bool last_is_open = tail_ != nullptr && pieces_.size() > first_ && pieces_.back().block == tail_;
  limit_ = last_is_open ? tail_->bytes + kReplyBlockBytes : write_;
}

void ReplyQueue::close_tail() {
  release(std::exchange(tail_, nullptr));
  write_ = nullptr;
  limit_ = nullptr;
}

void ReplyQueue::release(ReplyBlock* block) {
  if (block != nullptr && --block->users == 0) pool_.give_back(std::unique_ptr<ReplyBlock>(block));
}

// A queue that is never empty (a slow reader of a long dump) must not collect consumed pieces for ever.
void ReplyQueue::forget_consumed() {
  if (first_ < 64 || first_ * 2 < pieces_.size()) return;
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

}  // namespace lmc::commands

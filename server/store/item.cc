#include "server/store/item.h"

#include "server/store/arena.h"

namespace lmc::store {

UnixSeconds ItemView::last_access() const {
  return record_->access().time;
}

LogAddress ItemView::address() const {
  return arena_->address_of(record_);
}

Stream ItemView::stream() const {
  return arena_->segment(arena_->segment_of(arena_->address_of(record_))).stream.load(std::memory_order_relaxed);
}

std::uint64_t ItemView::value_bytes() const {
  return contiguous() ? value().size() : ChunkDirectory(record_->payload()).total_bytes();
}

std::uint64_t ItemView::log_bytes() const {
  std::uint64_t bytes = record_->record_bytes();
  if (contiguous()) return bytes;
  const ChunkDirectory directory(record_->payload());
  for (std::uint32_t i = 0; i < directory.chunks(); ++i)
    bytes += arena_->record({directory.chunk_address(i)}).record_bytes();
  return bytes;
}

std::uint32_t ItemView::piece_count() const {
  return ChunkDirectory(record_->payload()).chunks();
}

std::string_view ItemView::piece(std::uint32_t i) const {
  return arena_->record({ChunkDirectory(record_->payload()).chunk_address(i)}).payload();
}

}  // namespace lmc::store

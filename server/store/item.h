// ItemView: a living item as a reader sees it.
//
// A view points into the arena. It is valid until the session that found it ends its turn, or, for the bytes of a piece
// that was pinned (Session::pin), until the pin is gone. Views are cheap to copy. Threads: any thread that has a
// session in a turn; several may look at one item at the same time. Large values are kept in several pieces.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "server/store/record.h"
#include "server/store/types.h"

namespace lmc::store {

class Arena;

class ItemView {
 public:
  ItemView() = default;
  ItemView(const Arena& arena, const RecordHeader& record, std::atomic<std::uint64_t>* slot)
      : arena_(&arena), record_(&record), slot_(slot) {}

  [[nodiscard]] explicit operator bool() const { return record_ != nullptr; }

  [[nodiscard]] std::string_view key() const { return record_->key(); }
  [[nodiscard]] std::uint32_t client_flags() const { return record_->client_flags(); }
  // What clients know as the CAS unique: the item's version, or the one a meta `E` flag gave it.
  [[nodiscard]] std::uint64_t cas() const { return record_->cas(); }
  [[nodiscard]] Version version() const { return record_->version(); }
  [[nodiscard]] UnixSeconds expiry() const { return record_->expiry(); }
  // Within a second or two of the last get; never before the item was stored.
  [[nodiscard]] UnixSeconds last_access() const;
  [[nodiscard]] bool fetched() const { return record_->access().fetched; }
  [[nodiscard]] bool stale() const { return record_->access().stale; }
  [[nodiscard]] bool win_sent() const { return record_->access().win_sent; }
  [[nodiscard]] bool binary_key() const { return record_->has(RecordFlag::kBinaryKey); }
  [[nodiscard]] Stream stream() const;
  // Where its record lies at this moment.
  [[nodiscard]] LogAddress address() const;

  [[nodiscard]] std::uint64_t value_bytes() const;
  // Bytes of log this item occupies: headers, key, value, padding.
  [[nodiscard]] std::uint64_t log_bytes() const;
  // A value in one piece, which nearly all are.
  [[nodiscard]] bool contiguous() const { return !record_->has(RecordFlag::kChunked); }
  [[nodiscard]] std::string_view value() const { return record_->payload(); }  // contiguous() only

  // visit(std::string_view piece) for every piece of the value in order.
  template <class Visit>
  void for_each_piece(Visit&& visit) const {
    if (contiguous()) {
      visit(value());
      return;
    }
    for (std::uint32_t i = 0, n = piece_count(); i < n; ++i) visit(piece(i));
  }

 private:
  friend class Session;
  friend class Mutation;
  friend class Store;
  [[nodiscard]] std::uint32_t piece_count() const;
  [[nodiscard]] std::string_view piece(std::uint32_t i) const;

  const Arena* arena_ = nullptr;
  const RecordHeader* record_ = nullptr;
  std::atomic<std::uint64_t>* slot_ = nullptr;  // where the index holds it: for its access frequency
};

// Keeps the segment of a piece from being reused while a reply that points into it is not yet sent. Move-only.
// May be released on any thread.
class SegmentPin {
 public:
  SegmentPin() = default;
  explicit SegmentPin(std::atomic<std::uint32_t>& pins) : pins_(&pins) {
    // Relaxed: the pinning thread is inside a turn, which already keeps the segment; the release below is what counts.
    pins_->fetch_add(1, std::memory_order_relaxed);
  }
  SegmentPin(SegmentPin&& other) noexcept : pins_(std::exchange(other.pins_, nullptr)) {}
  SegmentPin& operator=(SegmentPin&& other) noexcept {
    std::swap(pins_, other.pins_);
    return *this;
  }
  ~SegmentPin() {
    if (pins_ != nullptr) pins_->fetch_sub(1, std::memory_order_release);
  }

 private:
  std::atomic<std::uint32_t>* pins_ = nullptr;
};

}  // namespace lmc::store

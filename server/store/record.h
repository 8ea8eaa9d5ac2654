// The record: one entry of the log. FORMAT.md has every byte; this header is its constants and accessors.
//
// A record is written once, completely, before anything points at it; from then on it is immutable but for the expiry
// and access words, which stand outside the checksum. Records are 8-byte aligned and lie back to back in a segment.
//
// Threads: the immutable part may be read by any thread that learned the record's address through the index (acquire).
// The two mutable words are atomics: expiry is written under the key's bucket lock, access by any reader.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "server/store/types.h"

namespace lmc::store {

enum class RecordKind : std::uint8_t {
  kItem = 1,
  kDelete = 2,  // the key is gone
  kTouch = 3,   // the key's item has the expiry and state of this record
  kFlush = 4,   // payload: 4 bytes; 0: every older record is dead; else the second at which such a flush is to come
  kChunk = 5,   // a part of a large item's value; client_flags is its number in the directory
  kVoid = 6,    // nothing: an item for which the index had no room
};

enum class RecordFlag : std::uint8_t {
  kClientFlags = 1 << 0,  // a 4-byte field follows
  kExplicitCas = 1 << 1,  // an 8-byte field follows
  kBinaryKey = 1 << 2,    // the key came as base64 and is shown so
  kChunked = 1 << 3,      // the payload is a chunk directory
};

inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kRecordHeaderBytes = 24;
inline constexpr std::size_t kMaxRecordKeyBytes = 255;  // bits of the length word; memcached allows 250
inline constexpr std::size_t kMaxPayloadBytes = (std::size_t{1} << 24) - 1;
// Last access is kept in 29 bits of seconds since 2024-01-01: enough until 2041, then it sticks.
inline constexpr std::uint32_t kAccessBaseSeconds = 1704067200;
inline constexpr std::uint32_t kMaxAccessSeconds = (std::uint32_t{1} << 29) - 1;

// The access word, taken apart.
struct Access {
  UnixSeconds time;
  bool fetched = false;
  bool stale = false;
  bool win_sent = false;

  [[nodiscard]] std::uint32_t packed() const;
  [[nodiscard]] static Access unpacked(std::uint32_t word);
};

// What a record is going to be, before it has a place.
struct RecordShape {
  RecordKind kind = RecordKind::kItem;
  std::uint8_t flags = 0;  // RecordFlag bits
  std::uint8_t key_bytes = 0;
  std::uint32_t payload_bytes = 0;

  [[nodiscard]] constexpr bool has(RecordFlag flag) const { return (flags & static_cast<std::uint8_t>(flag)) != 0; }
  [[nodiscard]] constexpr std::size_t optional_bytes() const {
    return (has(RecordFlag::kExplicitCas) ? 8u : 0u) + (has(RecordFlag::kClientFlags) ? 4u : 0u);
  }
  // In the log, padding included.
  [[nodiscard]] constexpr std::size_t record_bytes() const {
    const std::size_t bytes = kRecordHeaderBytes + optional_bytes() + key_bytes + payload_bytes;
    return (bytes + kRecordAlignment - 1) & ~(kRecordAlignment - 1);
  }
};

class RecordHeader {
 public:
  RecordHeader(const RecordShape& shape, Version version)
      : lengths_(shape.key_bytes | shape.payload_bytes << 8),
        identity_(version.value << 8 | static_cast<std::uint64_t>(shape.flags) << 3 |
                  static_cast<std::uint64_t>(shape.kind)) {}

  [[nodiscard]] RecordKind kind() const { return static_cast<RecordKind>(identity_ & 7); }
  [[nodiscard]] Version version() const { return {identity_ >> 8}; }
  [[nodiscard]] bool has(RecordFlag flag) const { return (identity_ >> 3 & static_cast<std::uint8_t>(flag)) != 0; }
  [[nodiscard]] RecordShape shape() const {
    return {kind(), static_cast<std::uint8_t>(identity_ >> 3 & 31), static_cast<std::uint8_t>(lengths_ & 255),
            lengths_ >> 8};
  }
  [[nodiscard]] std::size_t record_bytes() const { return shape().record_bytes(); }

  [[nodiscard]] std::string_view key() const { return {body() + shape().optional_bytes(), lengths_ & 255}; }
  [[nodiscard]] std::string_view payload() const {
    return {body() + shape().optional_bytes() + (lengths_ & 255), lengths_ >> 8};
  }
  [[nodiscard]] std::uint32_t client_flags() const {
    if (!has(RecordFlag::kClientFlags)) return 0;
    std::uint32_t flags = 0;
    std::memcpy(&flags, body() + (has(RecordFlag::kExplicitCas) ? 8 : 0), sizeof flags);
    return flags;
  }
  [[nodiscard]] std::uint64_t cas() const {
    if (!has(RecordFlag::kExplicitCas)) return version().value;
    std::uint64_t cas = 0;
    std::memcpy(&cas, body(), sizeof cas);
    return cas;
  }

  // Relaxed throughout: each word stands for itself, nothing else is published by it.
  [[nodiscard]] UnixSeconds expiry() const { return {expiry_.load(std::memory_order_relaxed)}; }
  void set_expiry(UnixSeconds expiry) { expiry_.store(expiry.value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t access_word() const { return access_.load(std::memory_order_relaxed); }
  [[nodiscard]] Access access() const { return Access::unpacked(access_word()); }
  void set_access(const Access& access) { access_.store(access.packed(), std::memory_order_relaxed); }
  [[nodiscard]] bool replace_access(std::uint32_t expected, std::uint32_t desired) {
    return access_.compare_exchange_strong(expected, desired, std::memory_order_relaxed);
  }

  // Readers change the time and the fetched bit of the same word.
  void set_state(bool stale, bool win_sent) {
    for (;;) {
      const std::uint32_t word = access_word();
      Access renewed = Access::unpacked(word);
      renewed.stale = stale;
      renewed.win_sent = win_sent;
      if (replace_access(word, renewed.packed())) return;
    }
  }

  [[nodiscard]] const char* body() const { return reinterpret_cast<const char*>(this) + kRecordHeaderBytes; }
  [[nodiscard]] char* body() { return reinterpret_cast<char*>(this) + kRecordHeaderBytes; }

  // CRC32C over everything but itself and the two mutable words.
  [[nodiscard]] std::uint32_t computed_checksum() const;
  [[nodiscard]] bool checksum_matches() const { return checksum_ == computed_checksum(); }
  void seal_checksum() { checksum_ = computed_checksum(); }
  // Before it is complete.
  void make_void() {
    identity_ = (identity_ & ~std::uint64_t{7}) | static_cast<std::uint64_t>(RecordKind::kVoid);
    seal_checksum();
  }
  // Makes this record, reserved with the shape and version of `from`, its copy.
  void copy_from(const RecordHeader& from) {
    std::memcpy(body(), from.body(), from.record_bytes() - kRecordHeaderBytes);
    checksum_ = from.checksum_;
    set_expiry(from.expiry());
    access_.store(from.access_word(), std::memory_order_relaxed);
  }

  // In a copied chunk directory, before it is complete.
  void set_chunk_address(std::uint32_t i, LogAddress to) {
    char* directory = body() + shape().optional_bytes() + shape().key_bytes;
    std::memcpy(directory + (i + 1) * sizeof to.offset, &to.offset, sizeof to.offset);
    seal_checksum();
  }

 private:
  std::uint32_t checksum_ = 0;
  std::uint32_t lengths_;   // key bytes: 8 bits; payload bytes: 24 bits
  std::uint64_t identity_;  // kind: 3 bits; flags: 5 bits; version: 56 bits
  std::atomic<std::uint32_t> expiry_{0};
  std::atomic<std::uint32_t> access_{0};
};
static_assert(sizeof(RecordHeader) == kRecordHeaderBytes);
static_assert(alignof(RecordHeader) == kRecordAlignment);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

// The payload of a kChunked item: total value bytes, then the log addresses of its chunks in order.
struct ChunkDirectory {
  explicit ChunkDirectory(std::string_view payload) : payload_(payload) {}
  [[nodiscard]] std::uint64_t total_bytes() const { return word(0); }
  [[nodiscard]] std::uint32_t chunks() const { return static_cast<std::uint32_t>(payload_.size() / 8 - 1); }
  [[nodiscard]] std::uint64_t chunk_address(std::uint32_t i) const { return word(i + 1); }

 private:
  [[nodiscard]] std::uint64_t word(std::size_t i) const {
    std::uint64_t value = 0;
    std::memcpy(&value, payload_.data() + i * 8, sizeof value);
    return value;
  }
  std::string_view payload_;
};

}  // namespace lmc::store

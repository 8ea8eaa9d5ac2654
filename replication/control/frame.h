// Frames of a control connection: each one message, under a tag by which the receiver knows that it is the next one
// that the other end sent. ../FORMAT.md has every byte.
//
// What is altered, left out, repeated, reordered or taken from elsewhere has no true tag and is refused.
//
// Pure: bytes in, bytes out. Threads: one. Limits: a message kMaxMessageBytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "replication/control/mac.h"

namespace lmc::replication {

inline constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 20;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kFrameOverheadBytes = sizeof(std::uint32_t) + kTagBytes;

class FrameWriter {
 public:
  explicit FrameWriter(const Digest256& key) : key_(key) {}
  // Appends the frame of `message`, at most kMaxMessageBytes (more is a bug of the caller's), to `out`.
  void write(std::string& out, std::string_view message);

 private:
  Digest256 key_;
  std::uint64_t written_ = 0;
};

class FrameReader {
 public:
  enum class Status { kMessage, kIncomplete, kRefused };

  explicit FrameReader(const Digest256& key) : key_(key) {}
  // Keeps what is not yet taken and `bytes`; views that next() gave are no longer valid.
  void feed(std::string_view bytes);
  // The next message, valid until feed(). kIncomplete: feed more. kRefused: error() says why; it stays so.
  [[nodiscard]] Status next(std::string_view& message);
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  [[nodiscard]] Status refuse(std::string why);

  Digest256 key_;
  std::uint64_t read_ = 0;
  std::string bytes_;
  std::size_t taken_ = 0;  // of bytes_
  std::string error_;
};

}  // namespace lmc::replication

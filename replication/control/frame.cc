#include "replication/control/frame.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace lmc::replication {

namespace {

template <class Number>
std::string_view bytes_of(const Number& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

Digest256 digest_of(const Digest256& key, std::uint64_t number, std::string_view message) {
  return hmac_sha256(view_of(key), {bytes_of(number), message});
}

}  // namespace

void FrameWriter::write(std::string& out, std::string_view message) {
  if (message.size() > kMaxMessageBytes) {
    std::fprintf(stderr, "control message of %zu bytes, more than %zu\n", message.size(), kMaxMessageBytes);
    std::abort();
  }
  const Digest256 digest = digest_of(key_, written_++, message);
  out += bytes_of(static_cast<std::uint32_t>(message.size()));
  out += message;
  out += view_of(digest).substr(0, kTagBytes);
}

void FrameReader::feed(std::string_view bytes) {
  bytes_.erase(0, taken_);
  taken_ = 0;
  bytes_ += bytes;
}

FrameReader::Status FrameReader::next(std::string_view& message) {
  if (!error_.empty()) return Status::kRefused;
  const std::string_view left = std::string_view(bytes_).substr(taken_);
  std::uint32_t size = 0;
  if (left.size() < sizeof size) return Status::kIncomplete;
  std::memcpy(&size, left.data(), sizeof size);
  if (size > kMaxMessageBytes) return refuse("a message of " + std::to_string(size) + " bytes");
  if (left.size() < size + kFrameOverheadBytes) return Status::kIncomplete;
  const std::string_view payload = left.substr(sizeof size, size);
  const Digest256 expected = digest_of(key_, read_, payload);
  if (!equal_secretly(left.substr(sizeof size + size, kTagBytes), view_of(expected).substr(0, kTagBytes)))
    return refuse("a message that was not sent so");
  ++read_;
  taken_ += size + kFrameOverheadBytes;
  message = payload;
  return Status::kMessage;
}

FrameReader::Status FrameReader::refuse(std::string why) {
  error_ = std::move(why);
  return Status::kRefused;
}

}  // namespace lmc::replication

// The binary protocol's words, and writing its replies. Requests are parsed by parse_binary() of parser.h.
//
// A reply is a 24-byte header, then extras, key, value, all lengths in the header, all numbers big endian:
//   0 magic 0x81 | 1 opcode | 2 key length | 4 extras length | 5 data type 0 | 6 status | 8 body length | 12 opaque |
//   16 CAS
// A request has magic 0x80 and a reserved field in the place of the status.
//
// The write functions write at `out` and return the end. Threads: pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "protocol/request.h"

namespace lmc::protocol {

inline constexpr std::size_t kBinaryHeaderBytes = 24;
inline constexpr std::uint8_t kBinaryRequestMagic = 0x80;
inline constexpr std::uint8_t kBinaryReplyMagic = 0x81;

enum class BinaryOpcode : std::uint8_t {
  kGet = 0x00,
  kSet = 0x01,
  kAdd = 0x02,
  kReplace = 0x03,
  kDelete = 0x04,
  kIncrement = 0x05,
  kDecrement = 0x06,
  kQuit = 0x07,
  kFlush = 0x08,
  kGetQ = 0x09,
  kNoop = 0x0a,
  kVersion = 0x0b,
  kGetK = 0x0c,
  kGetKQ = 0x0d,
  kAppend = 0x0e,
  kPrepend = 0x0f,
  kStat = 0x10,
  kSetQ = 0x11,
  kAddQ = 0x12,
  kReplaceQ = 0x13,
  kDeleteQ = 0x14,
  kIncrementQ = 0x15,
  kDecrementQ = 0x16,
  kQuitQ = 0x17,
  kFlushQ = 0x18,
  kAppendQ = 0x19,
  kPrependQ = 0x1a,
  kTouch = 0x1c,
  kGat = 0x1d,
  kGatQ = 0x1e,
  kSaslListMechanisms = 0x20,
  kSaslAuthenticate = 0x21,
  kSaslStep = 0x22,
  kGatK = 0x23,
  kGatKQ = 0x24,
};

enum class BinaryStatus : std::uint16_t {
  kSuccess = 0x00,
  kNotFound = 0x01,
  kExists = 0x02,
  kTooLarge = 0x03,
  kInvalidArguments = 0x04,
  kNotStored = 0x05,
  kNotNumeric = 0x06,
  kAuthFailure = 0x20,
  kAuthContinue = 0x21,
  kUnknownCommand = 0x81,
  kOutOfMemory = 0x82,
  kReadOnly = 0x83,
  kPrimaryUnreachable = 0x86,
};

// The body of an error reply; empty for kSuccess and kAuthContinue.
[[nodiscard]] std::string_view binary_status_text(BinaryStatus status);

struct BinaryReply {
  std::uint8_t opcode = 0;  // Request::opcode
  BinaryStatus status = BinaryStatus::kSuccess;
  std::uint32_t opaque = 0;  // Request::opaque: in wire byte order
  std::uint64_t cas = 0;
  std::uint8_t extras_bytes = 0;
  std::uint16_t key_bytes = 0;
  std::uint64_t value_bytes = 0;  // the header's body length is the sum of the three
};

// Exactly kBinaryHeaderBytes.
char* write_binary_header(char* out, const BinaryReply& reply);

// Header and client flags of a get or gat reply that found its item: kBinaryGetHeaderBytes. Key (if key_bytes), then
// value follow. `reply.extras_bytes` is set here.
inline constexpr std::size_t kBinaryGetHeaderBytes = kBinaryHeaderBytes + 4;
char* write_binary_get_header(char* out, BinaryReply reply, std::uint32_t client_flags);

// The complete reply of an increment: header and the new value.
inline constexpr std::size_t kBinaryNumberReplyBytes = kBinaryHeaderBytes + 8;
char* write_binary_number_reply(char* out, BinaryReply reply, std::uint64_t number);

// A complete error reply: header and status text. At most kMaxBinaryErrorBytes.
inline constexpr std::size_t kMaxBinaryErrorBytes = kBinaryHeaderBytes + 64;
char* write_binary_error(char* out, const Request& request, BinaryStatus status);

// --- big endian ---

[[nodiscard]] inline std::uint16_t load_be16(const char* from) {
  std::uint16_t raw;
  std::memcpy(&raw, from, sizeof raw);
  return std::endian::native == std::endian::little ? __builtin_bswap16(raw) : raw;
}
[[nodiscard]] inline std::uint32_t load_be32(const char* from) {
  std::uint32_t raw;
  std::memcpy(&raw, from, sizeof raw);
  return std::endian::native == std::endian::little ? __builtin_bswap32(raw) : raw;
}
[[nodiscard]] inline std::uint64_t load_be64(const char* from) {
  std::uint64_t raw;
  std::memcpy(&raw, from, sizeof raw);
  return std::endian::native == std::endian::little ? __builtin_bswap64(raw) : raw;
}
inline char* store_be16(char* out, std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap16(value);
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}
inline char* store_be32(char* out, std::uint32_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}
inline char* store_be64(char* out, std::uint64_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}

}  // namespace lmc::protocol

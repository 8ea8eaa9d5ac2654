// Writing text and meta replies: each function writes at `out` and returns the end of what it wrote.
//
// The caller reserves once: every function has a named maximum (kMax...Bytes), or says what it writes. Nothing ends in
// a zero byte. Threads: pure functions. Preconditions (a key of at most kMaxKeyBytes) are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "protocol/base64.h"
#include "protocol/request.h"

namespace lmc::protocol {

inline constexpr std::size_t kMaxU32Bytes = 10;
inline constexpr std::size_t kMaxU64Bytes = 20;
inline constexpr std::size_t kMaxI64Bytes = 20;
inline constexpr std::size_t kMaxUriKeyBytes = 3 * kMaxKeyBytes;

// Exactly text.size() bytes.
inline char* write_text(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}
inline char* write_crlf(char* out) {
  out[0] = '\r';
  out[1] = '\n';
  return out + 2;
}

// Decimal. At most kMaxU64Bytes, kMaxI64Bytes.
char* write_u64(char* out, std::uint64_t number);
char* write_i64(char* out, std::int64_t number);

// Each byte but letters, digits and -._~ as %XX: keys in metadump and watch lines. At most 3 * bytes.size().
char* write_uri(char* out, std::string_view bytes);

// --- text ---

// `VALUE key flags bytes\r\n` and `VALUE key flags bytes cas\r\n`. The value and its CRLF follow.
inline constexpr std::size_t kMaxValueLineBytes =
    6 + kMaxKeyBytes + 1 + kMaxU32Bytes + 1 + kMaxU64Bytes + 1 + kMaxU64Bytes + 2;
char* write_value_line(char* out, std::string_view key, std::uint32_t client_flags, std::uint64_t value_bytes);
char* write_value_line_with_cas(char* out, std::string_view key, std::uint32_t client_flags, std::uint64_t value_bytes,
                                std::uint64_t cas);

// `number\r\n`: the reply of incr and decr.
inline constexpr std::size_t kMaxNumberLineBytes = kMaxU64Bytes + 2;
char* write_number_line(char* out, std::uint64_t number);

// `STAT name value\r\n`: kStatLineOverheadBytes + name + value.
inline constexpr std::size_t kStatLineOverheadBytes = 5 + 1 + 2;
char* write_stat_line(char* out, std::string_view name, std::string_view value);

// --- meta ---

// A whole reply line: status, every return flag once, line end.
inline constexpr std::size_t kMaxMetaLineBytes = (3 + kMaxU64Bytes)               // VA n
                                                 + 2 * (2 + kMaxU64Bytes)         // s c
                                                 + 2 * (2 + kMaxI64Bytes)         // t l
                                                 + (2 + kMaxU32Bytes)             // f
                                                 + 3                              // h
                                                 + (2 + kMaxEncodedKeyBytes + 2)  // k, b
                                                 + (1 + kMaxOpaqueTokenBytes)     // O
                                                 + 3 * 2                          // W X Z
                                                 + 2;

// `VA n`. The other statuses are two letters: write_text(out, "HD").
char* write_meta_value_status(char* out, std::uint64_t value_bytes);

// ` x`, ` x123`, ` x-1`: a return flag and its value.
inline char* write_meta_flag(char* out, char letter) {
  out[0] = ' ';
  out[1] = letter;
  return out + 2;
}
inline char* write_meta_number(char* out, char letter, std::uint64_t number) {
  return write_u64(write_meta_flag(out, letter), number);
}
inline char* write_meta_signed(char* out, char letter, std::int64_t number) {
  return write_i64(write_meta_flag(out, letter), number);
}

// ` kKEY`; the key of an item with a binary key as base64, with the mark that says so: ` kS0VZ b`.
char* write_meta_key(char* out, std::string_view key, bool key_is_binary);

// ` Otoken`: `opaque` is the token with its letter, as MetaFlags::opaque has it.
inline char* write_meta_opaque(char* out, std::string_view opaque) {
  *out = ' ';
  return write_text(out + 1, opaque);
}

// --- lines about one item ---

struct ItemFacts {
  std::string_view key;
  bool key_is_binary = false;
  bool fetched = false;
  std::int64_t expires = -1;     // -1: never. `me`: seconds from now. metadump: absolute, Unix seconds
  std::int64_t last_access = 0;  // `me`: seconds ago. metadump: absolute, Unix seconds
  std::uint64_t cas = 0;
  std::uint32_t size_class = 0;
  std::uint64_t total_bytes = 0;  // of the item with its header and key
  std::uint32_t client_flags = 0;
};

// `ME key exp= la= cas= fetch= cls= size=\r\n`
inline constexpr std::size_t kMaxDebugLineBytes = 64 + kMaxEncodedKeyBytes + 4 * kMaxU64Bytes + kMaxU32Bytes;
char* write_debug_line(char* out, const ItemFacts& item);

// `key=uri exp= la= cas= fetch= cls= size= flags= \n`: the trailing space and the bare line end are memcached's.
inline constexpr std::size_t kMaxMetadumpLineBytes = 64 + kMaxUriKeyBytes + 4 * kMaxU64Bytes + 2 * kMaxU32Bytes;
char* write_metadump_line(char* out, const ItemFacts& item);

// `mg key\r\n`, a binary key as base64 with ` b`.
inline constexpr std::size_t kMaxMgdumpLineBytes = 3 + kMaxEncodedKeyBytes + 2 + 2;
char* write_mgdump_line(char* out, std::string_view key, bool key_is_binary);

}  // namespace lmc::protocol

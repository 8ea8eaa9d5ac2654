// Numbers as memcached reads them from a word. It has two readers, and which one a command uses shows in its replies:
//
// - strict: decimal digits, one leading '-' where signed, nothing else. At most 11 (32 bit) or 22 (64 bit) characters,
//   leading zeros included. A word of only '-' is 0. Used for lengths, gat's and flush_all's times, and all admin
//   commands.
// - loose: what strtol/strtoull take: leading white space, '+', and anything behind white space is ignored ("5\tx" is
// 5).
//   Beyond 64 bits is an error; the 32-bit readers keep the low 32 bits of a 64-bit number (flags of 2^32 are 0). A
//   negative number is an error where unsigned. Used for flags, times, deltas and uniques of storage commands and for
//   meta flags.
//
// All return false, and leave `out` alone, for a word that is no such number (the empty word included).
#pragma once

#include <cstdint>
#include <string_view>

namespace lmc::protocol {

[[nodiscard]] bool strict_u32(std::string_view word, std::uint32_t& out);
[[nodiscard]] bool strict_i32(std::string_view word, std::int32_t& out);
[[nodiscard]] bool strict_u64(std::string_view word, std::uint64_t& out);
[[nodiscard]] bool strict_i64(std::string_view word, std::int64_t& out);

[[nodiscard]] bool loose_u32(std::string_view word, std::uint32_t& out);
[[nodiscard]] bool loose_i32(std::string_view word, std::int32_t& out);
[[nodiscard]] bool loose_u64(std::string_view word, std::uint64_t& out);

}  // namespace lmc::protocol

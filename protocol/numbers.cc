#include "protocol/numbers.h"

#include <cstddef>
#include <limits>

namespace lmc::protocol {
namespace {

constexpr std::size_t kMaxStrict32Chars = 11;
constexpr std::size_t kMaxStrict64Chars = 22;
constexpr std::size_t kDigitsThatCannotOverflow = 18;  // of 64 bits, signed or not

constexpr unsigned digit(char c) {
  return static_cast<unsigned char>(c) - unsigned{'0'};
}  // > 9: not a digit

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Decimal digits and nothing else, at least one.
bool all_digits_u64(std::string_view digits, std::uint64_t& out) {
  std::uint64_t sum = 0;
  for (const char c : digits) {
    if (digit(c) > 9) return false;
    if (__builtin_mul_overflow(sum, 10U, &sum) || __builtin_add_overflow(sum, digit(c), &sum)) return false;
  }
  out = sum;
  return !digits.empty();
}

// A word of strtol's grammar taken apart: the digits, and whether a '-' stands before them.
struct LooseNumber {
  bool negative = false;
  std::uint64_t magnitude = 0;
};

bool read_loose(std::string_view word, LooseNumber& out) {
  std::size_t at = 0;
  while (at < word.size() && is_space(word[at])) ++at;
  if (at < word.size() && (word[at] == '-' || word[at] == '+')) out.negative = word[at++] == '-';
  const std::size_t first = at;
  while (at < word.size() && digit(word[at]) <= 9) ++at;
  // To memcached a word is a C string: clients that store one with its end have their counters counted.
  if (at < word.size() && !is_space(word[at]) && word[at] != '\0') return false;
  return all_digits_u64(word.substr(first, at - first), out.magnitude);
}

// The usual word, digits only and few of them; anything else is left to read_loose().
bool read_plain(std::string_view word, std::uint64_t& out) {
  if (word.empty() || word.size() > kDigitsThatCannotOverflow) return false;
  std::uint64_t sum = 0;
  for (const char c : word) {
    if (digit(c) > 9) return false;
    sum = sum * 10 + digit(c);
  }
  out = sum;
  return true;
}

bool strict_signed(std::string_view word, std::uint64_t max, std::int64_t& out) {
  if (word.empty()) return false;
  const bool negative = word.front() == '-';
  if (negative) word.remove_prefix(1);
  std::uint64_t magnitude = 0;
  if (!word.empty() && !all_digits_u64(word, magnitude)) return false;
  if (magnitude > max + (negative ? 1 : 0)) return false;
  out = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

}  // namespace

bool strict_u32(std::string_view word, std::uint32_t& out) {
  std::uint64_t wide = 0;
  if (word.size() > kMaxStrict32Chars || !all_digits_u64(word, wide)) return false;
  if (wide > std::numeric_limits<std::uint32_t>::max()) return false;
  out = static_cast<std::uint32_t>(wide);
  return true;
}

bool strict_i32(std::string_view word, std::int32_t& out) {
  std::int64_t wide = 0;
  if (word.size() > kMaxStrict32Chars) return false;
  if (!strict_signed(word, std::numeric_limits<std::int32_t>::max(), wide)) return false;
  out = static_cast<std::int32_t>(wide);
  return true;
}

bool strict_u64(std::string_view word, std::uint64_t& out) {
  return word.size() <= kMaxStrict64Chars && all_digits_u64(word, out);
}

bool strict_i64(std::string_view word, std::int64_t& out) {
  return word.size() <= kMaxStrict64Chars && strict_signed(word, std::numeric_limits<std::int64_t>::max(), out);
}

bool loose_u64(std::string_view word, std::uint64_t& out) {
  if (read_plain(word, out)) return true;
  LooseNumber number;
  if (!read_loose(word, number)) return false;
  const std::uint64_t value = number.negative ? 0 - number.magnitude : number.magnitude;
  // memcached looks for the sign only when the number is so large that it might have had one.
  if (number.negative && static_cast<std::int64_t>(value) < 0) return false;
  out = value;
  return true;
}

bool loose_u32(std::string_view word, std::uint32_t& out) {
  std::uint64_t wide = 0;
  if (!loose_u64(word, wide)) return false;
  out = static_cast<std::uint32_t>(wide);
  return true;
}

bool loose_i32(std::string_view word, std::int32_t& out) {
  std::uint64_t plain = 0;
  if (read_plain(word, plain)) {
    out = static_cast<std::int32_t>(plain);
    return true;
  }
  LooseNumber number;
  if (!read_loose(word, number)) return false;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (number.magnitude > kMax + (number.negative ? 1 : 0)) return false;
  out = static_cast<std::int32_t>(number.negative ? 0 - number.magnitude : number.magnitude);
  return true;
}

}  // namespace lmc::protocol

// Words of a command line: runs of bytes other than space. Several spaces count as one; nothing else separates.
//
// Threads: pure functions. Lifetime: the words are views into the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lmc::protocol {

// Takes the first word off `rest`, which keeps the spaces behind it. Empty when there is none.
[[nodiscard]] inline std::string_view next_word(std::string_view& rest) {
  const char* word = rest.data();
  const char* const end = word + rest.size();
  while (word != end && *word == ' ') ++word;
  const auto left = static_cast<std::size_t>(end - word);
  const void* const space = left == 0 ? nullptr : std::memchr(word, ' ', left);
  const char* const word_end = space == nullptr ? end : static_cast<const char*>(space);
  rest = {word_end, static_cast<std::size_t>(end - word_end)};
  return {word, static_cast<std::size_t>(word_end - word)};
}

// The same, faster for words of a few bytes, slower for longer ones.
[[nodiscard]] inline std::string_view next_short_word(std::string_view& rest) {
  const char* word = rest.data();
  const char* const end = word + rest.size();
  while (word != end && *word == ' ') ++word;
  const char* word_end = word;
  while (word_end != end && *word_end != ' ') ++word_end;
  rest = {word_end, static_cast<std::size_t>(end - word_end)};
  return {word, static_cast<std::size_t>(word_end - word)};
}

// The same for a word that is a number as most are: one to ten digits. False, and `rest` as it was, for any other word,
// which a reader of protocol/numbers.h then judges.
[[nodiscard]] inline bool next_plain_number(std::string_view& rest, std::uint64_t& out) {
  constexpr std::size_t kMaxDigits = 10;
  const char* at = rest.data();
  const char* const end = at + rest.size();
  while (at != end && *at == ' ') ++at;
  const char* const first = at;
  std::uint64_t sum = 0;
  for (; at != end && *at >= '0' && *at <= '9'; ++at) sum = sum * 10 + static_cast<std::uint64_t>(*at - '0');
  const auto digits = static_cast<std::size_t>(at - first);
  if (digits == 0 || digits > kMaxDigits || (at != end && *at != ' ')) return false;
  rest = {at, static_cast<std::size_t>(end - at)};
  out = sum;
  return true;
}

[[nodiscard]] inline std::string_view without_leading_spaces(std::string_view line) {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return line;
}
[[nodiscard]] inline std::string_view without_trailing_spaces(std::string_view line) {
  while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  return line;
}

// The last word of `line`; empty when there is none.
[[nodiscard]] inline std::string_view last_word(std::string_view line) {
  line = without_trailing_spaces(line);
  const std::size_t space = line.rfind(' ');
  return space == std::string_view::npos ? line : line.substr(space + 1);
}

[[nodiscard]] inline std::size_t count_words(std::string_view line) {
  std::size_t words = 0;
  while (!next_word(line).empty()) ++words;
  return words;
}

}  // namespace lmc::protocol

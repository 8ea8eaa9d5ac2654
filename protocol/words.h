// Words of a command line: runs of bytes other than space. Several spaces count as one; nothing else separates.
//
// Threads: pure functions. Lifetime: the words are views into the line.
#pragma once

#include <cstddef>
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

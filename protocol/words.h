// Words of a command line: runs of bytes other than space. Several spaces count as one; nothing else separates.
//
// Threads: pure functions. Lifetime: the words are views into the line.
#pragma once

#include <cstddef>
#include <string_view>

namespace lmc::protocol {

// Takes the first word off `rest`. Empty when there is none.
[[nodiscard]] std::string_view next_word(std::string_view& rest);

// The last word of `line`; empty when there is none.
[[nodiscard]] std::string_view last_word(std::string_view line);

[[nodiscard]] std::size_t count_words(std::string_view line);

}  // namespace lmc::protocol

// The worked examples of the documents beside the code, so that text and code cannot part.
//
// An example is a paragraph of a code block: lines of hex, each perhaps with a comment two blanks or more behind it.
#pragma once

#include <string>
#include <string_view>

namespace lmc::replication {

// The hex of the one example of replication/`file` whose first comment begins so. Empty: there is none, or several.
[[nodiscard]] std::string documented(std::string_view file, std::string_view comment);
// Whether this text, with its line ends, stands in replication/`file`.
[[nodiscard]] bool is_documented(std::string_view file, std::string_view text);

}  // namespace lmc::replication

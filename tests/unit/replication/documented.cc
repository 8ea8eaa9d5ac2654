#include "documented.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace lmc::replication {

namespace {

std::string text_of(std::string_view file) {
  std::ifstream document(std::string(LMC_SOURCES "/replication/").append(file));
  std::ostringstream text;
  text << document.rdbuf();
  return text.str();
}

struct Example {
  std::string hex;
  std::string comment;  // of its first line
};

void add_line(Example& example, const std::string& line) {
  const std::size_t gap = std::min(line.find("  "), line.size());
  const std::size_t comment = std::min(line.find_first_not_of(' ', gap), line.size());
  if (example.hex.empty()) example.comment = line.substr(comment);
  std::string hex = line.substr(0, gap);
  std::erase(hex, ' ');
  if (hex.find_first_not_of("0123456789abcdef") == std::string::npos) example.hex += hex;
}

}  // namespace

std::string documented(std::string_view file, std::string_view comment) {
  std::istringstream lines(text_of(file));
  std::string found;
  unsigned times = 0;
  Example example;
  bool in_block = false;
  for (std::string line; std::getline(lines, line);) {
    const bool fence = line.starts_with("```");
    if (in_block && !fence && !line.empty()) {
      add_line(example, line);
      continue;
    }
    if (!example.hex.empty() && example.comment.starts_with(comment)) {
      found = example.hex;
      ++times;
    }
    example = {};
    in_block = in_block != fence;
  }
  return times == 1 ? found : std::string();
}

bool is_documented(std::string_view file, std::string_view text) {
  return text_of(file).find(text) != std::string::npos;
}

}  // namespace lmc::replication

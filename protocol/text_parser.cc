// Finding the line, and who reads it. The rest is in text_*.cc beside this file.

#include <algorithm>
#include <cstring>

#include "protocol/parser.h"
#include "protocol/text_line.h"

namespace lmc::protocol {
namespace {

using text::Line;

using Reader = Parsed (*)(const Line&, Request&);

struct CommandWord {
  Command command = Command::kUnknown;
  Dialect dialect = Dialect::kText;
  Reader read = nullptr;
};

constexpr CommandWord kNone{};

bool starts_with(std::string_view line, std::string_view prefix) {
  return line.substr(0, prefix.size()) == prefix;
}

CommandWord find_two_letters(std::string_view word) {
  if (word[0] != 'm') return kNone;
  switch (word[1]) {
    case 'g':
      return {Command::kMetaGet, Dialect::kMeta, text::parse_meta};
    case 's':
      return {Command::kMetaSet, Dialect::kMeta, text::parse_meta_set};
    case 'd':
      return {Command::kMetaDelete, Dialect::kMeta, text::parse_meta};
    case 'a':
      return {Command::kMetaArithmetic, Dialect::kMeta, text::parse_meta};
    case 'e':
      return {Command::kMetaDebug, Dialect::kMeta, text::parse_meta};
    case 'n':
      return {Command::kMetaNoop, Dialect::kMeta, text::parse_admin_loud};
    default:
      return kNone;
  }
}

CommandWord find_three_letters(std::string_view word) {
  if (word == "get") return {Command::kGet, Dialect::kText, text::parse_get};
  if (word == "set") return {Command::kSet, Dialect::kText, text::parse_storage};
  if (word == "add") return {Command::kAdd, Dialect::kText, text::parse_storage};
  if (word == "cas") return {Command::kCas, Dialect::kText, text::parse_storage};
  if (word == "gat") return {Command::kGat, Dialect::kText, text::parse_gat};
  if (word == "lru") return {Command::kLru, Dialect::kText, text::parse_admin};
  return kNone;
}

CommandWord find_four_letters(std::string_view word) {
  if (word == "gets") return {Command::kGets, Dialect::kText, text::parse_get};
  if (word == "incr") return {Command::kIncrement, Dialect::kText, text::parse_arithmetic};
  if (word == "decr") return {Command::kDecrement, Dialect::kText, text::parse_arithmetic};
  if (word == "gats") return {Command::kGats, Dialect::kText, text::parse_gat};
  if (word == "quit") return {Command::kQuit, Dialect::kText, text::parse_admin_loud};
  return kNone;
}

CommandWord find_long_word(std::string_view word) {
  struct Entry {
    std::string_view word;
    Command command;
    Reader read;
  };
  static constexpr Entry kEntries[] = {
      {"touch", Command::kTouch, text::parse_touch},
      {"delete", Command::kDelete, text::parse_delete},
      {"append", Command::kAppend, text::parse_storage},
      {"replace", Command::kReplace, text::parse_storage},
      {"prepend", Command::kPrepend, text::parse_storage},
      {"flush_all", Command::kFlushAll, text::parse_flush_all},
      {"stats", Command::kStats, text::parse_admin_loud},
      {"version", Command::kVersion, text::parse_admin_loud},
      {"watch", Command::kWatch, text::parse_admin_loud},
      {"verbosity", Command::kVerbosity, text::parse_admin},
      {"lru_crawler", Command::kLruCrawler, text::parse_admin},
      {"slabs", Command::kSlabs, text::parse_admin},
      {"cache_memlimit", Command::kCacheMemlimit, text::parse_admin},
      {"shutdown", Command::kShutdown, text::parse_admin},
      {"refresh_certs", Command::kRefreshCerts, text::parse_admin},
      {"debugtime", Command::kDebugTime, text::parse_admin},
  };
  for (const Entry& entry : kEntries) {
    if (entry.word == word) return {entry.command, Dialect::kText, entry.read};
  }
  return kNone;
}

// A short word mostly: a call of memchr would cost more than this loop.
std::size_t first_word_bytes(std::string_view words) {
  std::size_t bytes = 0;
  while (bytes != words.size() && words[bytes] != ' ') ++bytes;
  return bytes;
}

CommandWord find_command(std::string_view word) {
  switch (word.size()) {
    case 0:
    case 1:
      return kNone;
    case 2:
      return find_two_letters(word);
    case 3:
      return find_three_letters(word);
    case 4:
      return find_four_letters(word);
    default:
      return find_long_word(word);
  }
}

// The place of the line end in `input`, npos when it is not there (yet).
std::size_t find_line_end(std::string_view input, std::size_t from) {
  const void* const end = std::memchr(input.data() + from, '\n', input.size() - from);
  return end == nullptr ? std::string_view::npos
                        : static_cast<std::size_t>(static_cast<const char*>(end) - input.data());
}

// No line end in the first kMaxLineBytes and one more: only the multi-key gets have no limit.
Parsed parse_without_line_end(std::string_view input, std::size_t searched, std::size_t& line_end) {
  Parsed parsed;
  if (input.size() <= kMaxLineBytes) return parsed;
  if (!starts_with(input, "get ") && !starts_with(input, "gets ")) {
    parsed.status = Parsed::Status::kClose;
    return parsed;
  }
  line_end = find_line_end(input, std::max(kMaxLineBytes + 1, searched));
  return parsed;
}

}  // namespace

Parsed parse_text(std::string_view input, const ParseLimits& limits, Request& out, std::size_t searched) {
  std::size_t line_end = find_line_end(input.substr(0, kMaxLineBytes + 1), 0);
  if (line_end == std::string_view::npos) {
    const Parsed parsed = parse_without_line_end(input, searched, line_end);
    if (line_end == std::string_view::npos) return parsed;
  }

  std::string_view words = input.substr(0, line_end);
  if (!words.empty() && words.back() == '\r') words.remove_suffix(1);
  Line line{input, {}, line_end + 1, limits.max_value_bytes};
  if (words.size() < 2) return text::reject(line, reply::kBadLine);

  const std::size_t word_bytes = first_word_bytes(words);
  const CommandWord found = find_command(words.substr(0, word_bytes));
  line.words = without_trailing_spaces(words);
  if (found.read == nullptr) return text::parse_unknown(line);
  line.words.remove_prefix(word_bytes);
  reset(out);
  out.command = found.command;
  out.dialect = found.dialect;
  return found.read(line, out);
}

Parsed parse_text(std::string_view input, const ParseLimits& limits, Request& out) {
  return parse_text(input, limits, out, 0);
}

}  // namespace lmc::protocol

#include "protocol/meta_flags.h"

#include "protocol/numbers.h"
#include "protocol/text_replies.h"
#include "protocol/words.h"

namespace lmc::protocol {
namespace {

// What memcached's tokenizer lets through as the first byte of a flag.
constexpr bool may_start_flag(char c) {
  return (c >= 'A' && c <= 'z') || (c >= '0' && c <= '9');
}

std::string_view read_ttl(std::string_view digits, std::int64_t& out) {
  std::int32_t seconds = 0;
  if (!loose_i32(digits, seconds)) return reply::kBadToken;
  out = seconds;
  return {};
}

std::string_view read_u64(std::string_view digits, std::uint64_t& out, std::string_view error) {
  return loose_u64(digits, out) ? std::string_view{} : error;
}

// What is said about a line with `error` in it: memcached's tokenizer looks at all flags before any is understood, then
// they are counted; and every wrong flag of `ma` is answered with one text.
std::string_view line_error(const Request& request, std::size_t most_flags, std::string_view error) {
  std::size_t flags = 0;
  std::string_view rest = request.arguments;
  for (std::string_view token = next_short_word(rest); !token.empty(); token = next_short_word(rest)) {
    if (!may_start_flag(token.front())) return reply::kBadLine;
    ++flags;
  }
  if (request.command == Command::kMetaArithmetic) return reply::kInvalidOrDuplicateFlag;
  return flags > most_flags ? reply::kTooManyFlags : error;
}

}  // namespace

std::string_view MetaFlags::parse(const Request& request) {
  key = request.key;
  const std::size_t most_flags = kMaxMetaTokens - (request.command == Command::kMetaSet ? 3 : 2);
  // A wrong value does not end the look at the line, as a wrong flag does: the last error is the one that is said.
  std::string_view error;
  std::string_view rest = request.arguments;
  for (std::string_view token = next_short_word(rest); !token.empty(); token = next_short_word(rest)) {
    const char letter = token.front();
    const bool known = letter >= 'A' && letter <= 'z';
    if (count_ == most_flags || !known || has(letter)) {
      return line_error(request, most_flags, known ? reply::kDuplicateFlag : reply::kInvalidFlag);
    }
    present_ |= std::uint64_t{1} << bit(letter);
    order_[count_++] = letter;
    const std::string_view flag_error = parse_flag(token);
    if (flag_error == reply::kInvalidFlag) return line_error(request, most_flags, flag_error);
    if (!flag_error.empty() && (letter != 'F' || error.empty())) error = flag_error;  // F has no text of its own
  }
  if (!error.empty()) return line_error(request, most_flags, error);
  error = parse_mode(request.command);
  if (error.empty() && opaque.size() > kMaxOpaqueTokenBytes) error = reply::kOpaqueTooLong;
  return error;
}

std::string_view MetaFlags::parse_flag(std::string_view token) {
  const std::string_view value = token.substr(1);
  switch (token.front()) {
    case 'b':
      return decode_key();
    case 'N':
      return read_ttl(value, vivify_ttl);
    case 'T':
      return read_ttl(value, ttl);
    case 'R':
      return read_ttl(value, recache_ttl);
    case 'F':
      return loose_u32(value, client_flags) ? std::string_view{} : reply::kBadLine;
    case 'C':
      return read_u64(value, compare_cas, reply::kBadToken);
    case 'E':
      return read_u64(value, new_cas, reply::kBadToken);
    case 'J':
      return read_u64(value, initial, reply::kBadInitialValue);
    case 'D':
      return read_u64(value, delta, reply::kBadDeltaValue);
    case 'M':
      mode_letter_ = value.empty() ? ' ' : value.front();  // a mode, and a wrong one
      return {};
    case 'O':
      opaque = token;
      return {};
    case 'I':
    case 'L':
    case 'P':
    case 'c':
    case 'f':
    case 'h':
    case 'k':
    case 'l':
    case 'q':
    case 's':
    case 't':
    case 'u':
    case 'v':
    case 'x':
      return {};
    default:
      return reply::kInvalidFlag;
  }
}

std::string_view MetaFlags::parse_mode(Command command) {
  if (command == Command::kMetaArithmetic) {
    mode = MetaMode::kIncrement;
    if (mode_letter_ == 'D' || mode_letter_ == '-') mode = MetaMode::kDecrement;
    const bool known = mode_letter_ == 0 || mode_letter_ == 'I' || mode_letter_ == '+' || mode == MetaMode::kDecrement;
    return known ? std::string_view{} : reply::kBadMetaArithmeticMode;
  }
  if (command != Command::kMetaSet) return {};
  switch (mode_letter_) {
    case 0:
    case 'S':
      mode = MetaMode::kSet;
      return {};
    case 'E':
      mode = MetaMode::kAdd;
      return {};
    case 'A':
      mode = MetaMode::kAppend;
      return {};
    case 'P':
      mode = MetaMode::kPrepend;
      return {};
    case 'R':
      mode = MetaMode::kReplace;
      return {};
    default:
      return reply::kBadMetaSetMode;
  }
}

std::string_view MetaFlags::decode_key() {
  const std::size_t bytes = base64_decode(decoded_key_, key);
  if (bytes == 0) return reply::kKeyNotDecodable;
  key = {decoded_key_, bytes};
  return {};
}

}  // namespace lmc::protocol

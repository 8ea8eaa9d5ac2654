#include "protocol/reply_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace lmc::protocol {
namespace {

using Status = ReplyParsed::Status;

constexpr ReplyParsed kMore = {Status::kIncomplete, 0, 0};
constexpr ReplyParsed kBroken = {Status::kMalformed, 0, 0};

ReplyParsed done(std::size_t consumed) {
  return {Status::kReply, consumed, 0};
}

template <typename T>
bool parse_decimal(std::string_view token, T& out) {
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), out);
  return error == std::errc{} && end == token.data() + token.size();
}

// Cuts the first space-separated token off `line`; empty when there is none.
std::string_view next_token(std::string_view& line) {
  std::size_t start = 0;
  while (start < line.size() && line[start] == ' ') ++start;
  std::size_t end = start;
  while (end < line.size() && line[end] != ' ') ++end;
  const std::string_view token = line.substr(start, end - start);
  line.remove_prefix(end);
  return token;
}

// The data block behind a VALUE or VA line that ended at `line_bytes`.
ReplyParsed take_data(std::string_view input, std::size_t line_bytes, std::uint64_t value_bytes, Reply& out) {
  if (value_bytes > kMaxReplyValueBytes) return kBroken;
  const std::size_t total = line_bytes + static_cast<std::size_t>(value_bytes) + 2;
  if (input.size() < total) return {Status::kIncomplete, 0, total};
  if (input[total - 2] != '\r' || input[total - 1] != '\n') return kBroken;
  out.kind = ReplyKind::kValue;
  out.value = input.substr(line_bytes, static_cast<std::size_t>(value_bytes));
  return done(total);
}

// "VALUE <key> <flags> <bytes> [<cas>]", its first word cut off.
ReplyParsed parse_text_value(std::string_view input, std::size_t line_bytes, std::string_view rest, Reply& out) {
  out.key = next_token(rest);
  std::uint64_t value_bytes = 0;
  if (out.key.empty() || !parse_decimal(next_token(rest), out.client_flags) ||
      !parse_decimal(next_token(rest), value_bytes)) {
    return kBroken;
  }
  const std::string_view cas = next_token(rest);
  if (!cas.empty() && !parse_decimal(cas, out.cas)) return kBroken;
  return take_data(input, line_bytes, value_bytes, out);
}

// Key, client flags and CAS are the meta flags that have a room of their own in Reply.
bool take_meta_flags(std::string_view rest, Reply& out) {
  if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  out.flags = rest;
  while (!rest.empty()) {
    const std::string_view token = next_token(rest);
    if (token.empty()) break;
    switch (token.front()) {
      case 'k':
        out.key = token.substr(1);
        break;
      case 'f':
        if (!parse_decimal(token.substr(1), out.client_flags)) return false;
        break;
      case 'c':
        if (!parse_decimal(token.substr(1), out.cas)) return false;
        break;
      default:
        break;
    }
  }
  return true;
}

ReplyParsed parse_meta_line(std::string_view input, std::size_t line_bytes, std::string_view line, Reply& out) {
  const std::string_view code = line.substr(0, 2);
  std::string_view rest = line.substr(2);
  if (code == "VA") {
    std::uint64_t value_bytes = 0;
    if (!parse_decimal(next_token(rest), value_bytes) || !take_meta_flags(rest, out)) return kBroken;
    return take_data(input, line_bytes, value_bytes, out);
  }
  static constexpr std::array<std::pair<std::string_view, ReplyKind>, 6> kCodes = {{{"HD", ReplyKind::kOk},
                                                                                    {"EN", ReplyKind::kMiss},
                                                                                    {"NF", ReplyKind::kNotFound},
                                                                                    {"NS", ReplyKind::kNotStored},
                                                                                    {"EX", ReplyKind::kExists},
                                                                                    {"MN", ReplyKind::kNoop}}};
  for (const auto& [word, kind] : kCodes) {
    if (word != code) continue;
    out.kind = kind;
    return take_meta_flags(rest, out) ? done(line_bytes) : kBroken;
  }
  out.kind = ReplyKind::kLine;
  out.value = line;
  return done(line_bytes);
}

struct Word {
  std::string_view word;
  ReplyKind kind;
  bool has_rest;  // what follows the word is the reply's value
};

constexpr std::array<Word, 13> kWords = {{
    {"END", ReplyKind::kEnd, false},
    {"STORED", ReplyKind::kStored, false},
    {"NOT_STORED", ReplyKind::kNotStored, false},
    {"NOT_FOUND", ReplyKind::kNotFound, false},
    {"EXISTS", ReplyKind::kExists, false},
    {"DELETED", ReplyKind::kDeleted, false},
    {"TOUCHED", ReplyKind::kTouched, false},
    {"OK", ReplyKind::kOk, false},
    {"RESET", ReplyKind::kOk, false},
    {"ERROR", ReplyKind::kError, false},
    {"VERSION", ReplyKind::kVersion, true},
    {"CLIENT_ERROR", ReplyKind::kClientError, true},
    {"SERVER_ERROR", ReplyKind::kServerError, true},
}};

void parse_word_line(std::string_view line, Reply& out) {
  std::string_view rest = line;
  const std::string_view first = next_token(rest);
  if (!rest.empty()) rest.remove_prefix(1);
  for (const Word& word : kWords) {
    if (word.word != first || (!word.has_rest && !rest.empty())) continue;
    out.kind = word.kind;
    out.value = rest;
    return;
  }
  if (first == "STAT") {
    out.kind = ReplyKind::kStat;
    out.key = next_token(rest);
    if (!rest.empty()) rest.remove_prefix(1);
    out.value = rest;
    return;
  }
  if (rest.empty() && parse_decimal(first, out.number)) {
    out.kind = ReplyKind::kNumber;
    return;
  }
  // "ERROR Too many open connections", "ERROR failed to start ...": the server refuses.
  out.kind = first == "ERROR" ? ReplyKind::kServerError : ReplyKind::kLine;
  out.value = first == "ERROR" ? rest : line;
}

// --- binary ---

constexpr std::size_t kHeaderBytes = 24;

template <typename T>
T load_big_endian(std::string_view input, std::size_t offset) {
  T number = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    number = static_cast<T>((number << 8) | static_cast<unsigned char>(input[offset + i]));
  }
  return number;
}

// What a successful answer to this opcode means.
ReplyKind kind_of_success(std::uint8_t opcode) {
  switch (opcode) {
    case 0x00:  // Get, GetQ, GetK, GetKQ
    case 0x09:
    case 0x0c:
    case 0x0d:
    case 0x1d:  // GAT, GATQ, GATK, GATKQ
    case 0x1e:
    case 0x23:
    case 0x24:
      return ReplyKind::kValue;
    case 0x01:  // Set, Add, Replace, Append, Prepend and their quiet forms
    case 0x02:
    case 0x03:
    case 0x0e:
    case 0x0f:
    case 0x11:
    case 0x12:
    case 0x13:
    case 0x19:
    case 0x1a:
      return ReplyKind::kStored;
    case 0x04:
    case 0x14:
      return ReplyKind::kDeleted;
    case 0x05:
    case 0x06:
    case 0x15:
    case 0x16:
      return ReplyKind::kNumber;
    case 0x0a:
      return ReplyKind::kNoop;
    case 0x0b:
      return ReplyKind::kVersion;
    case 0x10:
      return ReplyKind::kStat;
    case 0x1c:
      return ReplyKind::kTouched;
    default:
      return ReplyKind::kOk;  // Flush, Quit, Verbosity, SASL
  }
}

ReplyKind kind_of_failure(std::uint8_t opcode, std::uint16_t status) {
  switch (status) {
    case 0x01:
      return kind_of_success(opcode) == ReplyKind::kValue ? ReplyKind::kMiss : ReplyKind::kNotFound;
    case 0x02:
      return ReplyKind::kExists;
    case 0x05:
      return ReplyKind::kNotStored;
    case 0x04:
    case 0x06:
    case 0x20:
    case 0x21:
      return ReplyKind::kClientError;
    case 0x81:
      return ReplyKind::kError;
    default:
      return ReplyKind::kServerError;  // too large, out of memory and whatever comes
  }
}

}  // namespace

ReplyParsed parse_text_reply(std::string_view input, Reply& out) {
  out = Reply{};
  const std::size_t searched = std::min(input.size(), kMaxReplyLineBytes);
  const void* newline = searched == 0 ? nullptr : std::memchr(input.data(), '\n', searched);
  if (newline == nullptr) return searched == kMaxReplyLineBytes ? kBroken : kMore;
  const auto line_bytes = static_cast<std::size_t>(static_cast<const char*>(newline) - input.data()) + 1;
  std::string_view line = input.substr(0, line_bytes - 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

  if (line.starts_with("VALUE ")) return parse_text_value(input, line_bytes, line.substr(6), out);
  const bool is_number = !line.empty() && line.front() >= '0' && line.front() <= '9';
  if (!is_number && (line.size() == 2 || (line.size() > 2 && line[2] == ' ')) && line != "OK") {
    return parse_meta_line(input, line_bytes, line, out);
  }
  parse_word_line(line, out);
  return done(line_bytes);
}

ReplyParsed parse_binary_reply(std::string_view input, Reply& out) {
  out = Reply{};
  if (!input.empty() && static_cast<unsigned char>(input.front()) != 0x81) return kBroken;
  if (input.size() < kHeaderBytes) return {Status::kIncomplete, 0, kHeaderBytes};
  const auto key_bytes = load_big_endian<std::uint16_t>(input, 2);
  const auto extras_bytes = static_cast<unsigned char>(input[4]);
  const auto body_bytes = load_big_endian<std::uint32_t>(input, 8);
  if (body_bytes < std::size_t{key_bytes} + extras_bytes) return kBroken;
  if (body_bytes > kMaxReplyValueBytes + key_bytes + extras_bytes) return kBroken;
  const std::size_t total = kHeaderBytes + body_bytes;
  if (input.size() < total) return {Status::kIncomplete, 0, total};

  out.opcode = static_cast<std::uint8_t>(input[1]);
  out.status = load_big_endian<std::uint16_t>(input, 6);
  out.opaque = load_big_endian<std::uint32_t>(input, 12);
  out.cas = load_big_endian<std::uint64_t>(input, 16);
  out.key = input.substr(kHeaderBytes + extras_bytes, key_bytes);
  const std::size_t value_at = kHeaderBytes + extras_bytes + key_bytes;
  out.value = input.substr(value_at, total - value_at);
  out.kind = out.status == 0 ? kind_of_success(out.opcode) : kind_of_failure(out.opcode, out.status);
  if (out.kind == ReplyKind::kValue) {
    if (extras_bytes < 4) return kBroken;
    out.client_flags = load_big_endian<std::uint32_t>(input, kHeaderBytes);
  } else if (out.kind == ReplyKind::kNumber) {
    if (out.value.size() != 8) return kBroken;
    out.number = load_big_endian<std::uint64_t>(out.value, 0);
  } else if (out.kind == ReplyKind::kStat && out.key.empty() && out.value.empty()) {
    out.kind = ReplyKind::kEnd;
  }
  return done(total);
}

std::optional<std::string_view> meta_flag(std::string_view flags, char flag) {
  while (!flags.empty()) {
    const std::string_view token = next_token(flags);
    if (!token.empty() && token.front() == flag) return token.substr(1);
  }
  return std::nullopt;
}

}  // namespace lmc::protocol

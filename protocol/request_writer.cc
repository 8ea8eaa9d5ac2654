#include "protocol/request_writer.h"

#include <array>
#include <cassert>
#include <charconv>
#include <concepts>
#include <cstring>

namespace lmc::protocol {
namespace {

namespace opcode {
constexpr std::uint8_t kGet = 0x00;
constexpr std::uint8_t kDelete = 0x04;
constexpr std::uint8_t kIncrement = 0x05;
constexpr std::uint8_t kDecrement = 0x06;
constexpr std::uint8_t kFlush = 0x08;
constexpr std::uint8_t kNoop = 0x0a;
constexpr std::uint8_t kVersion = 0x0b;
constexpr std::uint8_t kGetKQ = 0x0d;
constexpr std::uint8_t kStat = 0x10;
constexpr std::uint8_t kTouch = 0x1c;
}  // namespace opcode

struct StoreSpelling {
  std::string_view text;
  std::string_view meta;
  std::uint8_t opcode;
};

constexpr std::array<StoreSpelling, 5> kStoreSpellings = {{
    {"set ", "", 0x01},
    {"add ", " ME", 0x02},
    {"replace ", " MR", 0x03},
    {"append ", " MA", 0x0e},
    {"prepend ", " MP", 0x0f},
}};

const StoreSpelling& spelling_of(StoreMode mode) {
  return kStoreSpellings[static_cast<std::size_t>(mode)];
}

template <std::integral T>
void append_decimal(std::string& out, T number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

template <std::unsigned_integral T>
void append_big_endian(std::string& out, T number) {
  std::array<char, sizeof(T)> bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>((number >> (8 * (sizeof(T) - 1 - i))) & 0xff);
  }
  out.append(bytes.data(), bytes.size());
}

}  // namespace

bool is_valid_key(std::string_view key) {
  if (key.empty() || key.size() > kMaxKeyBytes) return false;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f) return false;
  }
  return true;
}

void RequestWriter::binary_head(const BinaryHead& head) {
  std::string& out = *out_;
  out.push_back(static_cast<char>(0x80));
  out.push_back(static_cast<char>(head.opcode));
  append_big_endian(out, static_cast<std::uint16_t>(head.key.size()));
  out.push_back(static_cast<char>(head.extras_bytes));
  out.append(3, '\0');  // data type, virtual bucket
  append_big_endian(out, static_cast<std::uint32_t>(head.extras_bytes + head.key.size() + head.value_bytes));
  append_big_endian(out, opaque_);
  append_big_endian(out, head.cas);
}

void RequestWriter::get(std::string_view key, bool with_cas) {
  switch (dialect_) {
    case Dialect::kText:
      out_->append(with_cas ? "gets " : "get ").append(key).append("\r\n");
      return;
    case Dialect::kMeta:
      out_->append("mg ").append(key).append(with_cas ? " v f c\r\n" : " v f\r\n");
      return;
    case Dialect::kBinary:
      binary_head({.opcode = opcode::kGet, .key = key});
      out_->append(key);
      return;
  }
}

void RequestWriter::begin_multiget(bool with_cas) {
  multiget_with_cas_ = with_cas;
  if (dialect_ == Dialect::kText) out_->append(with_cas ? "gets" : "get");
}

void RequestWriter::add_key(std::string_view key) {
  switch (dialect_) {
    case Dialect::kText:
      out_->append(" ").append(key);
      return;
    case Dialect::kMeta:
      out_->append("mg ").append(key).append(multiget_with_cas_ ? " k v f c q\r\n" : " k v f q\r\n");
      return;
    case Dialect::kBinary:
      binary_head({.opcode = opcode::kGetKQ, .key = key});
      out_->append(key);
      return;
  }
}

void RequestWriter::end_multiget() {
  if (dialect_ == Dialect::kText) {
    out_->append("\r\n");
  } else {
    noop();
  }
}

void RequestWriter::multiget(std::span<const std::string_view> keys, bool with_cas) {
  begin_multiget(with_cas);
  for (const std::string_view key : keys) add_key(key);
  end_multiget();
}

void RequestWriter::store(StoreMode mode, const StoreArguments& arguments) {
  switch (dialect_) {
    case Dialect::kText:
      return store_text(mode, arguments);
    case Dialect::kMeta:
      return store_meta(mode, arguments);
    case Dialect::kBinary:
      return store_binary(mode, arguments);
  }
}

void RequestWriter::store_text(StoreMode mode, const StoreArguments& arguments) {
  const bool compare = arguments.compare_cas.has_value();
  assert(!compare || mode == StoreMode::kSet);
  out_->append(compare ? std::string_view("cas ") : spelling_of(mode).text).append(arguments.key).append(" ");
  append_decimal(*out_, arguments.client_flags);
  out_->append(" ");
  append_decimal(*out_, arguments.exptime);
  out_->append(" ");
  append_decimal(*out_, arguments.value.size());
  if (compare) {
    out_->append(" ");
    append_decimal(*out_, *arguments.compare_cas);
  }
  out_->append("\r\n").append(arguments.value).append("\r\n");
}

void RequestWriter::store_meta(StoreMode mode, const StoreArguments& arguments) {
  out_->append("ms ").append(arguments.key).append(" ");
  append_decimal(*out_, arguments.value.size());
  if (arguments.exptime != 0) {
    out_->append(" T");
    append_decimal(*out_, arguments.exptime);
  }
  if (arguments.client_flags != 0) {
    out_->append(" F");
    append_decimal(*out_, arguments.client_flags);
  }
  if (arguments.compare_cas.has_value()) {
    out_->append(" C");
    append_decimal(*out_, *arguments.compare_cas);
  }
  out_->append(spelling_of(mode).meta).append("\r\n").append(arguments.value).append("\r\n");
}

void RequestWriter::store_binary(StoreMode mode, const StoreArguments& arguments) {
  const bool joins = mode == StoreMode::kAppend || mode == StoreMode::kPrepend;  // these have no flags and no expiry
  binary_head({.opcode = spelling_of(mode).opcode,
               .extras_bytes = static_cast<std::uint8_t>(joins ? 0 : 8),
               .cas = arguments.compare_cas.value_or(0),
               .key = arguments.key,
               .value_bytes = arguments.value.size()});
  if (!joins) {
    append_big_endian(*out_, arguments.client_flags);
    append_big_endian(*out_, static_cast<std::uint32_t>(arguments.exptime));
  }
  out_->append(arguments.key).append(arguments.value);
}

void RequestWriter::remove(std::string_view key) {
  switch (dialect_) {
    case Dialect::kText:
      out_->append("delete ").append(key).append("\r\n");
      return;
    case Dialect::kMeta:
      out_->append("md ").append(key).append("\r\n");
      return;
    case Dialect::kBinary:
      binary_head({.opcode = opcode::kDelete, .key = key});
      out_->append(key);
      return;
  }
}

void RequestWriter::arithmetic(const ArithmeticArguments& arguments) {
  switch (dialect_) {
    case Dialect::kText:
      out_->append(arguments.decrement ? "decr " : "incr ").append(arguments.key).append(" ");
      append_decimal(*out_, arguments.delta);
      out_->append("\r\n");
      return;
    case Dialect::kMeta:
      out_->append("ma ").append(arguments.key).append(arguments.decrement ? " v MD D" : " v MI D");
      append_decimal(*out_, arguments.delta);
      out_->append("\r\n");
      return;
    case Dialect::kBinary:
      binary_head({.opcode = arguments.decrement ? opcode::kDecrement : opcode::kIncrement,
                   .extras_bytes = 20,
                   .key = arguments.key});
      append_big_endian(*out_, arguments.delta);
      append_big_endian(*out_, std::uint64_t{0});
      append_big_endian(*out_, static_cast<std::uint32_t>(Request::kNoCreate));
      out_->append(arguments.key);
      return;
  }
}

void RequestWriter::touch(std::string_view key, std::int64_t exptime) {
  switch (dialect_) {
    case Dialect::kText:
      out_->append("touch ").append(key).append(" ");
      append_decimal(*out_, exptime);
      out_->append("\r\n");
      return;
    case Dialect::kMeta:
      out_->append("mg ").append(key).append(" T");
      append_decimal(*out_, exptime);
      out_->append("\r\n");
      return;
    case Dialect::kBinary:
      binary_head({.opcode = opcode::kTouch, .extras_bytes = 4, .key = key});
      append_big_endian(*out_, static_cast<std::uint32_t>(exptime));
      out_->append(key);
      return;
  }
}

void RequestWriter::flush_all(std::uint32_t delay_s) {
  if (dialect_ == Dialect::kBinary) {
    binary_head({.opcode = opcode::kFlush, .extras_bytes = 4});
    append_big_endian(*out_, delay_s);
    return;
  }
  out_->append("flush_all");
  if (delay_s != 0) {
    out_->append(" ");
    append_decimal(*out_, delay_s);
  }
  out_->append("\r\n");
}

void RequestWriter::version() {
  if (dialect_ == Dialect::kBinary) {
    binary_head({.opcode = opcode::kVersion});
  } else {
    out_->append("version\r\n");
  }
}

void RequestWriter::noop() {
  if (dialect_ == Dialect::kBinary) {
    binary_head({.opcode = opcode::kNoop});
  } else {
    out_->append("mn\r\n");
  }
}

void RequestWriter::stats(std::string_view group) {
  if (dialect_ == Dialect::kBinary) {
    binary_head({.opcode = opcode::kStat, .key = group});
    out_->append(group);
    return;
  }
  out_->append("stats");
  if (!group.empty()) out_->append(" ").append(group);
  out_->append("\r\n");
}

}  // namespace lmc::protocol

// parse_binary(): one header, checked against the shape its opcode prescribes.

#include <array>

#include "protocol/binary_format.h"
#include "protocol/parser.h"

namespace lmc::protocol {
namespace {

// Which lengths a request may have, and what its extras are.
enum class Shape : std::uint8_t {
  kUnknown,      // whatever
  kBare,         // nothing
  kKey,          // key
  kStatistics,   // key or nothing
  kStore,        // 8 extras (client flags, exptime), key, value
  kConcatenate,  // key, value
  kArithmetic,   // 20 extras (delta, initial, exptime), key
  kTouch,        // 4 extras (exptime), key
  kFlush,        // 4 extras (exptime) or nothing
};

struct Rule {
  Command command = Command::kUnknown;
  Shape shape = Shape::kUnknown;
  bool quiet = false;
  bool with_key = false;
};

constexpr bool kQuiet = true;
constexpr bool kWithKey = true;

constexpr std::array<Rule, 256> make_rules() {
  std::array<Rule, 256> rules{};
  const auto set = [&rules](BinaryOpcode opcode, Command command, Shape shape, bool quiet = false,
                            bool with_key = false) {
    rules[static_cast<std::uint8_t>(opcode)] = Rule{command, shape, quiet, with_key};
  };
  using Op = BinaryOpcode;
  set(Op::kGet, Command::kGet, Shape::kKey);
  set(Op::kGetQ, Command::kGet, Shape::kKey, kQuiet);
  set(Op::kGetK, Command::kGet, Shape::kKey, false, kWithKey);
  set(Op::kGetKQ, Command::kGet, Shape::kKey, kQuiet, kWithKey);
  set(Op::kGat, Command::kGat, Shape::kTouch);
  set(Op::kGatQ, Command::kGat, Shape::kTouch, kQuiet);
  set(Op::kGatK, Command::kGat, Shape::kTouch, false, kWithKey);
  set(Op::kGatKQ, Command::kGat, Shape::kTouch, kQuiet, kWithKey);
  set(Op::kTouch, Command::kTouch, Shape::kTouch);
  set(Op::kSet, Command::kSet, Shape::kStore);
  set(Op::kSetQ, Command::kSet, Shape::kStore, kQuiet);
  set(Op::kAdd, Command::kAdd, Shape::kStore);
  set(Op::kAddQ, Command::kAdd, Shape::kStore, kQuiet);
  set(Op::kReplace, Command::kReplace, Shape::kStore);
  set(Op::kReplaceQ, Command::kReplace, Shape::kStore, kQuiet);
  set(Op::kAppend, Command::kAppend, Shape::kConcatenate);
  set(Op::kAppendQ, Command::kAppend, Shape::kConcatenate, kQuiet);
  set(Op::kPrepend, Command::kPrepend, Shape::kConcatenate);
  set(Op::kPrependQ, Command::kPrepend, Shape::kConcatenate, kQuiet);
  set(Op::kDelete, Command::kDelete, Shape::kKey);
  set(Op::kDeleteQ, Command::kDelete, Shape::kKey, kQuiet);
  set(Op::kIncrement, Command::kIncrement, Shape::kArithmetic);
  set(Op::kIncrementQ, Command::kIncrement, Shape::kArithmetic, kQuiet);
  set(Op::kDecrement, Command::kDecrement, Shape::kArithmetic);
  set(Op::kDecrementQ, Command::kDecrement, Shape::kArithmetic, kQuiet);
  set(Op::kFlush, Command::kFlushAll, Shape::kFlush);
  set(Op::kFlushQ, Command::kFlushAll, Shape::kFlush, kQuiet);
  set(Op::kQuit, Command::kQuit, Shape::kBare);
  set(Op::kQuitQ, Command::kQuit, Shape::kBare, kQuiet);
  set(Op::kNoop, Command::kNoop, Shape::kBare);
  set(Op::kVersion, Command::kVersion, Shape::kBare);
  set(Op::kStat, Command::kStats, Shape::kStatistics);
  set(Op::kSaslListMechanisms, Command::kSaslListMechanisms, Shape::kBare);
  set(Op::kSaslAuthenticate, Command::kSaslAuthenticate, Shape::kConcatenate);
  set(Op::kSaslStep, Command::kSaslStep, Shape::kConcatenate);
  return rules;
}
constexpr std::array<Rule, 256> kRules = make_rules();

struct Lengths {
  std::uint32_t extras = 0;
  std::uint32_t key = 0;
  std::uint64_t value = 0;
};

bool fits(Shape shape, const Lengths& lengths) {
  const bool has_key = lengths.key > 0;
  const bool has_value = lengths.value > 0;
  switch (shape) {
    case Shape::kUnknown:
      return true;
    case Shape::kBare:
      return lengths.extras == 0 && !has_key && !has_value;
    case Shape::kKey:
      return lengths.extras == 0 && has_key && !has_value;
    case Shape::kStatistics:
      return lengths.extras == 0 && !has_value;
    case Shape::kStore:
      return lengths.extras == 8 && has_key;
    case Shape::kConcatenate:
      return lengths.extras == 0 && has_key;
    case Shape::kArithmetic:
      return lengths.extras == 20 && has_key && !has_value;
    case Shape::kTouch:
      return lengths.extras == 4 && has_key && !has_value;
    case Shape::kFlush:
      return (lengths.extras == 4 || lengths.extras == 0) && !has_key && !has_value;
  }
  return false;
}

constexpr bool takes_value(Shape shape) {
  return shape == Shape::kStore || shape == Shape::kConcatenate;
}

void read_extras(Shape shape, std::string_view extras, Request& out) {
  switch (shape) {
    case Shape::kStore:
      out.client_flags = load_be32(extras.data());
      out.exptime = load_be32(extras.data() + 4);
      return;
    case Shape::kArithmetic:
      out.delta = load_be64(extras.data());
      out.initial = load_be64(extras.data() + 8);
      out.exptime = load_be32(extras.data() + 16);
      return;
    case Shape::kTouch:
      out.exptime = load_be32(extras.data());
      return;
    case Shape::kFlush:
      out.has_exptime = !extras.empty();
      if (out.has_exptime) out.exptime = load_be32(extras.data());
      return;
    case Shape::kUnknown:
    case Shape::kBare:
    case Shape::kKey:
    case Shape::kStatistics:
    case Shape::kConcatenate:
      return;
  }
}

Parsed incomplete(std::uint64_t needed) {
  Parsed parsed;
  parsed.needed = needed;
  return parsed;
}

Parsed close_with(BinaryStatus status) {
  Parsed parsed;
  parsed.status = Parsed::Status::kClose;
  parsed.binary_status = static_cast<std::uint16_t>(status);
  return parsed;
}

Parsed accept(std::uint64_t consumed) {
  Parsed parsed;
  parsed.status = Parsed::Status::kRequest;
  parsed.consumed = consumed;
  return parsed;
}

// Its body means nothing to us; it is passed over as a value would be.
Parsed parse_unknown(std::string_view input, std::uint64_t body_bytes, const ParseLimits& limits, Request& out) {
  if (body_bytes > limits.max_value_bytes) {
    out.value_state = ValueState::kTooLarge;
    Parsed parsed = accept(kBinaryHeaderBytes);
    parsed.swallow = body_bytes;
    return parsed;
  }
  const std::uint64_t total = kBinaryHeaderBytes + body_bytes;
  return input.size() < total ? incomplete(total) : accept(total);
}

}  // namespace

Parsed parse_binary(std::string_view input, const ParseLimits& limits, Request& out) {
  if (!input.empty() && !is_binary(input.front())) return close_with(BinaryStatus::kSuccess);  // no reply: no opcode
  if (input.size() < kBinaryHeaderBytes) return incomplete(kBinaryHeaderBytes);

  const char* const header = input.data();
  reset(out);
  out.dialect = Dialect::kBinary;
  out.opcode = static_cast<std::uint8_t>(header[1]);
  std::memcpy(&out.opaque, header + 12, sizeof out.opaque);
  out.cas = load_be64(header + 16);

  Lengths lengths;
  lengths.key = load_be16(header + 2);
  lengths.extras = static_cast<std::uint8_t>(header[4]);
  const std::uint64_t body_bytes = load_be32(header + 8);
  if (lengths.key + lengths.extras > body_bytes) return close_with(BinaryStatus::kUnknownCommand);
  lengths.value = body_bytes - lengths.key - lengths.extras;

  const Rule& rule = kRules[out.opcode];
  if (lengths.key > kMaxKeyBytes || !fits(rule.shape, lengths)) return close_with(BinaryStatus::kInvalidArguments);
  out.command = rule.command;
  out.quiet = rule.quiet;
  out.with_key = rule.with_key;
  if (rule.shape == Shape::kUnknown) return parse_unknown(input, body_bytes, limits, out);

  const std::size_t head_bytes = kBinaryHeaderBytes + lengths.extras + lengths.key;
  const bool has_value = takes_value(rule.shape);
  const bool too_large = has_value && lengths.value > limits.max_value_bytes;
  const std::uint64_t needed = head_bytes + (has_value && !too_large ? lengths.value : 0);
  if (input.size() < needed) return incomplete(needed);

  read_extras(rule.shape, input.substr(kBinaryHeaderBytes, lengths.extras), out);
  out.key = input.substr(kBinaryHeaderBytes + lengths.extras, lengths.key);
  if (rule.shape == Shape::kStatistics) out.arguments = out.key;
  Parsed parsed = accept(needed);
  if (!has_value) return parsed;
  out.value_bytes = lengths.value;
  out.value_state = too_large ? ValueState::kTooLarge : ValueState::kPresent;
  if (too_large) parsed.swallow = lengths.value;
  if (!too_large) out.value = input.substr(head_bytes, lengths.value);
  return parsed;
}

}  // namespace lmc::protocol

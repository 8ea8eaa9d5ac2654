#include "protocol/base64.h"

#include <array>
#include <cstdint>

namespace lmc::protocol {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kPad = '=';
constexpr std::uint8_t kOutside = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kOutside);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  values[static_cast<unsigned char>(kPad)] = 0;
  return values;
}
constexpr std::array<std::uint8_t, 256> kValues = make_values();

std::uint8_t value_of(char c) {
  return kValues[static_cast<unsigned char>(c)];
}

char letter(std::uint32_t group, unsigned shift) {
  return kAlphabet[group >> shift & 0x3f];
}

}  // namespace

char* base64_encode(char* out, std::string_view plain) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < plain.size() ? static_cast<unsigned char>(plain[i]) : 0;
  };
  for (std::size_t i = 0; i < plain.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    *out++ = letter(group, 18);
    *out++ = letter(group, 12);
    *out++ = i + 1 < plain.size() ? letter(group, 6) : kPad;
    *out++ = i + 2 < plain.size() ? letter(group, 0) : kPad;
  }
  return out;
}

std::size_t base64_decode(char* out, std::string_view encoded) {
  std::size_t letters = 0;
  for (const char c : encoded) letters += value_of(c) != kOutside;
  if (letters % 4 != 0) return 0;

  const char* const start = out;
  std::uint32_t group = 0;
  unsigned in_group = 0;
  unsigned pads = 0;
  for (const char c : encoded) {
    const std::uint8_t value = value_of(c);
    if (value == kOutside) continue;
    pads += c == kPad;
    group = group << 6 | value;
    if (++in_group < 4) continue;
    if (pads > 2) return 0;
    *out++ = static_cast<char>(group >> 16);
    if (pads < 2) *out++ = static_cast<char>(group >> 8);
    if (pads < 1) *out++ = static_cast<char>(group);
    if (pads > 0) break;
    in_group = 0;
    group = 0;
  }
  return static_cast<std::size_t>(out - start);
}

}  // namespace lmc::protocol

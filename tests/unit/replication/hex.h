// Bytes as FORMAT.md shows them.
#pragma once

#include <string>
#include <string_view>

namespace lmc::replication {

[[nodiscard]] inline std::string hex_of(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

}  // namespace lmc::replication

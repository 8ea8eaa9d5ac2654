#include "protocol/text_format.h"

#include <array>
#include <bit>

namespace lmc::protocol {
namespace {

constexpr std::array<char, 200> make_pairs() {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr std::array<char, 200> kPairs = make_pairs();

constexpr std::array<std::uint64_t, 20> make_powers() {
  std::array<std::uint64_t, 20> powers{};
  std::uint64_t power = 1;
  for (auto& p : powers) {
    p = power;
    power *= 10;
  }
  return powers;
}
constexpr std::array<std::uint64_t, 20> kPowersOfTen = make_powers();

// Bits to decimal digits: log10(2) is about 1233 / 4096.
unsigned decimal_digits(std::uint64_t number) {
  const unsigned guess = static_cast<unsigned>(std::bit_width(number | 1)) * 1233 >> 12;
  return guess + (number >= kPowersOfTen[guess] ? 1 : 0);
}

constexpr char kHex[] = "0123456789ABCDEF";

constexpr bool stands_for_itself(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

char* write_field(char* out, std::string_view name_and_equals, std::int64_t number) {
  return write_i64(write_text(out, name_and_equals), number);
}
char* write_field(char* out, std::string_view name_and_equals, std::uint64_t number) {
  return write_u64(write_text(out, name_and_equals), number);
}

// What `me` and metadump say in the same words.
char* write_facts(char* out, const ItemFacts& item) {
  out = write_field(out, " exp=", item.expires);
  out = write_field(out, " la=", item.last_access);
  out = write_field(out, " cas=", item.cas);
  out = write_text(out, item.fetched ? " fetch=yes" : " fetch=no");
  out = write_field(out, " cls=", std::uint64_t{item.size_class});
  return write_field(out, " size=", item.total_bytes);
}

char* write_value_line_start(char* out, std::string_view key, std::uint32_t client_flags, std::uint64_t value_bytes) {
  out = write_text(out, "VALUE ");
  out = write_text(out, key);
  *out++ = ' ';
  out = write_u64(out, client_flags);
  *out++ = ' ';
  return write_u64(out, value_bytes);
}

}  // namespace

char* write_u64(char* out, std::uint64_t number) {
  if (number < 10) {  // most flags, many lengths
    *out = static_cast<char>('0' + number);
    return out + 1;
  }
  char* const end = out + decimal_digits(number);
  char* at = end;
  while (number >= 100) {
    at -= 2;
    std::memcpy(at, &kPairs[number % 100 * 2], 2);
    number /= 100;
  }
  if (number >= 10) {
    std::memcpy(at - 2, &kPairs[number * 2], 2);
  } else {
    at[-1] = static_cast<char>('0' + number);
  }
  return end;
}

char* write_i64(char* out, std::int64_t number) {
  if (number >= 0) return write_u64(out, static_cast<std::uint64_t>(number));
  *out = '-';
  return write_u64(out + 1, 0 - static_cast<std::uint64_t>(number));
}

char* write_uri(char* out, std::string_view bytes) {
  for (const char c : bytes) {
    if (stands_for_itself(c)) {
      *out++ = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *out++ = '%';
    *out++ = kHex[byte >> 4];
    *out++ = kHex[byte & 15];
  }
  return out;
}

char* write_value_line(char* out, std::string_view key, std::uint32_t client_flags, std::uint64_t value_bytes) {
  return write_crlf(write_value_line_start(out, key, client_flags, value_bytes));
}

char* write_value_line_with_cas(char* out, std::string_view key, std::uint32_t client_flags, std::uint64_t value_bytes,
                                std::uint64_t cas) {
  out = write_value_line_start(out, key, client_flags, value_bytes);
  *out++ = ' ';
  return write_crlf(write_u64(out, cas));
}

char* write_number_line(char* out, std::uint64_t number) {
  return write_crlf(write_u64(out, number));
}

char* write_stat_line(char* out, std::string_view name, std::string_view value) {
  out = write_text(out, "STAT ");
  out = write_text(out, name);
  *out++ = ' ';
  return write_crlf(write_text(out, value));
}

char* write_meta_value_status(char* out, std::uint64_t value_bytes) {
  return write_u64(write_text(out, "VA "), value_bytes);
}

char* write_meta_key(char* out, std::string_view key, bool key_is_binary) {
  out = write_meta_flag(out, 'k');
  if (!key_is_binary) return write_text(out, key);
  return write_meta_flag(base64_encode(out, key), 'b');
}

char* write_debug_line(char* out, const ItemFacts& item) {
  out = write_text(out, "ME ");
  out = item.key_is_binary ? base64_encode(out, item.key) : write_text(out, item.key);
  return write_crlf(write_facts(out, item));
}

char* write_metadump_line(char* out, const ItemFacts& item) {
  out = write_uri(write_text(out, "key="), item.key);
  out = write_facts(out, item);
  out = write_field(out, " flags=", std::uint64_t{item.client_flags});
  return write_text(out, " \n");
}

char* write_mgdump_line(char* out, std::string_view key, bool key_is_binary) {
  out = write_text(out, "mg ");
  out = key_is_binary ? write_meta_flag(base64_encode(out, key), 'b') : write_text(out, key);
  return write_crlf(out);
}

}  // namespace lmc::protocol

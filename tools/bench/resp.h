// As much of Redis's protocol (RESP2) as a comparison of sets needs: SET, and WAIT, by which a client learns that
// replicas have what it wrote.
//
// Pure. Errors: kMalformed for what Redis would not answer to these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lmc::bench::resp {

void append_set(std::string_view key, std::string_view value, std::string& out);
// Answered when so many replicas have everything that this connection wrote before.
void append_wait(std::uint32_t replicas, std::string& out);

struct Reply {
  enum class Kind : std::uint8_t { kIncomplete, kMalformed, kOk, kInteger, kError };
  Kind kind = Kind::kIncomplete;
  std::size_t consumed = 0;
  std::int64_t integer = 0;
  std::string_view text;  // kError
};
[[nodiscard]] Reply parse_reply(std::string_view input);

}  // namespace lmc::bench::resp

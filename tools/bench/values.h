// Values that can be checked: what is stored under a key follows from the key's id, so that a reader knows whether it
// got the value of another key, a torn one, or one of the wrong length.
//
//   byte 0   nonce, 8 bytes: what was different at this write (0 when values do not change)
//   byte 8   mark, 8 bytes: a hash of id, nonce and length
//   byte 16  pattern, a stretch of pseudo-random bytes that starts where the mark says
// Values shorter than 16 bytes are pattern only, and do not change.
//
// Threads: immutable after construction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lmc::bench {

class Values {
 public:
  struct Description {
    std::uint64_t id = 0;  // of the key
    std::uint64_t nonce = 0;
    std::uint64_t bytes = 0;  // length
  };

  Values();

  void append(const Description& value, std::string& out) const;

  // Whether `value` is one that append wrote for this id (with any nonce and its own length).
  [[nodiscard]] bool belongs_to(std::uint64_t id, std::string_view value) const;

 private:
  std::vector<char> pattern_;  // one period, twice
};

}  // namespace lmc::bench

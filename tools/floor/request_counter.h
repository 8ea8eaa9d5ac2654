// Finds the ends of requests and says which constant answers them, looking at as few bytes as it can.
//
// It trusts its input (lmc-bench): what it does not know is answered ERROR, what cannot be a request ends the
// connection. It keeps what a connection carries from one read to the next: how much of a value is still to be skipped.
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tools/floor/answers.h"

namespace lmc::floor {

class RequestCounter {
 public:
  // Adds the answers of the complete requests in `input` to `batch`; returns how many bytes they used. The caller gives
  // the others again, with more behind them. Nothing: the connection is to be closed.
  [[nodiscard]] std::optional<std::size_t> take(std::string_view input, Batch& batch);

 private:
  bool take_line(std::string_view line, Batch& batch);
  void take_binary(std::string_view header, Batch& batch);

  std::uint64_t skip_bytes_ = 0;             // rest of a value that is still to arrive
  Answer after_skip_ = Answer::kTextStored;  // and what is answered then
};

}  // namespace lmc::floor

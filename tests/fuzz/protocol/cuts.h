// A stream of requests fed to a parser whole and in pieces that the input chooses: the same must come out of both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parse_stream.h"

namespace lmc::protocol::testing {

// The first byte of `data` says how the rest is cut.
inline void check_cuts(Parse parse, const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  const ParseLimits limits{64};  // small, so that values over it are common
  const std::size_t step = 1 + data[0] % 16;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  ParseStream whole(parse, limits);
  whole.feed(bytes);
  ParseStream pieces(parse, limits);
  for (std::size_t at = 0; at < bytes.size(); at += step) pieces.feed(bytes.substr(at, step));
  require(whole.log() == pieces.log(), "the outcomes do not depend on the cuts");
  require(whole.closed() == pieces.closed(), "nor does the end");
}

}  // namespace lmc::protocol::testing

// Text and meta request streams: views inside the input, progress, limits, and the same outcomes however cut.

#include "cuts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lmc::protocol::testing::check_cuts(lmc::protocol::parse_text, data, size);
  return 0;
}

// The flags of a meta line. The first byte chooses the command, then key and flags follow as on the wire.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "parse_stream.h"
#include "protocol/meta_flags.h"
#include "protocol/words.h"

namespace {

using lmc::protocol::Command;
using lmc::protocol::Request;
using lmc::protocol::testing::is_inside;
using lmc::protocol::testing::require;

constexpr std::array<Command, 4> kCommands = {Command::kMetaGet, Command::kMetaSet, Command::kMetaDelete,
                                              Command::kMetaArithmetic};

void check_error(std::string_view error) {
  require(error.substr(0, 13) == "CLIENT_ERROR " && error.substr(error.size() - 2) == "\r\n", "an error is a reply");
}

void check_flags(const lmc::protocol::MetaFlags& flags, const Request& request) {
  const std::string_view order = flags.in_order();
  require(order.size() == lmc::protocol::count_words(request.arguments), "every word is a flag");
  for (const char letter : order) {
    require(flags.has(letter), "a flag in order is there");
    require(std::count(order.begin(), order.end(), letter) == 1, "each flag is there once");
  }
  require(!flags.key.empty() && flags.key.size() <= lmc::protocol::kMaxKeyBytes, "a key has its limits");
  require(flags.has('b') || flags.key == request.key, "a key is what was sent unless it is base64");
  require(is_inside(flags.opaque, request.arguments), "the opaque is in the input");
  require(flags.has('O') == !flags.opaque.empty(), "an opaque has its letter");
  require(flags.opaque.size() <= lmc::protocol::kMaxOpaqueTokenBytes, "an opaque has its limit");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string words(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string_view rest = words;
  Request request;
  request.dialect = lmc::protocol::Dialect::kMeta;
  request.command = kCommands[data[0] % kCommands.size()];
  request.key = lmc::protocol::next_word(rest);
  request.arguments = lmc::protocol::without_leading_spaces(rest);
  if (request.key.empty() || request.key.size() > lmc::protocol::kMaxKeyBytes) return 0;

  lmc::protocol::MetaFlags flags;
  const std::string_view error = flags.parse(request);
  if (!error.empty()) {
    check_error(error);
  } else {
    check_flags(flags, request);
  }
  return 0;
}

// The reply parsers against arbitrary bytes: the invariants of protocol/reply_parser.h.
#include "protocol/reply_parser.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace lmc::protocol;
using Status = ReplyParsed::Status;

void require(bool holds) {
  if (!holds) std::abort();
}

bool within(std::string_view view, std::string_view whole) {
  return view.empty() || (view.data() >= whole.data() && view.data() + view.size() <= whole.data() + whole.size());
}

// Invariant 3: what is there becomes an element only with its last byte.
void check_prefixes(Dialect dialect, std::string_view element) {
  Reply reply;
  const std::size_t step = element.size() < 64 ? 1 : element.size() / 16;
  for (std::size_t n = 0; n < element.size(); n += step) {
    const ReplyParsed parsed = parse_reply(dialect, element.substr(0, n), reply);
    require(parsed.status == Status::kIncomplete);
    require(parsed.needed == 0 || (parsed.needed > n && parsed.needed <= element.size()));
  }
}

void check_stream(Dialect dialect, std::string_view input) {
  while (true) {
    Reply reply;
    const ReplyParsed parsed = parse_reply(dialect, input, reply);
    if (parsed.status == Status::kMalformed) return;
    if (parsed.status == Status::kIncomplete) {
      require(parsed.needed == 0 || parsed.needed > input.size());
      return;
    }
    require(parsed.consumed > 0 && parsed.consumed <= input.size());
    const std::string_view element = input.substr(0, parsed.consumed);
    require(within(reply.key, element) && within(reply.value, element) && within(reply.flags, element));
    if (reply.kind == ReplyKind::kNumber && dialect == Dialect::kBinary) require(reply.value.size() == 8);
    check_prefixes(dialect, element);
    input.remove_prefix(parsed.consumed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_stream(Dialect::kText, input);
  check_stream(Dialect::kBinary, input);
  return 0;
}

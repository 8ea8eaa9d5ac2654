// Somebody between two nodes alters what they send: what comes out is a beginning of what went in, whatever he does.
//
// Input: a byte for the size of the pieces, then his edits of an honest stream of frames, four bytes each: what to do,
// where (two bytes), and with what.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replication/control/frame.h"
#include "require.h"

namespace {

using namespace lmc::replication;
using lmc::testing::require;

constexpr std::size_t kMostEdits = 64;

const Digest256 kKey{1, 2, 3, 4};

const std::vector<std::string>& messages() {
  static const std::vector<std::string> all{"promote", "", std::string(200, 'v'), "promote", "x"};
  return all;
}

std::string honest_stream() {
  FrameWriter writer(kKey);
  std::string bytes;
  for (const std::string& message : messages()) writer.write(bytes, message);
  return bytes;
}

void edit(std::string& bytes, std::uint8_t what, std::size_t where, std::uint8_t with) {
  if (bytes.empty()) return;
  const std::size_t at = where % bytes.size();
  const std::string run = bytes.substr(at, with);
  switch (what % 4) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(with));
      break;
    case 1:
      bytes.erase(at, run.size());
      break;
    case 2:
      bytes.insert(at, run);
      break;
    case 3:
      bytes += run;
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t cut = data[0] + std::size_t{1};
  std::string bytes = honest_stream();
  const std::string honest = bytes;
  for (std::size_t at = 1; at + 4 <= size && at / 4 < kMostEdits; at += 4)
    edit(bytes, data[at], data[at + 1] | std::size_t{data[at + 2]} << 8, data[at + 3]);

  FrameReader reader(kKey);
  std::size_t got = 0;
  auto status = FrameReader::Status::kIncomplete;
  for (std::size_t at = 0; at < bytes.size() && status == FrameReader::Status::kIncomplete; at += cut) {
    reader.feed(std::string_view(bytes).substr(at, cut));
    for (std::string_view message; (status = reader.next(message)) == FrameReader::Status::kMessage; ++got)
      require(got < messages().size() && message == messages()[got], "the next message that was sent");
  }
  require((status == FrameReader::Status::kRefused) == !reader.error().empty(), "a refusal has its reason");
  require(bytes != honest || got == messages().size(), "what was not altered comes through");
  return 0;
}

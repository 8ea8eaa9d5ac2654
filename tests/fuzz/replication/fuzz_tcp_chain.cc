// What a peer says on a tcp data link, cut as the input says. Nothing is written but exposed memory, which stands
// between guards; what comes of it does not depend on the cuts; and a second, plain reading of the frames agrees.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "replication/fabric/tcp/chain_decoder.h"

namespace lmc::replication::tcp {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

constexpr std::size_t kGuard = 64;
constexpr std::array<std::size_t, kRegions> kSizes{1000, 256, 64};

// Each region between two guards.
struct Memory {
  Memory() {
    for (unsigned i = 0; i < kRegions; ++i) bytes[i].resize(kGuard + kSizes[i] + kGuard);
  }
  [[nodiscard]] ExposedMemory exposed() {
    ExposedMemory memory;
    for (unsigned i = 0; i < kRegions; ++i) memory[i] = {bytes[i].data() + kGuard, kSizes[i]};
    return memory;
  }
  [[nodiscard]] bool guards_hold() const {
    const auto is_zero = [](char byte) { return byte == 0; };
    return std::all_of(bytes.begin(), bytes.end(), [&](const auto& region) {
      return std::all_of(region.begin(), region.begin() + kGuard, is_zero) &&
             std::all_of(region.end() - kGuard, region.end(), is_zero);
    });
  }
  std::array<std::vector<char>, kRegions> bytes;
};

struct Outcome {
  Memory memory;
  std::uint64_t chains = 0;
  std::uint64_t peer_landed = 0;
  bool broken = false;
};

void require_room(std::span<const iovec> out) {
  std::size_t room = 0;
  for (const iovec& piece : out) room += piece.iov_len;
  require(!out.empty() && room != 0, "there is always somewhere to read to");
}

Outcome decode(std::string_view bytes, std::size_t step, std::size_t pieces) {
  Outcome outcome;
  ChainDecoder decoder(outcome.memory.exposed());
  while (!bytes.empty() && !outcome.broken) {
    std::array<iovec, 8> out;
    const std::size_t count = decoder.where(std::span(out).first(pieces));
    require_room(std::span(out).first(count));
    std::size_t read = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t size = std::min({out[i].iov_len, bytes.size(), step - read});
      std::memcpy(out[i].iov_base, bytes.data(), size);  // ASan looks at where to
      bytes.remove_prefix(size);
      read += size;
      if (size < out[i].iov_len) break;
    }
    outcome.broken = !decoder.took(read);
    require(outcome.broken == !decoder.broken().empty(), "what is broken has a reason");
  }
  outcome.chains = decoder.chains_landed();
  outcome.peer_landed = decoder.peer_landed();
  return outcome;
}

// As README.md says it, with all bytes at hand. Stops at a frame that is not whole or may not be.
Outcome reference(std::string_view bytes) {
  Outcome outcome;
  const ExposedMemory memory = outcome.memory.exposed();
  for (;;) {
    FrameHeader header;
    if (bytes.size() < sizeof header) return outcome;
    std::memcpy(&header, bytes.data(), sizeof header);
    outcome.broken = header.magic != kFrameMagic || header.zero != 0 || header.writes > kMaxChainWrites ||
                     header.landed < outcome.peer_landed;
    const std::size_t head = sizeof header + header.writes * sizeof(Descriptor);
    if (outcome.broken || bytes.size() < head) return outcome;
    outcome.peer_landed = header.landed;
    std::vector<Descriptor> descriptors(header.writes);
    if (header.writes != 0) std::memcpy(descriptors.data(), bytes.data() + sizeof header, head - sizeof header);
    for (const Descriptor& each : descriptors) {
      const bool padded = std::any_of(std::begin(each.zero), std::end(each.zero), [](auto byte) { return byte != 0; });
      const bool inside = each.region < kRegions && each.size != 0 && each.offset <= kSizes[each.region] &&
                          each.size <= kSizes[each.region] - each.offset;
      outcome.broken = outcome.broken || padded || !inside;
    }
    if (outcome.broken) return outcome;
    bytes.remove_prefix(head);
    for (const Descriptor& each : descriptors) {
      // Of what did not come whole only log bytes are in their place; the others wait for their end.
      const std::size_t size = std::min<std::size_t>(each.size, bytes.size());
      if (each.region == 0 || size == each.size)
        std::memcpy(memory[each.region].data() + each.offset, bytes.data(), size);
      bytes.remove_prefix(size);
      if (size < each.size) return outcome;
    }
    if (header.writes != 0) ++outcome.chains;
  }
}

}  // namespace
}  // namespace lmc::replication::tcp

// The first byte says how the rest is cut, the second into how many pieces it is read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lmc::replication::tcp;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome expected = reference(bytes);
  for (const std::size_t step : {std::size_t{1} + data[0], std::size_t{1}, std::size_t{1} << 20}) {
    const Outcome outcome = decode(bytes, step, std::size_t{2} + data[1] % 7);
    require(outcome.memory.guards_hold(), "nothing lands outside of exposed memory");
    require(outcome.memory.bytes == expected.memory.bytes, "the same bytes are in the same places");
    require(outcome.chains == expected.chains && outcome.peer_landed == expected.peer_landed, "the same was counted");
    require(outcome.broken == expected.broken, "the same is refused");
  }
  return 0;
}

#include "replication/fabric/tcp/frame_queue.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "documented.h"
#include "hex.h"
#include "replication/fabric/tcp/chain_decoder.h"
#include "replication/ledger.h"

namespace lmc::replication::tcp {
namespace {

std::string all_of(FrameQueue& frames) {
  iovec pieces[8];
  const std::size_t count = frames.gather(pieces);
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  frames.consume(bytes.size());
  return bytes;
}

TEST_CASE("a hello's bytes are those of the README") {
  Hello hello{kVersion, static_cast<std::uint8_t>(Traffic::kForeground), 0, {}};
  for (std::size_t i = 0; i < hello.ticket.size(); ++i) hello.ticket[i] = static_cast<std::uint8_t>(0xa0 + i);
  CHECK(hex_of({reinterpret_cast<const char*>(&hello), sizeof hello}) == "01000000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
  CHECK(documented("fabric/tcp/README.md", "version; foreground") ==
        hex_of({reinterpret_cast<const char*>(&hello), sizeof hello}));
  CHECK(std::string(kMagic, sizeof kMagic) == "LMCDATA1");
}

TEST_CASE("a frame's bytes are those of the README, and land where they belong") {
  Entry entry;
  entry.kind = EntryKind::kAppended;
  entry.segment = 17;
  entry.from = 64;
  entry.to = 4096;
  const EntryBytes entry_bytes = encode(entry, {3}, {0x0101});
  const std::string_view ledger(reinterpret_cast<const char*>(entry_bytes.data()), kEntryBytes);
  const Write chain[] = {{Region::kLog, 0x110040, "abcdefgh"}, {Region::kLedger, 0x4080, ledger}};
  FrameQueue frames;
  frames.add_frame(chain, 5);
  const std::string bytes = all_of(frames);
  CHECK(frames.chains_sent() == 1);
  CHECK(hex_of(bytes) ==
        "4c4652310200000005000000000000004000110000000000080000000000000080400000000000004000000001000000"
        "61626364656667684bd19e21020000000300000000000000010100000000000011000000400000000010000000000000"
        "000000000000000000000000000000000000000000000000");
  CHECK(documented("fabric/tcp/README.md", "\"LFR1\"") == hex_of(bytes));

  std::vector<std::uint64_t> log(0x120000 / 8);
  std::vector<std::uint64_t> ring(0x8000 / 8);
  const auto memory = [](std::vector<std::uint64_t>& words) {
    return std::span(reinterpret_cast<char*>(words.data()), words.size() * 8);
  };
  ChainDecoder decoder({memory(log), memory(ring), {}});
  iovec out[2];
  REQUIRE(decoder.where(out) == 1);
  REQUIRE(out[0].iov_len >= bytes.size());
  std::memcpy(out[0].iov_base, bytes.data(), bytes.size());
  REQUIRE(decoder.took(bytes.size()));
  CHECK(decoder.chains_landed() == 1);
  CHECK(decoder.peer_landed() == 5);
  CHECK(std::memcmp(memory(log).data() + 0x110040, "abcdefgh", 8) == 0);
  Entry read;
  CHECK(read_entry(std::span(ring).subspan<0x4080 / 8, kCheckedWords>(), {3}, {0x0101}, read) == EntryState::kEntry);
  CHECK(read == entry);
}

TEST_CASE("a frame without writes is a header that says what has landed") {
  FrameQueue frames;
  frames.add_frame({}, 258);
  CHECK(hex_of(all_of(frames)) == "4c465231000000000201000000000000");
  CHECK(frames.chains_sent() == 0);
}

}  // namespace
}  // namespace lmc::replication::tcp

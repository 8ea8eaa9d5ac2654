#include "replication/fabric/tcp/chain_decoder.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>
#include <string>

namespace lmc::replication::tcp {
namespace {

constexpr std::size_t kCuts[] = {1, 2, 3, 7, 16, 61, 500, 5000};  // bytes at a time

struct Regions {
  Regions() : log(4096), ledger(64), report(8) {}
  [[nodiscard]] ExposedMemory exposed() {
    return {std::span(log.data(), log.size()),
            {reinterpret_cast<char*>(ledger.data()), ledger.size() * 8},
            {reinterpret_cast<char*>(report.data()), report.size() * 8}};
  }
  std::vector<char> log;
  std::vector<std::uint64_t> ledger;
  std::vector<std::uint64_t> report;
};

struct Piece {
  Region region;
  std::uint64_t offset;
  std::string bytes;
};

std::string frame(std::uint64_t landed, const std::vector<Piece>& pieces) {
  const FrameHeader header{kFrameMagic, static_cast<std::uint16_t>(pieces.size()), 0, landed};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  for (const Piece& piece : pieces) {
    const Descriptor descriptor{
        piece.offset, static_cast<std::uint32_t>(piece.bytes.size()), static_cast<std::uint8_t>(piece.region), {}};
    bytes.append(reinterpret_cast<const char*>(&descriptor), sizeof descriptor);
  }
  for (const Piece& piece : pieces) bytes += piece.bytes;
  return bytes;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::iota(bytes.begin(), bytes.end(), 1);
  return bytes;
}

// As readv would, at most `most` bytes at a time. False: the decoder refused.
bool feed(ChainDecoder& decoder, std::string_view bytes, std::size_t most) {
  while (!bytes.empty()) {
    iovec out[3];
    const std::size_t count = decoder.where(out);
    std::size_t read = 0;
    for (std::size_t i = 0; i < count && read < most && !bytes.empty(); ++i) {
      const std::size_t size = std::min({out[i].iov_len, bytes.size(), most - read});
      std::memcpy(out[i].iov_base, bytes.data(), size);
      bytes.remove_prefix(size);
      read += size;
      if (size < out[i].iov_len) break;
    }
    if (!decoder.took(read)) return false;
  }
  return true;
}

TEST_CASE("frames land whole, however they are cut") {
  const std::string text = pattern(700);
  const std::string entry = pattern(128);
  std::string stream =
      frame(0, {{Region::kLog, 100, text}, {Region::kLedger, 64, entry}, {Region::kProgress, 0, pattern(64)}});
  stream += frame(3, {});
  stream += frame(5, {{Region::kLedger, 0, pattern(64)}, {Region::kLog, 2000, text}, {Region::kLog, 3000, "x"}});
  for (const std::size_t most : kCuts) {
    Regions regions;
    ChainDecoder decoder(regions.exposed());
    REQUIRE(feed(decoder, stream, most));
    CHECK(decoder.chains_landed() == 2);
    CHECK(decoder.peer_landed() == 5);
    CHECK(std::string(regions.log.data() + 100, 700) == text);
    CHECK(std::string(regions.log.data() + 2000, 700) == text);
    CHECK(regions.log[3000] == 'x');
    CHECK(std::memcmp(regions.ledger.data() + 8, entry.data(), 128) == 0);
    CHECK(std::memcmp(regions.ledger.data(), pattern(64).data(), 64) == 0);
    CHECK(std::memcmp(regions.report.data(), pattern(64).data(), 64) == 0);
  }
}

void refused(const std::string& stream) {
  for (const std::size_t most : kCuts) {
    Regions regions;
    ChainDecoder decoder(regions.exposed());
    CHECK_FALSE(feed(decoder, stream, most));
    CHECK_FALSE(decoder.broken().empty());
    CHECK(regions.log == std::vector<char>(4096));
    CHECK(regions.ledger == std::vector<std::uint64_t>(64));
  }
}

TEST_CASE("of a chain with one write that may not be, nothing lands") {
  const Piece good{Region::kLog, 0, pattern(16)};
  refused(frame(0, {good, {Region::kLog, 4090, pattern(16)}}));
  refused(frame(0, {good, {Region::kLog, ~std::uint64_t{0} - 3, pattern(16)}}));
  refused(frame(0, {good, {static_cast<Region>(3), 0, pattern(16)}}));
  refused(frame(0, {good, {Region::kLog, 8, ""}}));
  std::string padded = frame(0, {good});
  padded[sizeof(FrameHeader) + sizeof(Descriptor) - 1] = 1;
  refused(padded);
}

TEST_CASE("a chain may be as large as a chain may be, and no larger") {
  std::vector<char> log(kMaxChainBytes + 1);
  const auto accepts = [&](std::size_t last) {
    ChainDecoder decoder({std::span(log.data(), log.size()), {}, {}});
    return feed(decoder, frame(0, {{Region::kLog, 0, pattern(kMaxChainBytes - 8)}, {Region::kLog, 0, pattern(last)}}),
                65536);
  };
  CHECK(accepts(8));
  CHECK_FALSE(accepts(9));
}

TEST_CASE("bytes for the ledger need not be whole words") {
  for (const std::size_t most : kCuts) {
    Regions regions;
    ChainDecoder decoder(regions.exposed());
    REQUIRE(feed(decoder, frame(0, {{Region::kLedger, 13, pattern(30)}, {Region::kProgress, 63, "x"}}), most));
    const char* const ledger = reinterpret_cast<const char*>(regions.ledger.data());
    CHECK(std::string(ledger, 48) == std::string(13, '\0') + pattern(30) + std::string(5, '\0'));
    CHECK(reinterpret_cast<const char*>(regions.report.data())[63] == 'x');
  }
}

TEST_CASE("what is no frame is refused") {
  refused(std::string(64, 'x'));
  refused(frame(7, {}) + frame(6, {}));
  std::string many = frame(0, {});
  many[4] = 65;
  refused(many + std::string(2000, '\0'));
}

}  // namespace
}  // namespace lmc::replication::tcp

// What a copy sends, and what it leaves out because the newcomer has it.
#include "replication/engine/copy_sender.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "any_log.h"

namespace lmc::replication {
namespace {

constexpr std::uint32_t kSegmentBytes = 1 << 16;
constexpr unsigned kSegments = 4;
constexpr std::size_t kChunk = 16 << 10;

// Of a segment's bytes as far as they are used: any two differ.
Digest digest_of(std::uint32_t segment, std::uint32_t used) {
  return {segment + 1, used};
}

class SomeLog final : public test::AnyLog {
 public:
  SomeLog() : bytes_(kSegments * kSegmentBytes) {
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(i / 7);
  }
  [[nodiscard]] Geometry geometry() const override { return {bytes_.size(), kSegmentBytes, 1, 1 << 10}; }
  [[nodiscard]] std::span<char> memory() const override { return bytes_; }
  void describe(std::vector<SegmentState>& out) const override { out = segments; }
  [[nodiscard]] Digest digest(std::uint32_t segment, std::uint32_t used) const override {
    digested += used;
    return digest_of(segment, used);
  }

  std::vector<SegmentState> segments;
  mutable std::uint64_t digested = 0;  // bytes

 private:
  mutable std::vector<char> bytes_;
};

// The newcomer's end: where bytes come to lie.
class Newcomer final : public Link {
 public:
  void post(std::span<const Write> chain) override {
    std::size_t bytes = 0;
    for (const Write& write : chain) {
      CHECK(write.region == Region::kLog);
      landed[write.offset] = write.bytes.size();
      bytes += write.bytes.size();
    }
    CHECK(bytes <= kChunk);
    ++chains;
  }
  void revoke() override {}
  void close() override {}

  // In [from, to) of a segment.
  [[nodiscard]] std::uint64_t landed_in(std::uint32_t segment, std::uint32_t from, std::uint32_t to) const {
    const std::uint64_t begin = std::uint64_t{segment} * kSegmentBytes;
    std::uint64_t bytes = 0;
    for (const auto& [offset, size] : landed)
      if (offset >= begin + from && offset + size <= begin + to) bytes += size;
    return bytes;
  }

  std::map<std::uint64_t, std::uint64_t> landed;  // bytes, by offset
  std::uint64_t chains = 0;
};

SegmentState segment(std::uint32_t number, std::uint64_t sequence, std::uint32_t used) {
  SegmentState state;
  state.segment = number;
  state.sequence = sequence;
  state.used = used;
  return state;
}

// What a newcomer says that it has; `true_bytes`: as they are here.
Inventory::Segment claim(std::uint32_t number, std::uint64_t sequence, std::uint32_t used, bool true_bytes = true) {
  return {number, used, sequence, true_bytes ? digest_of(number, used) : Digest{7, 7}};
}

struct Copy {
  void send_round() {
    sender.begin_round();
    finish_round();
  }
  void finish_round() {
    while (!sender.round_sent()) (void)sender.post_some(newcomer);
  }

  SomeLog log;
  CopySender sender{log, kChunk};
  Newcomer newcomer;
};

TEST_CASE("a copy skips the segments that agree, and sends the others") {
  Copy copy;
  copy.log.segments = {segment(0, 5, 20000), segment(1, 6, 30000), segment(2, 7, 40000), segment(3, 8, 50000)};
  copy.sender.know({claim(0, 5, 20000), claim(1, 6, 30000, false), claim(2, 4, 40000)});
  copy.sender.begin_round();
  CHECK(copy.sender.left_bytes() == 140000);  // a claim counts for nothing until it is verified
  copy.finish_round();

  CHECK(copy.newcomer.landed_in(0, 0, kSegmentBytes) == 0);      // agrees
  CHECK(copy.newcomer.landed_in(1, 0, kSegmentBytes) == 30000);  // other bytes
  CHECK(copy.newcomer.landed_in(2, 0, kSegmentBytes) == 40000);  // another incarnation
  CHECK(copy.newcomer.landed_in(3, 0, kSegmentBytes) == 50000);  // the newcomer has nothing there
  CHECK(copy.sender.skipped_bytes() == 20000);
  CHECK(copy.sender.sent_bytes() == 120000);
  CHECK(copy.sender.left_bytes() == 0);
  CHECK(copy.sender.chains() == copy.newcomer.chains);
  CHECK(copy.log.digested == 50000);  // of the claims of this incarnation only
}

TEST_CASE("of a segment that has grown a copy sends what is new, if the rest agrees") {
  Copy copy;
  copy.log.segments = {segment(0, 5, 20000), segment(1, 6, 20000)};
  copy.sender.know({claim(0, 5, 8000), claim(1, 6, 8000, false)});
  copy.send_round();
  CHECK(copy.newcomer.landed_in(0, 0, 8000) == 0);
  CHECK(copy.newcomer.landed_in(0, 8000, 20000) == 12000);
  CHECK(copy.newcomer.landed_in(1, 0, 20000) == 20000);
  CHECK(copy.sender.skipped_bytes() == 8000);
  CHECK(copy.sender.sent_bytes() == 32000);
}

TEST_CASE("what a newcomer has more of than there is, is sent anew") {
  Copy copy;
  copy.log.segments = {segment(0, 5, 8000)};
  copy.sender.know({claim(0, 5, 20000)});
  copy.send_round();
  CHECK(copy.newcomer.landed_in(0, 0, 8000) == 8000);
  CHECK(copy.sender.skipped_bytes() == 0);
}

TEST_CASE("a copy of what agrees in whole posts nothing") {
  Copy copy;
  copy.log.segments = {segment(0, 5, 20000), segment(2, 7, kSegmentBytes)};
  copy.sender.know({claim(0, 5, 20000), claim(2, 7, kSegmentBytes)});
  copy.send_round();
  CHECK(copy.newcomer.chains == 0);
  CHECK(copy.sender.chains() == 0);
  CHECK(copy.sender.skipped_bytes() == 20000 + kSegmentBytes);
  CHECK(copy.sender.sent_bytes() == 0);
}

TEST_CASE("a later round sends what has come since, and all of what began anew") {
  Copy copy;
  copy.log.segments = {segment(0, 5, 20000), segment(1, 6, 20000)};
  copy.sender.know({claim(0, 5, 20000)});
  copy.send_round();
  CHECK(copy.sender.sent_bytes() == 20000);

  copy.newcomer.landed.clear();
  copy.log.segments = {segment(0, 9, 4000), segment(1, 6, 24000)};  // the first was used again
  copy.send_round();
  CHECK(copy.newcomer.landed_in(0, 0, 4000) == 4000);
  CHECK(copy.newcomer.landed_in(1, 20000, 24000) == 4000);
  CHECK(copy.sender.sent_bytes() == 28000);
  CHECK(copy.sender.skipped_bytes() == 20000);

  copy.send_round();  // nothing has happened
  CHECK(copy.sender.sent_bytes() == 28000);
}

TEST_CASE("an inventory of segments that there are not is of no consequence") {
  Copy copy;
  copy.log.segments = {segment(3, 8, 1000)};
  copy.sender.know({claim(kSegments, 8, 1000), claim(~std::uint32_t{0}, 8, 1000)});
  copy.send_round();
  CHECK(copy.sender.sent_bytes() == 1000);
}

}  // namespace
}  // namespace lmc::replication

#include "replication/control/frame.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "documented.h"
#include "hex.h"

namespace lmc::replication {
namespace {

using Status = FrameReader::Status;

Digest256 key(std::uint8_t fill) {
  Digest256 bytes;
  bytes.fill(fill);
  return bytes;
}

std::string frame_of(FrameWriter& writer, std::string_view message) {
  std::string out;
  writer.write(out, message);
  return out;
}

// All that comes out of `bytes`, and how it ended.
std::pair<std::vector<std::string>, Status> read_all(FrameReader& reader, std::string_view bytes) {
  reader.feed(bytes);
  std::vector<std::string> messages;
  for (std::string_view message;;) {
    const Status status = reader.next(message);
    if (status != Status::kMessage) return {messages, status};
    messages.emplace_back(message);
  }
}

TEST_CASE("messages come out as they went in, however their bytes are cut") {
  const std::vector<std::string> sent{"", "a", std::string(300, 'b'), std::string("\0\n\xff", 3)};
  FrameWriter writer(key(1));
  std::string bytes;
  for (const std::string& message : sent) writer.write(bytes, message);
  for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    FrameReader reader(key(1));
    std::vector<std::string> got;
    for (std::size_t at = 0; at < bytes.size(); at += cut) {
      const auto [messages, status] = read_all(reader, std::string_view(bytes).substr(at, cut));
      got.insert(got.end(), messages.begin(), messages.end());
      REQUIRE(status == Status::kIncomplete);
    }
    CHECK(got == sent);
  }
}

TEST_CASE("the bytes of a frame are those of FORMAT.md") {
  // The key of FORMAT.md's handshake for what the client sends; the message is its Command.
  constexpr unsigned char kKey[] = {0x9b, 0x7b, 0xe3, 0x9e, 0x86, 0xad, 0x41, 0x68, 0x2c, 0xda, 0xc9,
                                    0x4a, 0x4e, 0xfd, 0xcb, 0x2d, 0x2e, 0xd7, 0xcb, 0x84, 0x26, 0x7f,
                                    0x00, 0x4d, 0x12, 0x7b, 0x2e, 0xb0, 0x38, 0x8f, 0x59, 0x99};
  Digest256 client_sends;
  std::copy_n(kKey, sizeof kKey, client_sends.begin());
  FrameWriter writer(client_sends);
  const std::string message = std::string("\x0b\x0c\0\0\0", 5) + "fence 131072";
  CHECK(hex_of(frame_of(writer, message)) == "11000000" + hex_of(message) + "7a4a49cd13caaf4805d78a2fcd04208c");
  FrameWriter again(client_sends);
  CHECK(documented("FORMAT.md", "client:").ends_with(hex_of(frame_of(again, message))));
}

TEST_CASE("no bit of a frame can be altered") {
  FrameWriter writer(key(1));
  const std::string frame = frame_of(writer, "promote");
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string altered = frame;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    FrameReader reader(key(1));
    const auto [messages, status] = read_all(reader, altered);
    CHECK(messages.empty());
    // A size that grew waits for more bytes; they cannot make the tag true.
    if (status == Status::kIncomplete) {
      const auto [later, end] = read_all(reader, std::string(kMaxMessageBytes + kFrameOverheadBytes, '\0'));
      CHECK(later.empty());
      CHECK(end == Status::kRefused);
    }
  }
}

TEST_CASE("a frame cannot be repeated, left out, or moved") {
  FrameWriter writer(key(1));
  const std::string one = frame_of(writer, "one");
  const std::string two = frame_of(writer, "two");
  const std::vector<std::string> first{"one"};
  FrameReader repeated(key(1));
  CHECK(read_all(repeated, one + one) == std::pair(first, Status::kRefused));
  FrameReader left_out(key(1));
  CHECK(read_all(left_out, two) == std::pair(std::vector<std::string>{}, Status::kRefused));
  FrameReader moved(key(1));
  CHECK(read_all(moved, two + one) == std::pair(std::vector<std::string>{}, Status::kRefused));
}

TEST_CASE("a frame of the other direction or connection is refused") {
  FrameWriter writer(key(1));
  FrameReader reader(key(2));
  CHECK(read_all(reader, frame_of(writer, "one")).second == Status::kRefused);
}

TEST_CASE("what was refused stays refused") {
  FrameWriter other(key(2));
  FrameReader reader(key(1));
  REQUIRE(read_all(reader, frame_of(other, "false")).second == Status::kRefused);
  FrameWriter writer(key(1));
  CHECK(read_all(reader, frame_of(writer, "true")).second == Status::kRefused);
}

TEST_CASE("a cut frame gives nothing") {
  FrameWriter writer(key(1));
  const std::string frame = frame_of(writer, "promote");
  for (std::size_t size = 0; size < frame.size(); ++size) {
    FrameReader reader(key(1));
    const auto [messages, status] = read_all(reader, frame.substr(0, size));
    CHECK(messages.empty());
    CHECK(status == Status::kIncomplete);
  }
}

TEST_CASE("a size above the limit is refused before its bytes come") {
  for (const std::uint32_t size : {static_cast<std::uint32_t>(kMaxMessageBytes) + 1, 0xffffffffU}) {
    FrameReader reader(key(1));
    CHECK(read_all(reader, {reinterpret_cast<const char*>(&size), sizeof size}).second == Status::kRefused);
    CHECK(reader.error() == "a message of " + std::to_string(size) + " bytes");
  }
  FrameWriter writer(key(1));
  FrameReader reader(key(1));
  CHECK(read_all(reader, frame_of(writer, std::string(kMaxMessageBytes, 'x'))).first.size() == 1);
}

}  // namespace
}  // namespace lmc::replication

#include "server/commands/reply_queue.h"

#include <catch2/catch.hpp>
#include <string>

using lmc::commands::BlockPool;
using lmc::commands::kReplyBlockBytes;
using lmc::commands::ReplyQueue;
using lmc::store::SegmentPin;

namespace {

std::string contents(const ReplyQueue& queue) {
  iovec pieces[64];
  std::string bytes;
  for (std::size_t i = 0, n = queue.iovecs(pieces); i < n; ++i) {
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return bytes;
}

std::size_t piece_count(const ReplyQueue& queue) {
  iovec pieces[64];
  return queue.iovecs(pieces);
}

}  // namespace

TEST_CASE("what was appended comes out in order, small pieces as one") {
  BlockPool pool;
  ReplyQueue queue(pool);
  queue.append("one ");
  queue.append("");
  queue.append("two");
  CHECK(contents(queue) == "one two");
  CHECK(piece_count(queue) == 1);
  CHECK(queue.pending_bytes() == 7);
}

TEST_CASE("only what is committed of a reservation is sent") {
  BlockPool pool;
  ReplyQueue queue(pool);
  char* const out = queue.reserve(100);
  out[0] = 'x';
  queue.commit_to(out + 1);
  CHECK(contents(queue) == "x");
}

TEST_CASE("a pinned piece keeps its place between written ones and its pin until it is sent") {
  BlockPool pool;
  std::atomic<std::uint32_t> pins{0};
  const std::string value(10'000, 'v');
  {
    ReplyQueue queue(pool);
    queue.append("head ");
    queue.append_pinned(SegmentPin(pins), value);
    queue.append(" tail");
    CHECK(contents(queue) == "head " + value + " tail");
    CHECK(piece_count(queue) == 3);

    queue.consume(5 + 9'999);
    CHECK(pins == 1);
    CHECK(contents(queue) == "v tail");
    queue.consume(1);
    CHECK(pins == 0);
    CHECK(contents(queue) == " tail");
    queue.append_pinned(SegmentPin(pins), value);
    CHECK(pins == 1);
  }
  CHECK(pins == 0);  // a connection that goes away takes its pins along
}

TEST_CASE("appends longer than a block are cut over several") {
  BlockPool pool;
  ReplyQueue queue(pool);
  std::string bytes;
  for (std::size_t i = 0; i < 3 * kReplyBlockBytes + 17; ++i) bytes.push_back(static_cast<char>('a' + i % 26));
  queue.append("x");
  queue.append(bytes);
  CHECK(contents(queue) == "x" + bytes);
}

TEST_CASE("whatever the socket takes at a time, every byte comes out once") {
  BlockPool pool;
  ReplyQueue queue(pool);
  std::atomic<std::uint32_t> pins{0};
  std::string expected;
  const std::string value(9'000, 'v');
  for (int i = 0; i < 200; ++i) {
    const std::string line = "line " + std::to_string(i) + "\r\n";
    queue.append(line);
    queue.append_pinned(SegmentPin(pins), value);
    expected += line + value;
  }
  std::string received;
  for (std::size_t take = 1; !queue.empty(); take = take * 7 % 4093 + 1) {
    iovec first[1];
    REQUIRE(queue.iovecs(first) == 1);
    const std::size_t bytes = std::min(take, first[0].iov_len);
    received.append(static_cast<const char*>(first[0].iov_base), bytes);
    queue.consume(bytes);
  }
  CHECK(received == expected);
  CHECK(pins == 0);
}

TEST_CASE("truncate takes back exactly what was written since, and its room") {
  BlockPool pool;
  ReplyQueue queue(pool);
  std::atomic<std::uint32_t> pins{0};
  queue.append("kept");
  const std::size_t mark = queue.pending_bytes();

  SECTION("in the same block") {
    queue.append("dropped");
  }
  SECTION("with a pinned piece") {
    const std::string value(9'000, 'v');
    queue.append("dropped");
    queue.append_pinned(SegmentPin(pins), value);
    queue.append("dropped");
    queue.truncate(mark + 7);
    CHECK(contents(queue) == "keptdropped");
  }
  SECTION("over several blocks") {
    queue.append(std::string(2 * kReplyBlockBytes, 'd'));
  }

  queue.truncate(mark);
  CHECK(pins == 0);
  CHECK(contents(queue) == "kept");
  queue.append(" and more");
  CHECK(contents(queue) == "kept and more");
  queue.truncate(0);
  CHECK(queue.empty());
  CHECK(contents(queue).empty());
  queue.append("new");
  CHECK(contents(queue) == "new");
}

TEST_CASE("an empty queue holds no block") {
  BlockPool pool(1);
  {
    ReplyQueue queue(pool);
    queue.append("x");
    queue.consume(1);
    auto block = pool.take();
    ReplyQueue other(pool);
    other.append("y");
    CHECK(contents(other) == "y");
    pool.give_back(std::move(block));
  }
  SUCCEED("no block is lost or freed twice (the sanitizers' word)");
}

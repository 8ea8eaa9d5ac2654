#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "tools/floor/answers.h"
#include "tools/floor/request_counter.h"

namespace {

using namespace lmc::floor;

// What floor answers to `input` when it arrives in pieces of `step` bytes.
std::string answers_to(std::string_view input, std::size_t step) {
  const Answers answers(3);
  Batch batch(answers);
  RequestCounter counter;
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  std::string rest;
  std::string unsent;
  std::string got;
  while (!input.empty()) {
    rest.append(input.substr(0, step));
    input.remove_prefix(std::min(step, input.size()));
    batch.clear();
    const auto used = counter.take(rest, batch);
    REQUIRE(used.has_value());
    rest.erase(0, *used);
    if (batch.empty()) continue;
    REQUIRE(batch.send_to(ends[0], unsent));
    std::array<char, 65536> buffer{};
    const ssize_t n = recv(ends[1], buffer.data(), buffer.size(), 0);
    if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(rest.empty());
  return got + unsent;
}

}  // namespace

TEST_CASE("floor answers every request once, wherever the reads cut them") {
  const std::string requests =
      "get a\r\nget a b c\r\nset a 0 0 10\r\n\r\nget x\r\n\r\r\nset b 0 0 0\r\n\r\nmg a v\r\nms a 2\r\nhi\r\nmn\r\n"
      "gets a\r\nversion\r\n";
  const std::string value = "VALUE key 0 3\r\nvvv\r\n";
  const std::string expected = value + "END\r\n" + value + value + value + "END\r\n" + "STORED\r\nSTORED\r\n" +
                               "VA 3 f0\r\nvvv\r\nHD\r\nMN\r\n" + value + "END\r\nVERSION 1.6.45\r\n";
  for (std::size_t step = 1; step <= requests.size(); ++step) CHECK(answers_to(requests, step) == expected);
}

TEST_CASE("floor answers binary gets, sets and noops") {
  std::string get(24, '\0');
  get[0] = static_cast<char>(0x80);
  get[3] = 1;
  get[11] = 1;
  std::string noop(24, '\0');
  noop[0] = static_cast<char>(0x80);
  noop[1] = 0x0a;
  for (const std::size_t step : {1U, 7U, 24U, 100U}) {
    const std::string got = answers_to(get + "k" + noop, step);
    REQUIRE(got.size() == 24 + 4 + 3 + 24);
    CHECK(got[0] == static_cast<char>(0x81));
    CHECK(got.substr(28, 3) == "vvv");
    CHECK(got[31 + 1] == 0x0a);
  }
}

TEST_CASE("long runs and values that a socket does not take at once arrive whole") {
  const Answers answers(100'000);
  Batch batch(answers);
  batch.add(Answer::kTextHit, 30);
  batch.add(Answer::kTextStored, 2);
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  std::string unsent;
  REQUIRE(batch.send_to(ends[0], unsent));
  std::string got;
  std::array<char, 65536> buffer{};
  for (ssize_t n = 0; (n = recv(ends[1], buffer.data(), buffer.size(), 0)) > 0;) {
    got.append(buffer.data(), static_cast<std::size_t>(n));
  }
  got += unsent;
  const std::size_t one = std::string("VALUE key 0 100000\r\n").size() + 100'000 + 2 + 5;
  CHECK(got.size() == 30 * one + 2 * 8);
  CHECK(got.ends_with("END\r\nSTORED\r\nSTORED\r\n"));
  ::close(ends[0]);
  ::close(ends[1]);
}

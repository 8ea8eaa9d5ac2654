#include "server/net/inbox.h"

#include <poll.h>

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace lmc::net;

namespace {

bool readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

}  // namespace

TEST_CASE("messages come in order, all at once, and the bell rings only while some wait") {
  Inbox<int> inbox;
  std::vector<int> taken;
  CHECK_FALSE(readable(inbox.fd()));
  inbox.put(1);
  inbox.put(2);
  CHECK(readable(inbox.fd()));
  inbox.take(taken);
  CHECK(taken == std::vector{1, 2});
  CHECK_FALSE(readable(inbox.fd()));
  inbox.take(taken);
  CHECK(taken.empty());
}

TEST_CASE("no message of several threads is lost and no wake-up missed") {
  constexpr int kEach = 2000;
  Inbox<int> inbox;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&inbox] {
      for (int i = 0; i < kEach; ++i) inbox.put(i);
    });
  }
  std::size_t count = 0;
  std::vector<int> taken;
  while (count < 4 * kEach) {
    pollfd one{.fd = inbox.fd(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&one, 1, 10000) == 1);
    inbox.take(taken);
    count += taken.size();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 4 * kEach);
}

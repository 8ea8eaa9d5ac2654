#include "server/net/acceptor.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "live_server.h"
#include "server/net/event_loop.h"

using namespace lmc::net;
using namespace lmc::net::test;

TEST_CASE("a time without room for the next client is counted once, however often it is tried again") {
  const EventBase base = make_event_base();
  ConnectionCount connections(1);
  Log log;
  std::vector<Fd> accepted;
  Acceptor acceptor(base.get(), false, connections, log, [&accepted](Fd socket, const Endpoint&, const sockaddr_in6&) {
    accepted.push_back(std::move(socket));
  });
  std::vector<Endpoint> endpoints =
      open_tcp({.given = "127.0.0.1", .host = "127.0.0.1", .port = {}, .protocol = {}}, 0, 16);
  const std::uint16_t port = endpoints[0].port;
  acceptor.add(std::move(endpoints[0]));
  acceptor.start();

  const Client first(port);
  const Client second(port);
  const auto turn = [&base] { event_base_loop(base.get(), EVLOOP_ONCE); };
  for (int i = 0; i < 6; ++i) turn();  // first comes in, second does not; then the timer and the listener by turns
  CHECK(accepted.size() == 1);
  CHECK(acceptor.disabled() == 1);

  connections.leave();
  acceptor.room();
  while (accepted.size() < 2) turn();
  const Client third(port);
  while (acceptor.accepting()) turn();
  CHECK(acceptor.disabled() == 2);
}

// The fabric over kernel sockets, for machines without an RDMA device: the meaning of one-sided writes, by a reader on
// the other side that puts bytes where they belong. README.md has the wire format.
//
// A chain is one sendmsg, as long as the socket takes it; what it does not take waits without being copied. What has
// landed is told with the next chain, or by a frame of its own when a reading pass was followed by none.
//
// Threads: the reactor's. Errors: opening a link reports by on_down(); a socket that does not say a known ticket in
// time is closed. One that says another version is told this one's first, and `say` gets a line for the log, which
// strangers may cause as often as they like.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "replication/fabric/fabric.h"
#include "replication/fabric/fd.h"
#include "replication/fabric/reactor.h"
#include "replication/fabric/say_once.h"
#include "replication/fabric/waiting_links.h"

namespace lmc::replication {

struct TcpOptions {
  int type_of_service = 0;                               // IP_TOS and IPV6_TCLASS; 0: the system's
  std::chrono::milliseconds connect_timeout{2000};       // of connect and hello together
  std::chrono::milliseconds unacknowledged_limit{5000};  // TCP_USER_TIMEOUT
};

class TcpLink;
namespace tcp {
struct Hello;
}

class TcpFabric final : public Fabric {
 public:
  using Say = SayOnce::Say;
  // `say`: a line for the log. Which option of a socket the kernel does not take is said once, and links go on without.
  TcpFabric(Reactor& reactor, const TcpOptions& options = {}, const Say& say = {});
  ~TcpFabric() override;  // after its links

  [[nodiscard]] std::string_view name() const override { return "tcp"; }
  [[nodiscard]] FabricCounters counters() const override { return counters_; }
  void prepare(std::span<char>) override {}
  [[nodiscard]] std::unique_ptr<Link> accept(const LinkPlan& plan, LinkObserver& observer) override;
  [[nodiscard]] std::unique_ptr<Link> connect(std::string_view address, const LinkPlan& plan,
                                              LinkObserver& observer) override;
  // A socket that came and has said "LMCDATA1", non-blocking. So many at most may owe their ticket; more are closed.
  static constexpr std::size_t kMostGreeters = 64;
  void adopt(Fd socket);

 private:
  friend class TcpLink;
  class Greeter;  // an adopted socket that has not said its ticket
  [[nodiscard]] TcpLink* waiting_for(const tcp::Hello& hello) const;
  void greet(Greeter& greeter);
  void forget(Greeter& greeter);

  Reactor& reactor_;
  TcpOptions options_;
  Say say_;
  SayOnce say_once_;
  FabricCounters counters_;
  WaitingLinks<TcpLink> accepting_;
  std::map<Greeter*, std::unique_ptr<Greeter>> greeters_;
};

}  // namespace lmc::replication

// The replication listener: one address for what belongs to a group. By its first eight bytes a connection is a control
// connection ("LMCCTRL1"), which is handed out when it has proved to hold the group secret, or a data link of the tcp
// fabric ("LMCDATA1"), which is handed out at once: its ticket speaks for it. Anything else is closed.
//
// Threads: the reactor's. Limits: kMostUndecided connections that have not come so far, the oldest goes first, each for
// kHandshakeLimit from when it came; lines about them as LineLimit says. Without descriptors it pauses and goes on.
// Errors: the constructor throws std::runtime_error if the address is not to be had.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "replication/control/channel.h"
#include "replication/control/line_limit.h"

namespace lmc::replication {

class Listener {
 public:
  struct Receivers {
    // It must observe() the peer within the call, and may close() it there, but destroys it only later: the call is the
    // peer's own.
    std::function<void(std::unique_ptr<Peer>)> control;
    std::function<void(Fd)> data;
    std::function<void(const std::string&)> say;  // a line for the log
  };
  Listener(Reactor& reactor, const GroupSecret& secret, const std::string& address, Receivers receivers);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Where it listens, with the port that it got if 0 was asked for.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  class Guest;
  static constexpr std::size_t kMostUndecided = 128;
  void accept();
  void on_magic(Guest& guest, Fd socket, std::string_view magic);
  void leave(Guest& guest);
  void say(std::string line);

  Reactor& reactor_;
  const GroupSecret& secret_;
  Receivers receivers_;
  LineLimit lines_;
  std::string address_;
  Fd socket_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> again_;  // after descriptors ran out
  std::unique_ptr<Timer> bury_;
  std::list<std::unique_ptr<Guest>> guests_;
  std::list<std::unique_ptr<Guest>> gone_;  // to be destroyed outside of their own calls
};

}  // namespace lmc::replication

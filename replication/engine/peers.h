// Control connections, as the engine sees them: authenticated, ordered, whole messages (control/ makes them of TCP, the
// simulator of nothing).
//
// Threads: the replication thread's. An observer is never called from within a call of its own into its peer; after
// close(), or on_down(), never again. A Peer is destroyed only outside of its observer's calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace lmc::replication {

class PeerObserver {
 public:
  virtual ~PeerObserver() = default;
  virtual void on_up() = 0;  // of a connection made from here; one that came is up
  virtual void on_message(std::string_view message) = 0;
  // send() had said no, and what waited then has become much less.
  virtual void on_room() {}
  // `by_peer`: the other end is known to have closed it, in order or by ending. A reset is no such knowledge.
  virtual void on_down(std::string_view cause, bool by_peer) = 0;
};

class Peer {
 public:
  virtual ~Peer() = default;  // closes
  Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Who is told from now on.
  virtual void observe(PeerObserver& observer) = 0;
  // False: too much is waiting to be sent; the message is not.
  [[nodiscard]] virtual bool send(std::string_view message) = 0;
  virtual void close() = 0;
  [[nodiscard]] virtual std::string name() const = 0;  // for the log
};

class PeerNet {
 public:
  virtual ~PeerNet() = default;
  // Never fails at once: on_down() comes instead.
  [[nodiscard]] virtual std::unique_ptr<Peer> connect(const std::string& address, PeerObserver& observer) = 0;
};

}  // namespace lmc::replication

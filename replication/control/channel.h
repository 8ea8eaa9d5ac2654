// A control connection: whole messages over TCP, after a handshake, each under a tag. What the engine knows as Peer.
//
// Messages travel as frames (frame.h): what is altered, left out, repeated or taken from elsewhere ends the connection.
//
// Threads: the reactor's. Limits: a message kMaxMessageBytes; what waits to be sent kMaxQueuedBytes (send() says no,
// as it does before on_up(); on_room() comes when half of that has gone).
// Before the handshake is done a peer costs no more than a few hundred bytes and kHandshakeLimit of time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "replication/control/frame.h"
#include "replication/control/handshake.h"
#include "replication/engine/peers.h"
#include "replication/fabric/fd.h"
#include "replication/fabric/reactor.h"

namespace lmc::replication {

inline constexpr std::size_t kMaxQueuedBytes = std::size_t{8} << 20;
inline constexpr std::chrono::milliseconds kHandshakeLimit{5000};

class Channel final : public Peer {
 public:
  // To "host:port"; observer.on_up() when the handshake is done.
  Channel(Reactor& reactor, const GroupSecret& secret, const std::string& address, PeerObserver& observer);
  // Of a socket that came and has said the magic, non-blocking.
  Channel(Reactor& reactor, const GroupSecret& secret, Fd socket, std::string name, PeerObserver& observer);
  ~Channel() override;

  void observe(PeerObserver& observer) override { observer_ = &observer; }
  [[nodiscard]] bool send(std::string_view message) override;
  void close() override;
  [[nodiscard]] std::string name() const override { return name_; }

 private:
  enum class State { kConnecting, kShaking, kUp, kClosed };
  void connect();
  void begin();
  void on_ready(Readiness ready);
  void on_connected();
  void read();
  void shake(std::string_view bytes);
  void take_frames();
  void flush();
  void tell_room();
  [[nodiscard]] std::size_t queued_bytes() const { return out_.size() - sent_; }
  void fail(std::string cause, bool by_peer);
  void fail_by(int error);
  void report_failure();
  void drop();

  Reactor& reactor_;
  std::string name_;
  PeerObserver* observer_;
  Handshake handshake_;
  State state_;
  Fd socket_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timer_;  // of the handshake; then of a failure to be told
  std::optional<std::string> failure_;
  bool failed_by_peer_ = false;
  std::string out_;
  std::size_t sent_ = 0;               // bytes of out_
  std::size_t sent_at_once_ = 0;       // bytes of messages since the socket was last found writable
  bool room_wanted_ = false;           // a message was not taken
  std::optional<FrameWriter> writer_;  // from the handshake on, like reader_
  std::optional<FrameReader> reader_;
};

}  // namespace lmc::replication

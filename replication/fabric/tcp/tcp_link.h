// One link over a socket. Private to replication/fabric/tcp.
#pragma once

#include <memory>
#include <string>

#include "replication/fabric/fd.h"
#include "replication/fabric/tcp/chain_decoder.h"
#include "replication/fabric/tcp/frame_queue.h"
#include "replication/fabric/tcp/tcp_fabric.h"

namespace lmc::replication {

class TcpLink final : public Link {
 public:
  TcpLink(TcpFabric& fabric, const LinkPlan& plan, LinkObserver& observer);
  ~TcpLink() override;

  void connect(std::string_view address);
  // The accepting end: the peer has said hello with this link's ticket.
  void take(Fd socket);
  [[nodiscard]] const LinkPlan& plan() const { return plan_; }

  void post(std::span<const Write> chain) override;
  void revoke() override;
  void close() override;

 private:
  enum class State { kIdle, kConnecting, kGreeting, kUp, kClosed };
  void on_ready(Readiness ready);
  void on_connected();
  void read_hello();
  void come_up();
  void read();
  [[nodiscard]] ssize_t read_once(std::size_t most, bool& all);
  [[nodiscard]] std::string objection() const;
  void tell(bool honest, std::uint64_t landed_before);
  void queue(std::span<const Write> chain);
  // Counts its calls as `calls`. False: the socket is broken, and the link will be told so.
  bool flush(std::uint64_t& calls);
  bool acknowledge();
  void want();
  void fail(std::string cause);
  void report_failure();
  void drop();

  TcpFabric& fabric_;
  LinkPlan plan_;
  LinkObserver* observer_;
  State state_ = State::kIdle;
  Fd socket_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timer_;  // of connecting; then of a failure to be told
  std::string failure_;
  tcp::ChainDecoder decoder_;
  std::string hello_;  // received of it
  tcp::FrameQueue frames_;
  std::uint64_t posted_ = 0;       // chains
  std::uint64_t completed_ = 0;    // told to the observer
  std::uint64_t told_landed_ = 0;  // by the frame queued last
  bool waits_for_room_ = false;
};

}  // namespace lmc::replication

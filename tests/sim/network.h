// The simulated network: control connections and fabric links between hosts, with everything that goes wrong between
// machines. Hosts are named by their addresses; each has at most one living process.
//
//   delay      each message, write and completion takes its own time; order holds within a connection or link, as TCP
//              and RC queue pairs keep it, and between them not at all
//   speed      a link takes so many bytes in a time, and no more
//   cut        two hosts do not hear each other: nothing arrives, and after the fabric's limit links go down
//   end        a process ends: its memory is gone; peers learn of it soon
//   torn       what has landed of a chain is visible piece by piece while it lands, and may stay so when the link goes
//              down or a process ends: the writes before one, of that one some of its words, whichever, and nothing of
//              those behind it. (F1 promises a prefix of its bytes. The engine is not to lean on that: I9.)
//   late       a chain may be on its way for long, and lands unless its receiver has revoked the link
//
// Bytes are read from the sender's memory when they land, as a network card reads them: memory changed too early shows.
// It is a violation if something of a term lands where that term was fenced, and if more is given to a link or a
// control connection to be sent than what the engine promises to stay within.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "replication/engine/peers.h"
#include "replication/engine/shipper.h"
#include "replication/fabric/fabric.h"
#include "world.h"

namespace lmc::sim {

class Host;
class SimLink;
class SimPeer;

struct Weather {
  Micros delay{30};            // of a message or chain, usually
  Micros down_after{200'000};  // until a link notices that nothing arrives
  unsigned late = 5;           // chains in a thousand that are on their way for long
  // Chains that are given to a link and not completed; more are a violation.
  std::size_t most_in_flight = replication::Shipper::kMostInFlight;
  std::uint64_t speed = 0;  // of each link, bytes per millisecond; 0: no bytes take time
  bool any_order = false;   // in which the words of a write land; else from the first to the last
};

class Network {
 public:
  Network(World& world, Weather weather) : world_(world), weather_(weather) {}

  void attach(Host& host);
  void detach(Host& host);  // the process ends
  // `refused`: who asks for a connection is told at once that there is no way; else nobody answers.
  void cut(const std::string& a, const std::string& b, bool refused = false) { cuts_[pair_of(a, b)] = refused; }
  void mend(const std::string& a, const std::string& b) { cuts_.erase(pair_of(a, b)); }
  void mend_all() { cuts_.clear(); }
  [[nodiscard]] bool is_cut(const std::string& a, const std::string& b) const { return cuts_.contains(pair_of(a, b)); }
  [[nodiscard]] bool refuses(const std::string& a, const std::string& b) const {
    const auto at = cuts_.find(pair_of(a, b));
    return at != cuts_.end() && at->second;
  }
  // A link between these two goes down, though both live.
  void break_links(const std::string& a, const std::string& b);

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] const Weather& weather() const { return weather_; }
  [[nodiscard]] Host* find(const std::string& address) const;

 private:
  friend class SimLink;
  friend class SimPeer;
  static std::pair<std::string, std::string> pair_of(const std::string& a, const std::string& b) {
    return a < b ? std::pair(a, b) : std::pair(b, a);
  }
  World& world_;
  Weather weather_;
  std::map<std::string, Host*> hosts_;
  std::map<std::pair<std::string, std::string>, bool> cuts_;
};

// One process on the network.
class Host final : public replication::Fabric, public replication::PeerNet {
 public:
  // `on_peer`: a control connection came.
  Host(Network& network, Process& process, std::string address,
       std::function<void(std::unique_ptr<replication::Peer>)> on_peer);
  ~Host() override;  // as if the process ended

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] Network& network() { return network_; }

  // What this process posts from now on is of this term, in which it is primary.
  void lead(std::uint64_t term) { term_ = term; }
  [[nodiscard]] std::uint64_t term() const { return term_; }
  // It has fenced whatever is older: from now on nothing of it may land in its log or ledger (I7). Checked.
  void fence(std::uint64_t term) { fenced_ = std::max(fenced_, term); }
  [[nodiscard]] std::uint64_t fenced() const { return fenced_; }

  [[nodiscard]] std::string_view name() const override { return "sim"; }
  void prepare(std::span<char>) override {}
  [[nodiscard]] std::unique_ptr<replication::Link> accept(const replication::LinkPlan& plan,
                                                          replication::LinkObserver& observer) override;
  [[nodiscard]] std::unique_ptr<replication::Link> connect(std::string_view address, const replication::LinkPlan& plan,
                                                           replication::LinkObserver& observer) override;
  [[nodiscard]] std::unique_ptr<replication::Peer> connect(const std::string& address,
                                                           replication::PeerObserver& observer) override;

 private:
  friend class Network;
  friend class SimLink;
  friend class SimPeer;
  Network& network_;
  Process& process_;
  std::string address_;
  std::uint64_t term_ = 0;
  std::uint64_t fenced_ = 0;
  std::function<void(std::unique_ptr<replication::Peer>)> on_peer_;
  std::map<std::pair<replication::Ticket, replication::Traffic>, std::weak_ptr<struct LinkEnd>> accepting_;
  std::vector<std::weak_ptr<struct LinkEnd>> links_;
  std::vector<std::weak_ptr<struct PeerEnd>> peers_;
};

}  // namespace lmc::sim

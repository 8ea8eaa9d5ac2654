#include "network.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "replication/deliberate_bugs.h"

namespace lmc::sim {

using replication::kRegions;
using replication::Link;
using replication::LinkObserver;
using replication::LinkPlan;
using replication::Peer;
using replication::PeerObserver;
using replication::Write;

// --- links ---

constexpr std::size_t kWordBytes = 8;

// What has been posted and not landed: where each write's bytes are, and where they go.
struct Chain {
  std::vector<Write> writes;
  std::size_t write = 0;     // the next to land
  std::vector<bool> landed;  // of its words; empty: none
  TimePoint lands;           // not earlier
  std::uint64_t term = 0;    // of who posted it
  [[nodiscard]] std::size_t left() const { return writes.size() - write; }
};

// One end of a link. It outlives the Link that the engine holds, so that what is under way can find it.
struct LinkEnd : std::enable_shared_from_this<LinkEnd> {
  Host* host = nullptr;  // null: the process has ended
  std::string address;
  std::weak_ptr<LinkEnd> other;
  LinkObserver* observer = nullptr;  // null: closed
  replication::ExposedMemory exposed;
  bool up = false;
  bool down = false;   // nothing lands here, or from here, any more
  bool leaks = false;  // but for what was under way (kRevokeInVain)
  std::deque<Chain> posted;
  std::size_t outstanding = 0;    // chains posted and not reported completed
  TimePoint on_the_line_until{};  // by what was posted
  TimePoint last_completion{};
  bool landing = false;

  void post(std::span<const Write> writes);
  void land_next();
  // So many writes as a whole.
  void land(Chain& chain, std::size_t writes);
  // So many, fewer than are left, and some words of the one behind them.
  void land_torn(Chain& chain, std::size_t writes);
  void land_bytes(const Chain& chain, std::size_t from, std::size_t size) const;
  void land_word(const Chain& chain, std::size_t number) const;
  void check_fence(const Chain& chain, const Write& write) const;
  [[nodiscard]] bool takes() const { return !down || leaks; }
  bool allowed(const Write& write, const LinkEnd& at) const;
  // Of the chains posted some have landed, of the next one some writes, of the next of these some words; then nothing
  // more does.
  void tear();
  void go_down(std::string cause);
  void tell(Micros delay, std::function<void(LinkObserver&)> what);
};

namespace {

std::size_t bytes_of(const Chain& chain) {
  std::size_t bytes = 0;
  for (const Write& write : chain.writes) bytes += write.bytes.size();
  return bytes;
}

// As a card does: by words, so that who looks meanwhile sees some of them.
void copy_words(char* to, const char* from, std::size_t size) {
  std::size_t i = 0;
  const auto aligned = [&] {
    return (reinterpret_cast<std::uintptr_t>(to + i) | reinterpret_cast<std::uintptr_t>(from + i)) % 8 == 0;
  };
  for (; i + 8 <= size && aligned(); i += 8) {
    auto& source = *reinterpret_cast<std::uint64_t*>(const_cast<char*>(from + i));
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(to + i))
        .store(std::atomic_ref(source).load(std::memory_order_relaxed), std::memory_order_release);
  }
  for (; i < size; ++i) to[i] = from[i];
}

}  // namespace

void LinkEnd::tell(Micros delay, std::function<void(LinkObserver&)> what) {
  if (host == nullptr) return;
  host->process().after(delay, [self = shared_from_this(), what = std::move(what)] {
    if (self->observer != nullptr) what(*self->observer);
  });
}

bool LinkEnd::allowed(const Write& write, const LinkEnd& at) const {
  const std::span<char> region = at.exposed[static_cast<unsigned>(write.region)];
  return write.offset <= region.size() && write.bytes.size() <= region.size() - write.offset;
}

void LinkEnd::land_bytes(const Chain& chain, std::size_t from, std::size_t size) const {
  const auto peer = other.lock();
  const Write& write = chain.writes[chain.write];
  const std::span<char> region = peer->exposed[static_cast<unsigned>(write.region)];
  peer->check_fence(chain, write);
  copy_words(region.data() + write.offset + from, write.bytes.data() + from, size);
}

void LinkEnd::land_word(const Chain& chain, std::size_t number) const {
  const std::size_t from = number * kWordBytes;
  land_bytes(chain, from, std::min(kWordBytes, chain.writes[chain.write].bytes.size() - from));
}

void LinkEnd::land(Chain& chain, std::size_t writes) {
  for (; writes != 0; --writes) {
    const std::size_t size = chain.writes[chain.write].bytes.size();
    if (chain.landed.empty()) land_bytes(chain, 0, size);
    for (std::size_t i = 0; i < chain.landed.size(); ++i)
      if (!chain.landed[i]) land_word(chain, i);
    chain.landed.clear();
    ++chain.write;
  }
}

void LinkEnd::land_torn(Chain& chain, std::size_t writes) {
  land(chain, writes);
  World& world = host->network().world();
  const std::size_t size = chain.writes[chain.write].bytes.size();
  chain.landed.resize((size + kWordBytes - 1) / kWordBytes);
  enum : std::uint64_t { kFirst, kLast, kAny, kWays };
  const std::uint64_t which = host->network().weather().any_order ? world.pick(kWays) : std::uint64_t{kFirst};
  const std::size_t border = world.pick(chain.landed.size() + 1);
  const auto odds = static_cast<unsigned>(world.pick(1001));
  for (std::size_t i = 0; i < chain.landed.size(); ++i) {
    const bool lands = which == kFirst ? i < border : which == kLast ? i >= border : world.chance(odds);
    if (!lands || chain.landed[i]) continue;
    land_word(chain, i);
    chain.landed[i] = true;
  }
}

void LinkEnd::check_fence(const Chain& chain, const Write& write) const {
  if (write.region == replication::Region::kProgress || chain.term >= host->fenced()) return;
  host->network().world().fail("bytes of term " + std::to_string(chain.term) + " land at " + address +
                               ", which has fenced all before " + std::to_string(host->fenced()));
}

void LinkEnd::post(std::span<const Write> writes) {
  if (!up || down || writes.empty() || writes.size() > replication::kMaxChainWrites ||
      posted.size() >= replication::kMaxOutstandingChains)
    std::abort();
  World& world = host->network().world();
  const Weather& weather = host->network().weather();
  if (++outstanding > weather.most_in_flight) world.fail("a link's send queue grows: of " + address);
  Micros delay = world.delay(weather.delay);
  if (world.chance(weather.late)) delay += world.delay(weather.down_after / 4);
  posted.push_back({{writes.begin(), writes.end()}, 0, {}, {}, host->term()});
  const std::size_t bytes = bytes_of(posted.back());
  if (bytes > replication::kMaxChainBytes) std::abort();
  on_the_line_until = std::max(on_the_line_until, world.now());
  if (weather.speed != 0) on_the_line_until += Micros(static_cast<std::int64_t>(bytes * 1000 / weather.speed));
  posted.back().lands = on_the_line_until + delay;
  if (posted.size() == 1) world.at(posted.front().lands, [self = shared_from_this()] { self->land_next(); });
}

void LinkEnd::land_next() {
  const auto peer = other.lock();
  if (down || !peer || host == nullptr || peer->host == nullptr || posted.empty()) return;
  World& world = host->network().world();
  const auto again = [&](Micros delay) { world.after(delay, [self = shared_from_this()] { self->land_next(); }); };
  if (host->network().is_cut(address, peer->address)) return again(world.delay(1000us));
  if (world.now() < posted.front().lands)
    return again(std::chrono::duration_cast<Micros>(posted.front().lands - world.now()) + 1us);
  Chain& chain = posted.front();
  if (!peer->takes()) return;  // revoked or closed there: it lands nowhere
  if (!peer->up) return again(10us);
  for (const Write& write : chain.writes) {
    if (allowed(write, *peer)) continue;
    peer->go_down("a write outside of what is exposed");
    return go_down("a write was refused");
  }
  if (world.chance(300)) {
    land_torn(chain, world.pick(chain.left()));
    return again(Micros(static_cast<std::int64_t>(1 + world.pick(20))));
  }
  land(chain, chain.left());
  posted.pop_front();
  peer->tell(world.delay(5us), [](LinkObserver& it) { it.on_arrival(); });
  TimePoint completes = world.now() + world.delay(host->network().weather().delay);
  last_completion = completes = std::max(completes, last_completion);
  host->process().at(completes, [self = shared_from_this()] {
    --self->outstanding;
    if (self->observer != nullptr && !self->down) self->observer->on_completed(1);
  });
  if (!posted.empty()) again(1us);
}

void LinkEnd::tear() {
  const auto peer = other.lock();
  if (!down && host != nullptr && peer && peer->host != nullptr && peer->takes() && peer->up) {
    World& world = host->network().world();
    bool whole = true;
    for (Chain& chain : posted) {
      if (!whole) break;
      for (const Write& write : chain.writes) whole = whole && allowed(write, *peer);
      if (!whole) break;
      whole = world.chance(500);
      if (whole)
        land(chain, chain.left());
      else
        land_torn(chain, world.pick(chain.left()));
    }
  }
  posted.clear();
}

void LinkEnd::go_down(std::string cause) {
  if (down) return;
  tear();
  down = true;
  if (host == nullptr) return;
  tell(host->network().world().delay(50us), [self = this, cause](LinkObserver& it) {
    self->observer = nullptr;
    it.on_down(cause);
  });
}

class SimLink final : public Link {
 public:
  explicit SimLink(std::shared_ptr<LinkEnd> end) : end_(std::move(end)) {}
  ~SimLink() override { close(); }
  void post(std::span<const Write> chain) override {
    if (end_->down) return;  // it is going down: the observer will be told
    end_->post(chain);
  }
  // After this nothing lands here; what was posted from here may have.
  void revoke() override {
    end_->leaks = replication::deliberately(replication::Bug::kRevokeInVain);
    end_->exposed[static_cast<unsigned>(replication::Region::kProgress)] = {};  // it need not live longer
    close();
  }
  void close() override {
    end_->observer = nullptr;
    if (end_->down) return;
    const auto peer = end_->other.lock();
    end_->tear();
    end_->down = true;
    if (peer && peer->host != nullptr && end_->host != nullptr) {
      Network& network = peer->host->network();
      const bool cut = network.is_cut(end_->address, peer->address);
      network.world().after(cut ? network.weather().down_after : network.world().delay(network.weather().delay),
                            [peer] { peer->go_down("the other end closed it"); });
    }
  }

 private:
  std::shared_ptr<LinkEnd> end_;
};

// --- control connections ---

// What may wait in one, of the little that these groups hold.
constexpr std::size_t kMostWaitingBytes = std::size_t{64} << 10;

struct PeerEnd : std::enable_shared_from_this<PeerEnd> {
  Host* host = nullptr;
  std::string address;
  std::weak_ptr<PeerEnd> other;
  PeerObserver* observer = nullptr;
  bool closed = false;  // by us, or told so
  bool up = false;
  std::deque<std::string> unsent;  // while the way is cut
  std::size_t waiting = 0;         // bytes sent to here and not yet received, or unsent there
  TimePoint last_arrival{};

  void tell(TimePoint when, std::function<void(PeerObserver&)> what) {
    if (host == nullptr) return;
    host->process().at(when, [self = shared_from_this(), what = std::move(what)] {
      if (self->observer != nullptr && !self->closed) what(*self->observer);
    });
  }
  void go_down(TimePoint when, std::string cause, bool by_peer) {
    tell(when, [self = this, cause = std::move(cause), by_peer](PeerObserver& it) {
      self->closed = true;
      it.on_down(cause, by_peer);
    });
  }
};

class SimPeer final : public Peer {
 public:
  explicit SimPeer(std::shared_ptr<PeerEnd> end) : end_(std::move(end)) {}
  ~SimPeer() override { close(); }
  void observe(PeerObserver& observer) override { end_->observer = &observer; }
  bool send(std::string_view message) override {
    if (end_->closed) return true;
    deliver(end_, std::string(message));
    return true;
  }
  void close() override {
    end_->observer = nullptr;
    if (std::exchange(end_->closed, true)) return;
    const auto peer = end_->other.lock();
    if (!peer || peer->host == nullptr || end_->host == nullptr) return;
    deliver_close(end_, peer);
  }
  [[nodiscard]] std::string name() const override { return "sim"; }

  static void deliver(const std::shared_ptr<PeerEnd>& from, std::string message) {
    const auto peer = from->other.lock();
    if (!peer || peer->host == nullptr || from->host == nullptr) return;
    peer->waiting += message.size();
    if (peer->waiting > kMostWaitingBytes)
      peer->host->network().world().fail("a control connection's send queue grows: from " + from->address + " to " +
                                         peer->address);
    from->unsent.push_back(std::move(message));
    if (from->unsent.size() == 1) send_on(from);
  }
  // What is unsent, in its order.
  static void send_on(const std::shared_ptr<PeerEnd>& from) {
    const auto peer = from->other.lock();
    if (from->closed || !peer || peer->host == nullptr || from->host == nullptr) return from->unsent.clear();
    Network& network = from->host->network();
    World& world = network.world();
    if (network.is_cut(from->address, peer->address)) return world.after(2000us, [from] { send_on(from); });
    for (; !from->unsent.empty(); from->unsent.pop_front()) {
      peer->last_arrival = std::max(peer->last_arrival, world.now() + world.delay(network.weather().delay));
      peer->tell(peer->last_arrival, [peer, message = std::move(from->unsent.front())](PeerObserver& it) {
        peer->waiting -= message.size();
        it.on_message(message);
      });
    }
  }
  static void deliver_close(const std::shared_ptr<PeerEnd>& from, const std::shared_ptr<PeerEnd>& peer) {
    if (from->host == nullptr || peer->host == nullptr) return;
    Network& network = peer->host->network();
    World& world = network.world();
    if (network.is_cut(from->address, peer->address)) {
      world.after(5000us, [from, peer] { deliver_close(from, peer); });
      return;
    }
    peer->last_arrival = std::max(peer->last_arrival, world.now() + world.delay(network.weather().delay));
    peer->go_down(peer->last_arrival, "closed by the other end", true);
  }

 private:
  std::shared_ptr<PeerEnd> end_;
};

// --- hosts ---

Host::Host(Network& network, Process& process, std::string address, std::function<void(std::unique_ptr<Peer>)> on_peer)
    : network_(network), process_(process), address_(std::move(address)), on_peer_(std::move(on_peer)) {
  network_.attach(*this);
}

Host::~Host() {
  network_.detach(*this);
}

std::unique_ptr<Link> Host::accept(const LinkPlan& plan, LinkObserver& observer) {
  auto end = std::make_shared<LinkEnd>();
  end->host = this;
  end->address = address_;
  end->observer = &observer;
  end->exposed = plan.exposed;
  accepting_[{plan.ticket, plan.traffic}] = end;
  links_.push_back(end);
  return std::make_unique<SimLink>(end);
}

std::unique_ptr<Link> Host::connect(std::string_view address, const LinkPlan& plan, LinkObserver& observer) {
  auto end = std::make_shared<LinkEnd>();
  end->host = this;
  end->address = address_;
  end->observer = &observer;
  end->exposed = plan.exposed;
  links_.push_back(end);
  World& world = network_.world();
  world.after(world.delay(2 * network_.weather().delay),
              [&network = network_, end, to = std::string(address), wanted = std::pair(plan.ticket, plan.traffic)] {
                if (end->host == nullptr || end->observer == nullptr) return;
                Host* const peer = network.find(to);
                const auto found = peer == nullptr ? decltype(accepting_)::iterator{} : peer->accepting_.find(wanted);
                auto accepted = peer == nullptr || found == peer->accepting_.end() ? nullptr : found->second.lock();
                if (!accepted || accepted->observer == nullptr || network.is_cut(end->address, to))
                  return end->go_down("not accepted");
                peer->accepting_.erase(found);
                end->other = accepted;
                accepted->other = end;
                for (const auto& each : {end, accepted}) {
                  each->host->process().after(network.world().delay(20us), [each] {
                    if (each->observer == nullptr || each->down) return;
                    each->up = true;
                    each->observer->on_up();
                  });
                }
              });
  return std::make_unique<SimLink>(end);
}

std::unique_ptr<Peer> Host::connect(const std::string& address, PeerObserver& observer) {
  auto end = std::make_shared<PeerEnd>();
  end->host = this;
  end->address = address_;
  end->observer = &observer;
  peers_.push_back(end);
  World& world = network_.world();
  world.after(world.delay(2 * network_.weather().delay), [&network = network_, end, address] {
    if (end->host == nullptr || end->closed) return;
    Host* const peer = network.find(address);
    const TimePoint soon = network.world().now() + network.world().delay(50us);
    if (peer == nullptr) return end->go_down(soon, "connection refused", false);
    if (network.refuses(end->address, address)) return end->go_down(soon, "no way to there", false);
    if (network.is_cut(end->address, address))
      return end->go_down(soon + network.weather().down_after, "no answer", false);
    auto accepted = std::make_shared<PeerEnd>();
    accepted->host = peer;
    accepted->address = address;
    accepted->other = end;
    end->other = accepted;
    peer->peers_.push_back(accepted);
    peer->process().at(soon, [peer, accepted] {
      if (accepted->host == nullptr) return;
      accepted->up = true;
      peer->on_peer_(std::make_unique<SimPeer>(accepted));
    });
    end->last_arrival = soon;
    end->tell(soon, [](PeerObserver& it) { it.on_up(); });
  });
  return std::make_unique<SimPeer>(end);
}

void Network::attach(Host& host) {
  hosts_[host.address()] = &host;
}

void Network::detach(Host& host) {
  hosts_.erase(host.address());
  for (const auto& weak : host.links_) {
    const auto end = weak.lock();
    if (!end) continue;
    const auto peer = end->other.lock();
    end->tear();
    end->down = true;
    end->observer = nullptr;
    end->host = nullptr;
    if (peer && peer->host != nullptr)
      world_.after(is_cut(end->address, peer->address) ? weather_.down_after : world_.delay(weather_.delay),
                   [peer] { peer->go_down("reset"); });
  }
  for (const auto& weak : host.peers_) {
    const auto end = weak.lock();
    if (!end) continue;
    const bool was_closed = std::exchange(end->closed, true);
    end->observer = nullptr;
    const auto peer = end->other.lock();
    end->host = nullptr;
    if (was_closed || !peer || peer->host == nullptr) continue;
    if (is_cut(end->address, peer->address))
      peer->go_down(world_.now() + weather_.down_after, "no answer", false);
    else
      peer->go_down(std::max(peer->last_arrival, world_.now() + world_.delay(weather_.delay)), "reset", true);
  }
}

Host* Network::find(const std::string& address) const {
  const auto at = hosts_.find(address);
  return at == hosts_.end() ? nullptr : at->second;
}

void Network::break_links(const std::string& a, const std::string& b) {
  Host* const host = find(a);
  if (host == nullptr) return;
  for (const auto& weak : host->links_) {
    const auto end = weak.lock();
    const auto peer = end ? end->other.lock() : nullptr;
    if (!peer || peer->address != b || end->down) continue;
    end->go_down("broken");
    peer->go_down("broken");
  }
}

}  // namespace lmc::sim

// What a part of a node has around it, for tests: time that stands still until it is moved, connections and links of
// which the test is the other end.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "any_log.h"
#include "replication/engine/leader.h"
#include "replication/engine/surroundings.h"
#include "stepped_timers.h"

namespace lmc::replication::test {

class StillReactor final : public Reactor {
 public:
  std::unique_ptr<Watch> watch(int, std::function<void(Readiness)>) override { std::abort(); }
  std::unique_ptr<Timer> timer(std::function<void()> due) override { return timers_.timer(std::move(due)); }
  [[nodiscard]] TimePoint now() const override { return timers_.now(); }
  // What is due meanwhile is called at its time, in steps of a millisecond.
  void advance(std::chrono::milliseconds by) {
    timers_.call_due();
    for (const TimePoint end = now() + by; now() < end;) {
      timers_.move(std::chrono::milliseconds(1));
      timers_.call_due();
    }
  }

 private:
  lmc::test::SteppedTimers timers_{TimePoint{} + std::chrono::hours(1)};
};

// One end's connection, as the other end, which is the test, sees it.
struct Wire {
  std::string address;  // that was connected to; empty: it came
  PeerObserver* observer = nullptr;
  std::vector<std::string> said;
  bool closed = false;
  std::function<void()> on_close = [] {};

  template <class Message>
  void say(const Message& message) const {
    observer->on_message(encode_message(message));
  }
  // The last thing said is such a message.
  template <class Message>
  [[nodiscard]] std::optional<Message> last() const {
    return said.empty() ? std::nullopt : decode_message<Message>(said.back());
  }
};

class WirePeer final : public Peer {
 public:
  explicit WirePeer(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  ~WirePeer() override { close(); }
  void observe(PeerObserver& observer) override { wire_->observer = &observer; }
  bool send(std::string_view message) override {
    wire_->said.emplace_back(message);
    return true;
  }
  void close() override {
    if (std::exchange(wire_->closed, true)) return;
    wire_->on_close();
  }
  [[nodiscard]] std::string name() const override { return "wire"; }

 private:
  std::shared_ptr<Wire> wire_;
};

class Wires final : public PeerNet {
 public:
  std::unique_ptr<Peer> connect(const std::string& address, PeerObserver& observer) override {
    made.push_back(std::make_shared<Wire>());
    made.back()->address = address;
    made.back()->observer = &observer;
    return std::make_unique<WirePeer>(made.back());
  }
  // The latest that was made to there and lives.
  [[nodiscard]] std::shared_ptr<Wire> to(const std::string& address) const {
    for (auto wire = made.rbegin(); wire != made.rend(); ++wire)
      if ((*wire)->address == address && !(*wire)->closed) return *wire;
    return nullptr;
  }
  std::vector<std::shared_ptr<Wire>> made;
};

// A link of which the test is the other end.
struct Cable {
  LinkObserver* observer = nullptr;
  ExposedMemory exposed;
  std::size_t posted = 0;  // chains, not completed
  Report report;           // the last that was posted

  void complete() {
    while (posted != 0) {
      --posted;
      observer->on_completed(1);
    }
  }
  // As one-sidedly written by the peer.
  void write(const Report& told) const {
    const ReportBytes bytes = encode(told);
    std::memcpy(exposed[static_cast<unsigned>(Region::kProgress)].data(), bytes.data(), kReportBytes);
    observer->on_arrival();
  }
};

class Cables final : public Fabric {
 public:
  [[nodiscard]] std::string_view name() const override { return "cables"; }
  void prepare(std::span<char>) override {}
  std::unique_ptr<Link> accept(const LinkPlan& plan, LinkObserver& observer) override { return make(plan, observer); }
  std::unique_ptr<Link> connect(std::string_view, const LinkPlan& plan, LinkObserver& observer) override {
    return make(plan, observer);
  }
  std::vector<std::shared_ptr<Cable>> made;

 private:
  class CableLink final : public Link {
   public:
    explicit CableLink(std::shared_ptr<Cable> cable) : cable_(std::move(cable)) {}
    void post(std::span<const Write> chain) override {
      ++cable_->posted;
      for (const Write& write : chain) {
        if (write.region != Region::kProgress) continue;
        ReportBytes bytes{};
        std::memcpy(bytes.data(), write.bytes.data(), kReportBytes);
        cable_->report = read_report(bytes).value();
      }
    }
    void revoke() override {}
    void close() override {}

   private:
    std::shared_ptr<Cable> cable_;
  };
  std::unique_ptr<Link> make(const LinkPlan& plan, LinkObserver& observer) {
    made.push_back(std::make_shared<Cable>());
    made.back()->observer = &observer;
    made.back()->exposed = plan.exposed;
    return std::make_unique<CableLink>(made.back());
  }
};

// Has not answered yet, unless the test does it.
class SlowAuthority final : public Authority {
 public:
  void propose(const GroupView& next, Decided done) override {
    asked = next;
    decided = std::move(done);
  }
  GroupView asked;
  Decided decided;
};

struct StillWorld {
  StillReactor reactor;
  Cables fabric;
  Wires peers;
  AnyLog log;
  Graveyard graveyard{reactor};
  Serving serving;
  Settings settings;  // of a:1
  std::vector<std::string> lines;

  StillWorld() {
    settings.address = "a:1";
    settings.ring_slots = 256;
  }

  // Of what was said.
  [[nodiscard]] bool says(const std::string& part) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  [[nodiscard]] Surroundings surroundings() {
    return {reactor,
            fabric,
            peers,
            log,
            graveyard,
            serving,
            settings,
            [this](const std::string& line) { lines.push_back(line); },
            [] { return Ticket{}; }};
  }
};

}  // namespace lmc::replication::test

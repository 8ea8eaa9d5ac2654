// A client's conversation with an executor over a real store, without sockets: bytes in, bytes out.
//
// ask() does what a connection does: parses everything, runs it in batches, and asks reply sources until they are done
// or wait. The clock stands still unless advanced.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/executor.h"

namespace lmc::commands::test {

class FakeControl final : public ServerControl {
 public:
  void shutdown(Shutdown how) override { shutdowns.push_back(how); }
  void set_verbosity(unsigned level) override { verbosity_level = level; }
  [[nodiscard]] unsigned verbosity() const override { return verbosity_level; }
  [[nodiscard]] NetCounters net_counters() const override { return net; }
  void reset_net_counters() override { net.bytes_read = 0; }
  void visit_connections(const std::function<void(const ConnectionInfo&)>& visit) override {
    for (const ConnectionInfo& connection : connections) visit(connection);
  }
  void wake(ConnectionId connection) override { woken.push_back(connection); }
  void shift_clock(std::int64_t seconds) override {
    time.value = static_cast<std::uint32_t>(std::int64_t{time.value} + seconds);
  }
  void pause_clock(bool paused) override { clock_paused = paused; }
  [[nodiscard]] store::UnixSeconds now() const override { return time; }
  [[nodiscard]] store::UnixSeconds started() const override { return start; }

  store::UnixSeconds start{1'800'000'000};
  store::UnixSeconds time{1'800'000'100};
  NetCounters net;
  std::vector<ConnectionInfo> connections;
  std::vector<Shutdown> shutdowns;
  std::vector<ConnectionId> woken;
  unsigned verbosity_level = 0;
  bool clock_paused = false;
};

// A process with one worker. Change `settings` before the first conversation.
class Process {
 public:
  explicit Process(store::StoreOptions options = small_store());
  static store::StoreOptions small_store();

  FakeControl control;
  Settings settings;
  CounterBoard counters{1};
  WatchHub watch{control, 64 << 10};
  EvictionWatch evictions{watch};
  store::Store store;
  store::Session session;
  BlockPool blocks;

 private:
  store::StoreOptions observed(store::StoreOptions options);  // ... by `evictions`
};

class Conversation {
 public:
  explicit Conversation(Process& process);

  // Everything answered to `bytes`, text or binary by their first byte.
  std::string ask(std::string_view bytes);
  // What the reply source, which waits, has now.
  std::string more();

  [[nodiscard]] Client& client() { return client_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool has_source() const { return client_.source != nullptr; }
  void advance(std::uint32_t seconds) { process_.control.time.value += seconds; }

 private:
  void run(std::vector<protocol::Request>& batch);
  void run_source();
  std::string take_replies();

  Process& process_;
  Executor executor_;
  Client client_;
  ReplyQueue replies_;
  bool closed_ = false;
};

// --- binary ---

struct Packet {
  std::uint8_t opcode = 0;
  std::string key;
  std::string extras;
  std::string value;
  std::uint64_t cas = 0;
  std::uint16_t status = 0;  // of a reply
};

[[nodiscard]] std::string request_bytes(const Packet& packet);
[[nodiscard]] std::vector<Packet> read_replies(std::string_view bytes);
[[nodiscard]] std::string be32(std::uint32_t value);
[[nodiscard]] std::string be64(std::uint64_t value);

// The value of a row of a stats reply; "(missing)" if it has none of that name.
[[nodiscard]] std::string stat(std::string_view reply, std::string_view name);

}  // namespace lmc::commands::test

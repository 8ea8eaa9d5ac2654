// What commands may ask of the process and the network around them. Implemented by server/net; tests implement it too.
//
// Threads: every method may be called from any worker.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/store/types.h"

namespace lmc::commands {

// Names a connection for as long as the process lives; never reused.
struct ConnectionId {
  std::uint64_t value = 0;
  auto operator<=>(const ConnectionId&) const = default;
};

// One row of `stats conns`.
struct ConnectionInfo {
  int fd = -1;
  std::string address;  // "tcp:127.0.0.1:4711", "unix:/path", "udp:..."
  std::string listen_address;
  std::string_view state;  // conn_listening, conn_read, ...
  std::uint32_t idle_seconds = 0;
};

struct NetCounters {
  std::uint64_t curr_connections = 0;
  std::uint64_t total_connections = 0;
  std::uint64_t rejected_connections = 0;
  std::uint64_t connection_structures = 0;
  std::uint64_t listen_disabled = 0;
  std::uint64_t yields = 0;
  std::uint64_t idle_kicks = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t listen_disabled_us = 0;  // time spent not accepting
  std::uint64_t reserved_fds = 0;        // descriptors that are not for clients
  std::uint64_t read_buffers = 0;        // held by connections or spare
  std::uint64_t read_buffer_bytes = 0;
  std::uint64_t read_buffer_bytes_free = 0;  // ... of which spare
  std::uint64_t reply_blocks = 0;            // as read buffers
  std::uint64_t reply_block_bytes = 0;
  bool accepting = true;
};

enum class Shutdown : std::uint8_t { kNow, kGraceful };

class ServerControl {
 public:
  virtual ~ServerControl() = default;
  virtual void shutdown(Shutdown how) = 0;
  virtual void set_verbosity(unsigned level) = 0;
  [[nodiscard]] virtual unsigned verbosity() const = 0;
  [[nodiscard]] virtual NetCounters net_counters() const = 0;
  virtual void reset_net_counters() = 0;
  virtual void visit_connections(const std::function<void(const ConnectionInfo&)>& visit) = 0;
  // The connection's ReplySource, which said kWait, has something now.
  virtual void wake(ConnectionId connection) = 0;
  // debugtime: moves the clock of the whole server; paused: it stands still until resumed.
  virtual void shift_clock(std::int64_t seconds) = 0;
  virtual void pause_clock(bool paused) = 0;
  // `stats replication`; nothing if this server is not replicated.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> replication_status() const { return {}; }
  [[nodiscard]] virtual store::UnixSeconds now() const = 0;
  [[nodiscard]] virtual store::UnixSeconds started() const = 0;
};

}  // namespace lmc::commands

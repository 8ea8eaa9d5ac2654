// What a worker tells of its connections: to the log, to watchers, to `stats conns`.

#include <string>

#include "server/net/worker.h"
#include "server/net/worker_entry.h"

namespace lmc::net {
namespace {

std::string_view state_name(ConnectionState state) {
  switch (state) {
    case ConnectionState::kReading:
      return "conn_read";
    case ConnectionState::kSwallowing:
      return "conn_swallow";
    case ConnectionState::kStreaming:
      return "conn_mwrite";
    case ConnectionState::kWaiting:
      return "conn_watch";
    case ConnectionState::kForwarding:
      return "conn_waiting";
    case ConnectionState::kDraining:
      return "conn_closing";
    case ConnectionState::kClosed:
      return "conn_closed";
  }
  return "";
}

std::string peer_text(const sockaddr_in6& peer, const Endpoint& listener) {
  if (listener.transport == Transport::kUnix) return listener.address;
  return address_text(storage_of(peer), listener.transport);
}

}  // namespace

void Worker::announce(const Entry& entry) const {
  if (around_.log.enabled(LogLevel::kConnections)) {
    around_.log.about(LogLevel::kConnections, entry.connection.fd(),
                      "new client connection from " + peer_text(entry.peer, entry.listener));
  }
  if (!around_.shared.watch.wants(commands::WatchKind::kConnections)) return;
  const std::string host = entry.host();
  around_.shared.watch.publish_connection_new(entry.event(host));
}

void Worker::announce_end(const Entry& entry, std::string_view reason) const {
  if (around_.log.enabled(LogLevel::kConnections)) {
    around_.log.about(LogLevel::kConnections, entry.connection.fd(), std::string("connection closed: ").append(reason));
  }
  if (!around_.shared.watch.wants(commands::WatchKind::kConnections)) return;
  const std::string host = entry.host();
  around_.shared.watch.publish_connection_close(entry.event(host), reason);
}

void Worker::visit_connections(const std::function<void(const commands::ConnectionInfo&)>& visit) {
  const std::uint32_t now = around_.clock.now().value;
  const auto idle = [now](store::UnixSeconds last) { return now > last.value ? now - last.value : 0; };
  for (const auto& datagrams : datagram_sockets_) {
    visit({.fd = datagrams->socket.fd(),
           .address = datagrams->socket.address(),
           .listen_address = {},
           .state = "conn_read",
           .idle_seconds = idle(datagrams->socket.last_request())});
  }
  const std::lock_guard lock(entries_mutex_);
  for (const auto& entry : entries_) {
    visit({.fd = entry->connection.fd(),
           .address = peer_text(entry->peer, entry->listener),
           .listen_address = entry->listener.address,
           .state = state_name(entry->connection.state()),
           .idle_seconds = idle(entry->connection.last_request())});
  }
}

}  // namespace lmc::net

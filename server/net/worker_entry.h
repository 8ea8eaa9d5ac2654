// What a worker keeps of each connection and each datagram socket; for the files of Worker only.
#pragma once

#include <cstring>
#include <string>
#include <utility>

#include "server/net/worker.h"

namespace lmc::net {

inline sockaddr_storage storage_of(const sockaddr_in6& peer) {
  sockaddr_storage storage{};
  std::memcpy(&storage, &peer, sizeof(peer));
  return storage;
}

// A connection with its events and its place in the worker's lists.
struct Worker::Entry {
  Entry(Worker& owner, NewConnection&& accepted)
      : worker(owner),
        listener(*accepted.listener),
        peer(accepted.peer),
        connection(std::move(accepted.socket), accepted.id, accepted.listener->protocol, owner.reply_blocks_) {}

  [[nodiscard]] std::string host() const {
    return listener.transport == Transport::kUnix ? "unix" : host_text(storage_of(peer));
  }
  // `host` has to outlive it.
  [[nodiscard]] commands::ConnectionEvent event(const std::string& host) const {
    return {.remote_address = host,
            .remote_port = port_of(storage_of(peer)),
            .transport = listener.transport == Transport::kUnix ? "local" : "tcp",
            .fd = connection.fd()};
  }

  Worker& worker;
  const Endpoint& listener;
  const sockaddr_in6 peer;
  Connection connection;
  Event read_event;
  Event write_event;
  std::size_t place = 0;      // in entries_
  bool readable = false;      // its socket has something
  bool queued = false;        // is in ready_
  bool touched = false;       // is in touched_
  bool waiting = false;       // is in waiting_
  bool without_room = false;  // is in without_room_
  bool held = false;          // is in held_
  bool unexecuted = false;    // has complete requests that wait for their turn
};

struct Worker::Datagrams {
  Datagrams(Worker& owner, Endpoint endpoint, commands::ConnectionId id)
      : worker(owner), socket(std::move(endpoint), id, owner.around_.clock.now()) {}
  Worker& worker;
  DatagramSocket socket;
  Event read_event;
};

}  // namespace lmc::net

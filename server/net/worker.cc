#include "server/net/worker.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace lmc::net {
namespace {

// One read more when the first filled its block: the rest of a large value is usually there already.
constexpr int kReadsPerVisit = 2;

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
    case ConnectionState::kDraining:
      return "conn_closing";
    case ConnectionState::kClosed:
      return "conn_closed";
  }
  return "";
}

sockaddr_storage storage_of(const sockaddr_in6& peer) {
  sockaddr_storage storage{};
  std::memcpy(&storage, &peer, sizeof(peer));
  return storage;
}

std::string peer_text(const sockaddr_in6& peer, const Endpoint& listener) {
  if (listener.transport == Transport::kUnix) return listener.address;
  return address_text(storage_of(peer), listener.transport);
}

}  // namespace

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
  std::size_t place = 0;    // in entries_
  bool readable = false;    // its socket has something
  bool queued = false;      // is in ready_
  bool touched = false;     // is in touched_
  bool waiting = false;     // is in waiting_
  bool unexecuted = false;  // has complete requests that wait for their turn
};

struct Worker::Datagrams {
  Datagrams(Worker& owner, Endpoint endpoint, commands::ConnectionId id)
      : worker(owner), socket(std::move(endpoint), id, owner.around_.clock.now()) {}
  Worker& worker;
  DatagramSocket socket;
  Event read_event;
};

Worker::Worker(const WorkerSurroundings& surroundings, unsigned index, std::vector<Endpoint> datagram_endpoints)
    : around_(surroundings),
      index_(index),
      base_(make_event_base()),
      session_(around_.shared.store),
      executor_(around_.shared, session_, index),
      input_blocks_(around_.staging),
      bench_{.sockets = around_.sockets,
             .executor = executor_,
             .reply_blocks = reply_blocks_,
             .input_blocks = input_blocks_,
             .traffic = traffic_,
             .log = around_.log,
             .max_requests_per_event = around_.shared.settings.max_requests_per_event,
             .limits = {.max_value_bytes = around_.shared.settings.max_item_bytes},
             .now = {},
             .requests = {},
             .ends = {},
             .iovecs = {}} {
  inbox_event_.assign(
      base_.get(), inbox_.fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* worker) { static_cast<Worker*>(worker)->messages_waiting_ = true; }, this);
  inbox_event_.start();
  for (Endpoint& endpoint : datagram_endpoints) {
    auto& socket = *datagram_sockets_.emplace_back(
        std::make_unique<Datagrams>(*this, std::move(endpoint), commands::ConnectionId{}));
    socket.read_event.assign(
        base_.get(), socket.socket.fd(), EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* ready) {
          auto* datagrams = static_cast<Datagrams*>(ready);
          datagrams->worker.ready_datagrams_.push_back(datagrams);
        },
        &socket);
    socket.read_event.start();
  }
  if (around_.shared.settings.idle_timeout_s > 0) {
    const timeval every_second{.tv_sec = 1, .tv_usec = 0};
    sweep_event_.assign(
        base_.get(), -1, EV_PERSIST,
        [](evutil_socket_t, short, void* worker) { static_cast<Worker*>(worker)->sweep_due_ = true; }, this);
    sweep_event_.start(&every_second);
  }
}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  stop();
  join();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("lmc-worker-" + std::to_string(index_)).c_str());
    loop();
  });
}

void Worker::adopt(NewConnection connection) {
  inbox_.put(std::move(connection));
}
void Worker::wake(commands::ConnectionId connection) {
  inbox_.put(Wake{connection});
}
void Worker::reset_connections() {
  inbox_.put(Reset{});
}
void Worker::stop() {
  inbox_.put(Stop{});
}

void Worker::loop() {
  while (!stopping_) {
    collect();
    turn();
    if (sweep_due_) sweep_idle();
  }
  close_all("shutdown");
}

// Fills ready_ and ready_datagrams_.
void Worker::collect() {
  for (Entry* entry : again_) make_ready(*entry);
  again_.clear();
  event_base_loop(base_.get(), ready_.empty() ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  if (std::exchange(messages_waiting_, false)) read_messages();
}

void Worker::turn() {
  if (ready_.empty() && ready_datagrams_.empty()) return;
  bench_.now = around_.clock.now();
  session_.begin_turn(bench_.now);

  for (std::size_t i = 0; i < ready_.size(); ++i) {  // serve() may append
    if (ready_[i] == nullptr) continue;
    serve(*ready_[i], i + 1 < ready_.size());
    if (unsent_bytes_ >= kFlushSliceBytes) flush();
  }
  ready_.clear();
  for (Datagrams* datagrams : ready_datagrams_) datagrams->socket.receive(bench_);

  flush();
  for (Datagrams* datagrams : ready_datagrams_) datagrams->socket.flush(bench_);
  ready_datagrams_.clear();

  session_.end_turn();
}

void Worker::serve(Entry& entry, bool others_wait) {
  Connection& connection = entry.connection;
  entry.queued = false;
  bool may_read = std::exchange(entry.readable, false) && !entry.unexecuted;
  Progress progress = Progress::kNeedsInput;
  for (int reads = 0; reads < kReadsPerVisit; ++reads) {
    const Received received = may_read ? connection.receive(bench_) : Received::kNothing;
    progress = connection.execute(bench_, others_wait);
    if (received != Received::kFull || progress != Progress::kNeedsInput) break;
  }
  entry.unexecuted = progress == Progress::kYielded || progress == Progress::kBacklogged;
  if (progress == Progress::kYielded) make_ready(entry);
  if (!std::exchange(entry.touched, true)) touched_.push_back(&entry);
  unsent_bytes_ += connection.unsent_bytes();
}

void Worker::flush() {
  for (Entry* entry : touched_) finish(*entry);
  touched_.clear();
  unsent_bytes_ = 0;
}

// Sends what there is to send, and settles what the connection waits for next.
void Worker::finish(Entry& entry) {
  Connection& connection = entry.connection;
  entry.touched = false;
  const Flushed flushed = connection.state() == ConnectionState::kClosed ? Flushed::kAll : connection.flush(bench_);
  const ConnectionState state = connection.state();
  if (state == ConnectionState::kClosed) return close(entry, connection.close_reason());

  if (flushed == Flushed::kBlocked) {
    entry.write_event.start();
  } else {
    entry.write_event.stop();
    const bool more = flushed == Flushed::kPaused || state == ConnectionState::kStreaming || entry.unexecuted;
    if (more && !entry.queued) again_.push_back(&entry);
  }
  if (state == ConnectionState::kWaiting && !std::exchange(entry.waiting, true)) waiting_.push_back(&entry);
  if (connection.wants_input()) {
    entry.read_event.start();
  } else {
    entry.read_event.stop();
  }
}

void Worker::make_ready(Entry& entry) {
  if (!std::exchange(entry.queued, true)) ready_.push_back(&entry);
}

void Worker::on_readable(evutil_socket_t, short, void* entry) {
  auto& readable = *static_cast<Entry*>(entry);
  readable.readable = true;
  readable.worker.make_ready(readable);
}

void Worker::on_writable(evutil_socket_t, short, void* entry) {
  auto& writable = *static_cast<Entry*>(entry);
  writable.worker.make_ready(writable);
}

void Worker::read_messages() {
  inbox_.take(messages_);
  for (Message& message : messages_) {
    if (auto* accepted = std::get_if<NewConnection>(&message)) {
      open(std::move(*accepted));
    } else if (const auto* wake = std::get_if<Wake>(&message)) {
      wake_source(wake->connection);
    } else if (std::holds_alternative<Reset>(message)) {
      for (const auto& entry : entries_) set_reset_on_close(entry->connection.fd());
      close_all("normal");
    } else {
      stopping_ = true;
    }
  }
  messages_.clear();
}

void Worker::wake_source(commands::ConnectionId id) {
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [id](const Entry* entry) { return entry->connection.id() == id; });
  if (found == waiting_.end()) return;  // already awake, or gone
  Entry& entry = **found;
  waiting_.erase(found);
  entry.waiting = false;
  entry.connection.wake();
  make_ready(entry);
}

void Worker::open(NewConnection accepted) {
  auto entry = std::make_unique<Entry>(*this, std::move(accepted));
  Entry& opened = *entry;
  opened.connection.set_last_request(around_.clock.now());
  opened.read_event.assign(base_.get(), opened.connection.fd(), EV_READ | EV_PERSIST, on_readable, &opened);
  opened.write_event.assign(base_.get(), opened.connection.fd(), EV_WRITE | EV_PERSIST, on_writable, &opened);
  opened.read_event.start();
  {
    const std::lock_guard lock(entries_mutex_);
    opened.place = entries_.size();
    entries_.push_back(std::move(entry));
  }
  announce(opened);
}

void Worker::close(Entry& entry, std::string_view reason) {
  announce_end(entry, reason);
  if (entry.waiting) std::erase(waiting_, &entry);
  if (entry.queued) std::replace(ready_.begin(), ready_.end(), &entry, static_cast<Entry*>(nullptr));
  entry.connection.close(bench_);
  entry.read_event.stop();
  entry.write_event.stop();
  std::unique_ptr<Entry> closed;
  {
    const std::lock_guard lock(entries_mutex_);
    std::swap(entries_[entry.place], entries_.back());
    entries_[entry.place]->place = entry.place;
    closed = std::move(entries_.back());
    entries_.pop_back();
  }
  closed.reset();
  around_.connections.leave();
}

// Between turns.
void Worker::close_all(std::string_view reason) {
  for (Entry* entry : ready_) entry->queued = false;
  ready_.clear();
  again_.clear();
  while (!entries_.empty()) close(*entries_.back(), reason);
}

void Worker::sweep_idle() {
  sweep_due_ = false;
  const std::uint32_t now = around_.clock.now().value;
  const std::uint32_t limit = around_.shared.settings.idle_timeout_s;
  for (std::size_t i = entries_.size(); i-- > 0;) {
    Entry& entry = *entries_[i];
    if (entry.listener.transport == Transport::kUnix) continue;  // as in memcached: local clients may sleep
    const std::uint32_t last = entry.connection.last_request().value;
    if (!entry.connection.idle() || entry.unexecuted || now <= last || now - last <= limit) continue;
    traffic_.idle_kicks.add(1);
    close(entry, "idle_timeout");
  }
}

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

#include "server/net/worker.h"

#include <pthread.h>

#include <algorithm>
#include <string>
#include <utility>

#include "server/net/worker_entry.h"

namespace lmc::net {
namespace {

// One read more when the first filled its block: the rest of a large value is usually there already.
constexpr int kReadsPerVisit = 2;

}  // namespace

Worker::Worker(const WorkerSurroundings& surroundings, unsigned index, std::vector<Endpoint> datagram_endpoints)
    : around_(surroundings),
      index_(index),
      base_(make_event_base()),
      session_(around_.shared.store),
      executor_(around_.shared, session_, index),
      input_blocks_(around_.staging),
      bench_{.sockets = around_.sockets,
             .executor = executor_,
             .session = session_,
             .reply_blocks = reply_blocks_,
             .input_blocks = input_blocks_,
             .traffic = traffic_,
             .log = around_.log,
             .max_requests_per_event = around_.shared.settings.max_requests_per_event,
             .limits = {.max_value_bytes = around_.shared.settings.max_item_bytes},
             .now = {},
             .replicator = around_.replicator,
             .forwarding = nullptr,
             .latest_dependency = {},
             .requests = {},
             .ends = {},
             .iovecs = {}} {
  if (around_.replicator != nullptr) bench_.forwarding = &forwarding_.emplace(*around_.replicator, index);
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
// Who is handed over behind the message finds the flag.
void Worker::serve_clients(bool serve) {
  serves_clients_.store(serve, std::memory_order_relaxed);
  if (!serve) inbox_.put(Reset{});
}
void Worker::look_again() {
  inbox_.put(LookAgain{});
}
void Worker::forwarded(ForwardAnswer answer) {
  inbox_.put(std::move(answer));
}
void Worker::execute_forwarded(ForwardBatch batch) {
  inbox_.put(std::move(batch));
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
  const bool idle = ready_.empty() && !look_again_;
  event_base_loop(base_.get(), idle ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  if (std::exchange(messages_waiting_, false)) read_messages();
}

void Worker::turn() {
  if (ready_.empty() && ready_datagrams_.empty() && !look_again_) return;
  const bool replicated = around_.replicator != nullptr;
  bench_.now = around_.clock.now();
  if (replicated) begin_replicated_turn();
  session_.begin_turn(bench_.now);

  for (std::size_t i = 0; i < ready_.size(); ++i) {  // serve() may append
    if (ready_[i] == nullptr) continue;
    serve(*ready_[i], i + 1 < ready_.size());
    if (unsent_bytes_ >= kFlushSliceBytes) flush();
  }
  ready_.clear();
  for (Datagrams* datagrams : ready_datagrams_) datagrams->socket.receive(bench_);
  ready_datagrams_.clear();
  if (replicated) remote_.execute(bench_);

  flush();
  for (const auto& datagrams : datagram_sockets_) datagrams->socket.flush(bench_);

  session_.end_turn();
  if (replicated) end_replicated_turn();
}

void Worker::serve(Entry& entry, bool others_wait) {
  Connection& connection = entry.connection;
  entry.queued = false;
  bool may_read = std::exchange(entry.readable, false) && !entry.unexecuted;
  Progress progress = Progress::kNeedsInput;
  for (int reads = 0; reads < kReadsPerVisit; ++reads) {
    const Received received = may_read ? connection.receive(bench_) : Received::kNothing;
    if (received != Received::kNothing && around_.replicator != nullptr) around_.replicator->catch_up();
    progress = connection.execute(bench_, others_wait);
    if (received != Received::kFull || progress != Progress::kNeedsInput) break;
  }
  entry.unexecuted = progress == Progress::kYielded || progress == Progress::kBacklogged;
  if (progress == Progress::kYielded) make_ready(entry);
  if (!std::exchange(entry.touched, true)) touched_.push_back(&entry);
  unsent_bytes_ += connection.unsent_bytes();
}

void Worker::flush() {
  if (around_.replicator != nullptr) tell_appended();
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
    const bool executes = flushed != Flushed::kHeld || connection.unsent_bytes() < kReplyBacklogBytes;
    const bool streams = state == ConnectionState::kStreaming && flushed != Flushed::kHeld;
    const bool more = flushed == Flushed::kPaused || streams || (entry.unexecuted && executes);
    if (more && !entry.queued) again_.push_back(&entry);
  }
  if (connection.uncommitted()) hold(entry);
  if (state == ConnectionState::kForwarding) await_primary(entry);
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
    } else if (std::holds_alternative<LookAgain>(message)) {
      look_again_ = true;
    } else if (auto* batch = std::get_if<ForwardBatch>(&message)) {
      remote_.add(std::move(*batch));
      look_again_ = true;
    } else if (const auto* answer = std::get_if<ForwardAnswer>(&message)) {
      take_answer(*answer);
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
  if (!serves_clients_.load(std::memory_order_relaxed)) {
    set_reset_on_close(accepted.socket.get());
    return around_.connections.leave();
  }
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
  if (entry.held) std::erase(held_, &entry);
  if (entry.without_room) leave_without_room(entry);
  if (!forwarded_.empty()) forwarded_.erase(entry.connection.id().value);
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

}  // namespace lmc::net

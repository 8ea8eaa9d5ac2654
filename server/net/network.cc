#include "server/net/network.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "server/commands/counters.h"
#include "server/net/port_file.h"

namespace lmc::net {
namespace {

using commands::NetCounters;
using commands::Shutdown;

constexpr std::uint64_t kMinStagingBytes = std::uint64_t{64} << 20;
constexpr unsigned kWorkerBits = 8;  // of a ConnectionId: which worker has it
static_assert(commands::kMaxWorkers <= 1U << kWorkerBits);

// Enough for some requests of the largest size at the same time, unless the operator says (-o read_buf_mem_limit).
std::uint64_t staging_limit(const commands::Settings& settings) {
  if (settings.read_buffer_limit_bytes > 0) return settings.read_buffer_limit_bytes;
  return std::max({kMinStagingBytes, settings.memory_limit_bytes / 4, 2 * settings.max_item_bytes});
}

// As in memcached, the limit of -c covers the server's own listening socket and one spare.
std::uint64_t connection_limit(const commands::Settings& settings) {
  return settings.max_connections > 3 ? settings.max_connections - 2 : 1;
}

// Threads made while it lives get no signals: those are the main thread's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Network::Network(commands::Settings& settings, Clock& clock, Log& log)
    : settings_(settings),
      clock_(clock),
      log_(log),
      staging_(staging_limit(settings)),
      connections_(connection_limit(settings)),
      base_(make_event_base()),
      acceptor_(base_.get(), settings.max_connections_fast, connections_, log,
                [this](Fd socket, const Endpoint& listener, const sockaddr_in6& peer) {
                  hand_over(std::move(socket), listener, peer);
                }),
      datagram_endpoints_(settings.worker_threads) {
  inbox_event_.assign(
      base_.get(), inbox_.fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* network) { static_cast<Network*>(network)->read_messages(); }, this);
  inbox_event_.start();
  connections_.set_on_room([this] { inbox_.put(Room{}); });
}

Network::~Network() {
  stop();
}

void Network::listen(const ListenPlan& plan) {
  // Before anybody can connect, so that a signal that comes while the store opens ends the process in order.
  constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGUSR1, SIGHUP};
  for (std::size_t i = 0; i < kSignals.size(); ++i) watch_signal(signal_events_[i], kSignals[i]);
  const auto add = [this](Endpoint endpoint) {
    if (endpoint.protocol == commands::ProtocolChoice::kNegotiate) endpoint.protocol = settings_.protocol;
    log_.about(LogLevel::kConnections, endpoint.socket.get(), "server listening on " + endpoint.address);
    acceptor_.add(std::move(endpoint));
  };
  std::vector<const Endpoint*> with_ports;
  if (!plan.unix_socket_path.empty()) {
    add(open_unix(plan.unix_socket_path, settings_.unix_socket_mask, settings_.listen_backlog));
    return;
  }
  for (const ListenAddress& address : plan.addresses) {
    if (plan.tcp_port.has_value()) {
      for (Endpoint& endpoint : open_tcp(address, *plan.tcp_port, settings_.listen_backlog)) add(std::move(endpoint));
    }
    if (!plan.udp_port.has_value()) continue;
    for (std::vector<Endpoint>& copies : open_udp(address, *plan.udp_port, settings_.worker_threads)) {
      for (std::size_t i = 0; i < copies.size(); ++i) {
        if (!address.protocol.has_value()) copies[i].protocol = settings_.protocol;
        datagram_endpoints_[i].push_back(std::move(copies[i]));
      }
    }
  }
  if (plan.port_file.empty()) return;
  with_ports = acceptor_.endpoints();
  for (const Endpoint& endpoint : datagram_endpoints_.front()) with_ports.push_back(&endpoint);
  write_port_file(plan.port_file, with_ports);
}

void Network::start(store::Store& store, commands::CounterBoard& counters, commands::WatchHub& watch,
                    Replicator* replicator) {
  replicator_ = replicator;
  const WorkerSurroundings surroundings{
      .shared = {.store = store, .settings = settings_, .counters = counters, .watch = watch, .control = *this},
      .clock = clock_,
      .log = log_,
      .sockets = sockets_,
      .staging = staging_,
      .connections = connections_,
      .replicator = replicator};
  {
    const std::scoped_lock lock(pause_mutex_, workers_mutex_);
    for (unsigned i = 0; i < settings_.worker_threads; ++i) {
      workers_.push_back(std::make_unique<Worker>(surroundings, i, std::move(datagram_endpoints_[i])));
    }
  }
  {
    const SignalsBlocked blocked;
    for (const auto& worker : workers_) worker->start();
  }
  acceptor_.start();
}

Shutdown Network::run() {
  while (!ended_by_.has_value()) event_base_loop(base_.get(), EVLOOP_ONCE);
  for (Event& event : signal_events_) event.stop();
  acceptor_.stop();
  return *ended_by_;
}

void Network::stop() {
  acceptor_.stop();
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();  // all of them, before any is gone: they may call wake()
  const std::scoped_lock lock(pause_mutex_, workers_mutex_);
  workers_.clear();
}

void Network::committed(unsigned worker) {
  const std::shared_lock lock(workers_mutex_);
  if (worker < workers_.size()) workers_[worker]->look_again();
}

void Network::committed() {
  const std::shared_lock lock(workers_mutex_);
  for (const auto& worker : workers_) worker->look_again();
}

void Network::fail_held() {
  const std::shared_lock lock(workers_mutex_);
  for (const auto& worker : workers_) worker->fail_held();
}

void Network::execute_forwarded(ForwardBatch batch) {
  const std::shared_lock lock(workers_mutex_);
  if (workers_.empty()) return;
  const unsigned turn = next_worker_.fetch_add(1, std::memory_order_relaxed);
  workers_[turn % workers_.size()]->execute_forwarded(std::move(batch));
}

void Network::forwarded(ForwardAnswer answer) {
  const std::shared_lock lock(workers_mutex_);
  if (answer.worker < workers_.size()) workers_[answer.worker]->forwarded(std::move(answer));
}

void Network::pause_workers(const std::function<void()>& change) {
  const std::lock_guard lock(pause_mutex_);
  for (const auto& worker : workers_) worker->turn_lock().pause();
  change();
  for (const auto& worker : workers_) worker->turn_lock().resume();
}

void Network::watch_signal(Event& event, int signal) {
  event.assign(
      base_.get(), signal, EV_SIGNAL | EV_PERSIST,
      [](evutil_socket_t number, short, void* network) {
        static_cast<Network*>(network)->on_signal(static_cast<int>(number));
      },
      this);
  event.start();
}

void Network::on_signal(int signal) {
  if (signal == SIGHUP) {
    log_.line(LogLevel::kWarning, "SIGHUP: nothing to reload (no authentication file, no certificates)");
    return;
  }
  log_.line(LogLevel::kWarning, "Signal handled: " + std::string(::strsignal(signal)) + ".");
  end(signal == SIGUSR1 ? Shutdown::kGraceful : Shutdown::kNow);
}

void Network::end(Shutdown how) {
  if (!ended_by_.has_value()) ended_by_ = how;
}

void Network::read_messages() {
  inbox_.take(messages_);
  for (const Message& message : messages_) {
    if (const auto* how = std::get_if<Shutdown>(&message)) {
      end(*how);
    } else {
      acceptor_.room();
    }
  }
}

void Network::hand_over(Fd socket, const Endpoint& listener, const sockaddr_in6& peer) {
  const std::uint64_t serial = ++accepted_;
  const std::uint64_t worker = serial % workers_.size();
  workers_[worker]->adopt(
      {.socket = std::move(socket), .id = {serial << kWorkerBits | worker}, .listener = &listener, .peer = peer});
}

void Network::wake(commands::ConnectionId connection) {
  const std::uint64_t worker = connection.value & ((1U << kWorkerBits) - 1);
  if (worker < workers_.size()) workers_[worker]->wake(connection);
}

void Network::serve_clients(bool serve) {
  acceptor_.serve_clients(serve);
  for (const auto& worker : workers_) worker->serve_clients(serve);
}

std::vector<std::pair<std::string, std::string>> Network::replication_status() const {
  return replicator_ == nullptr ? Replicator::Status{} : replicator_->status();
}

void Network::shutdown(Shutdown how) {
  inbox_.put(how);
}

void Network::set_verbosity(unsigned level) {
  settings_.verbosity.store(level, std::memory_order_relaxed);
  log_.set_verbosity(level);
}

unsigned Network::verbosity() const {
  return log_.verbosity();
}

NetCounters Network::raw_counters() const {
  NetCounters counters;
  counters.curr_connections = connections_.current();
  counters.connection_structures = connections_.current() + acceptor_.endpoints().size();
  counters.total_connections = connections_.total();
  counters.rejected_connections = acceptor_.rejected();
  counters.listen_disabled = acceptor_.disabled();
  counters.accepting = acceptor_.accepting();
  counters.read_buffer_bytes = staging_.used_bytes();
  for (const auto& worker : workers_) {
    const Traffic& traffic = worker->traffic();
    counters.yields += traffic.yields.value();
    counters.idle_kicks += traffic.idle_kicks.value();
    counters.bytes_read += traffic.bytes_read.value();
    counters.bytes_written += traffic.bytes_written.value();
  }
  return counters;
}

NetCounters Network::net_counters() const {
  NetCounters counters = raw_counters();
  const std::lock_guard lock(baseline_mutex_);
  counters.total_connections -= baseline_.total_connections;
  counters.rejected_connections -= baseline_.rejected_connections;
  counters.listen_disabled -= baseline_.listen_disabled;
  counters.yields -= baseline_.yields;
  counters.idle_kicks -= baseline_.idle_kicks;
  counters.bytes_read -= baseline_.bytes_read;
  counters.bytes_written -= baseline_.bytes_written;
  return counters;
}

void Network::reset_net_counters() {
  const NetCounters counters = raw_counters();
  const std::lock_guard lock(baseline_mutex_);
  baseline_ = counters;
}

void Network::visit_connections(const std::function<void(const commands::ConnectionInfo&)>& visit) {
  for (const Endpoint* endpoint : acceptor_.endpoints()) {
    visit({.fd = endpoint->socket.get(),
           .address = endpoint->address,
           .listen_address = {},
           .state = "conn_listening",
           .idle_seconds = clock_.now().value - clock_.started().value});
  }
  for (const auto& worker : workers_) worker->visit_connections(visit);
}

}  // namespace lmc::net

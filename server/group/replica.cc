#include "server/group/replica.h"

#include <sys/random.h>

#include <stdexcept>
#include <utility>

#include "server/group/state_file.h"

namespace lmc::group {

namespace {

using replication::Service;

constexpr int kBeatsOfTerm = 5;  // a lease outlives the loss of four
constexpr std::chrono::milliseconds kStatusPeriod{500};

replication::Ticket draw_ticket() {
  replication::Ticket ticket;
  if (::getrandom(ticket.data(), ticket.size(), 0) != static_cast<ssize_t>(ticket.size()))
    throw std::runtime_error("cannot draw a ticket: check getrandom(2)");
  return ticket;
}

replication::Settings settings_of(const GroupOptions& options, const std::string& listens_at) {
  replication::Settings settings;
  settings.address = options.address.empty() ? listens_at : options.address;
  settings.ack = options.ack;
  settings.lease = {options.timeout, options.timeout / kBeatsOfTerm};
  return settings;
}

}  // namespace

Replica::Replica(const GroupOptions& options, replication::GroupSecret secret, store::Store& store,
                 net::Network& network, net::Clock& clock, net::Log& log, unsigned workers)
    : options_(options),
      store_(store),
      network_(network),
      log_(log),
      secret_(std::move(secret)),
      reactor_([this] { on_woken(); }),
      peers_(reactor_, secret_),
      store_log_(store, [&clock] { return clock.now(); }),
      graveyard_(reactor_),
      forward_client_(peers_, graveyard_, network),
      forward_server_(graveyard_, network, [this] { return node_->role() == replication::Role::kPrimary; }),
      listener_(reactor_, secret_, options.listen,
                {[this](std::unique_ptr<replication::Peer> peer) { node_->accept(std::move(peer)); },
                 [this](replication::Fd socket) { fabric_.adopt(std::move(socket)); },
                 [this](const std::string& line) { say(line); }}),
      settings_(settings_of(options, listener_.address())),
      fabric_(reactor_, options, settings_.address, [this](const std::string& line) { say(line); }),
      status_timer_(reactor_.timer([this] { show_status(); })),
      waiting_(workers) {
  node_ = std::make_unique<replication::Node>(
      replication::Node::Outside{reactor_, fabric_.get(), peers_, store_log_, *this, nullptr,
                                 [this](const std::string& line) { say(line); }, &draw_ticket},
      settings_);
  if (options_.state_file.empty()) return;
  if (const auto state = read_state(options_.state_file)) node_->recall(state->seen, state->view);
}

Replica::~Replica() {
  stop();
}

void Replica::say(const std::string& line) {
  log_.line(net::LogLevel::kAlways, "replication: " + line);
}

void Replica::begin() {
  say("listens on " + listener_.address() + ", fabric " + std::string(fabric_.get().name()) + ": " + fabric_.why());
  if (options_.role == StartAs::kPrimary)
    node_->start_primary();
  else
    node_->start_backup(options_.primary);
  on_serving();
  show_status();
}

void Replica::start() {
  thread_ = std::thread([this] { run(); });
}

void Replica::stop() {
  if (!thread_.joinable()) return;
  reactor_.stop();
  thread_.join();
}

void Replica::run() {
  try {
    reactor_.run();
  } catch (const std::exception& error) {
    // What a node must remember and cannot (its state file) ends it: the others go on without it.
    say(error.what());
    network_.shutdown(commands::Shutdown::kNow);
  }
}

// --- workers ---

net::Replicator::Committed Replica::committed() const {
  if (!node_->serving().may_serve(std::chrono::steady_clock::now())) return std::nullopt;
  return store::Version{node_->committed().value};
}

void Replica::appended() {
  if (node_->serving().wants_bell_after_append()) reactor_.wake();
}

void Replica::wait(unsigned worker, store::Version version) {
  waiting_[worker].store(version.value + 1, std::memory_order_seq_cst);
}

// Who serves nothing changes nothing either: what comes before its clients are gone finds no primary.
bool Replica::forwards() const {
  return !options_.read_only && node_->serving().service() != Service::kAll;
}

bool Replica::refuses_writes() const {
  return options_.read_only && node_->serving().service() != Service::kAll;
}

void Replica::forward(net::ForwardBatch batch) {
  forward_client_.put(std::move(batch));
  reactor_.wake();
}

void Replica::answered(net::ForwardAnswer answer) {
  forward_server_.answered(std::move(answer));
  reactor_.wake();
}

bool Replica::on_other(std::unique_ptr<replication::Peer>& peer, std::string_view message) {
  return forward_server_.take(peer, message);
}

void Replica::flush_forwards() {
  const replication::Standby* standby = node_->standby();
  const bool has_primary = standby != nullptr && node_->serving().service() == Service::kReads;
  forward_client_.flush(has_primary ? standby->primary() : std::string());
  forward_server_.flush();
}

net::Replicator::Status Replica::status() const {
  const std::lock_guard guard(status_mutex_);
  return status_;
}

// --- the node ---

// A worker may be within a turn for as long as it waits for room that backups hold up, and nobody hears of them while
// this thread waits for the worker.
void Replica::change_role(const std::function<void()>& change) {
  store_.interrupt_waits(true);
  network_.pause_workers([&] {
    store_.interrupt_waits(false);
    change();
    network_.fail_held();
  });
}

void Replica::on_serving() {
  const bool serves = node_->serving().service() != Service::kNothing;
  if (serves != serves_clients_) {
    serves_clients_ = serves;
    network_.serve_clients(serves);
  }
  const Committed reached = committed();
  if (!reached) return;
  for (std::size_t worker = 0; worker < waiting_.size(); ++worker) {
    const std::uint64_t waits = waiting_[worker].load(std::memory_order_seq_cst);
    if (waits == 0 || store::Version{waits - 1} > *reached) continue;
    waiting_[worker].store(0, std::memory_order_seq_cst);
    network_.committed(static_cast<unsigned>(worker));
  }
}

void Replica::on_room_wanted() {
  room_wanted_.store(true, std::memory_order_seq_cst);
  reactor_.wake();
}

void Replica::on_woken() {
  if (room_wanted_.exchange(false, std::memory_order_seq_cst))
    node_->make_room();
  else
    node_->collect();
  flush_forwards();
}

void Replica::remember(replication::Epoch seen, const replication::GroupView& view) {
  if (options_.state_file.empty()) return;
  write_state(options_.state_file, {seen, view});
}

void Replica::show_status() {
  status_timer_->set(kStatusPeriod);
  flush_forwards();
  auto status = replication::status_of(*node_);
  const std::lock_guard guard(status_mutex_);
  status_ = std::move(status);
}

}  // namespace lmc::group

#include "replication/fabric/verbs/verbs_link.h"

#include <cstring>
#include <utility>

#include "replication/fabric/address.h"
#include "replication/fabric/chain_limits.h"

namespace lmc::replication {

using namespace verbs;

namespace {

// Why the other end does not take the link, by what it said.
std::string refusal_text(std::string_view private_data) {
  Refusal refusal;
  if (private_data.size() >= sizeof refusal) {
    std::memcpy(&refusal, private_data.data(), sizeof refusal);
    if (refusal.magic == Refusal::kMagic && refusal.version != kVersion)
      return "the other end speaks version " + std::to_string(refusal.version) + " of verbs links, this node " +
             std::to_string(kVersion);
  }
  return "the other end does not take the link";
}

}  // namespace

VerbsLink::VerbsLink(VerbsFabric& fabric, const LinkPlan& plan, LinkObserver& observer)
    : fabric_(fabric),
      plan_(plan),
      observer_(&observer),
      timer_(fabric.reactor_.timer([this] { on_timer(); })),
      go_on_(fabric.reactor_.timer([this] { on_completions(); })) {
  fabric_.links_.insert(this);
}

VerbsLink::~VerbsLink() {
  close();
}

// --- getting up ---

void VerbsLink::connect(std::string_view address) {
  state_ = State::kFinding;
  timer_->set(fabric_.options_.connect_timeout);
  try {
    begin_connect(address);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void VerbsLink::begin_connect(std::string_view address) {
  std::string why;
  auto to = look_up(address, why);
  if (!to) return fail(why);
  SocketAddress from = fabric_.source_;
  id_ = make_id(*fabric_.channel_);
  id_->context = this;
  fabric_.set_options(*id_);
  const int limit = static_cast<int>(fabric_.options_.connect_timeout.count());
  require(minus_one_and_errno(rdma_resolve_addr(id_.get(), reinterpret_cast<sockaddr*>(&from.storage),
                                                reinterpret_cast<sockaddr*>(&to->storage), limit)),
          {"find an RDMA device for " + std::string(address), ""});
}

void VerbsLink::find_route() {
  if (id_->verbs != &fabric_.device_->context()) return fail("the route to it is another RDMA device's");
  const int limit = static_cast<int>(fabric_.options_.connect_timeout.count());
  require(minus_one_and_errno(rdma_resolve_route(id_.get(), limit)), {"find a route", ""});
}

void VerbsLink::make_connection(CmId id) {
  connection_ = std::make_unique<Connection>(*fabric_.device_, std::move(id), plan_.exposed, this, fabric_.counters_);
}

void VerbsLink::ask() {
  make_connection(std::move(id_));
  state_ = State::kAsking;
  Hello hello;
  hello.traffic = static_cast<std::uint8_t>(plan_.traffic);
  hello.ticket = plan_.ticket;
  require(connection_->connect(hello, fabric_.options_.connection), {"connect", ""});
}

void VerbsLink::take(CmId id) {
  id->context = this;
  timer_->set(fabric_.options_.connect_timeout);
  try {
    fabric_.set_options(*id);
    make_connection(std::move(id));
    state_ = State::kAsking;
    require(connection_->accept(fabric_.options_.connection), {"accept a link", ""});
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

// The accepting end may have the peer's keys before it hears that the connection is established.
void VerbsLink::greet() {
  if (state_ != State::kAsking) return;
  state_ = State::kGreeting;
  if (const Outcome outcome = connection_->greet(); outcome.failed())
    fail(failure_text(outcome, {"send this node's keys", ""}));
}

// --- what happens to it ---

void VerbsLink::on_event(rdma_cm_event_type type, int status, std::string_view private_data) {
  if (state_ == State::kClosed || !failure_.empty()) return;
  try {
    switch (type) {
      case RDMA_CM_EVENT_ADDR_RESOLVED:
        return find_route();
      case RDMA_CM_EVENT_ROUTE_RESOLVED:
        return ask();
      case RDMA_CM_EVENT_ESTABLISHED:
        return greet();
      case RDMA_CM_EVENT_TIMEWAIT_EXIT:
        return;
      case RDMA_CM_EVENT_REJECTED:
        return fail(refusal_text(private_data));
      case RDMA_CM_EVENT_DISCONNECTED:
        return fail("closed by the other end");
      default:
        break;
    }
    std::string cause = rdma_event_str(type);
    if (status != 0) cause += ": " + std::string(std::strerror(status < 0 ? -status : status));
    fail(cause);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

// What has been reported, to the observer, which may close the link in any call.
void VerbsLink::on_completions() {
  if (state_ == State::kClosed || !failure_.empty()) return;
  const Connection::Reports reports = connection_->take_reports();
  if (!reports.all && reports.failure.empty()) go_on_->set({});
  if (reports.keys) {
    greet();
    if (!failure_.empty()) return;
    timer_->cancel();
    state_ = State::kUp;
    observer_->on_up();
    if (state_ == State::kClosed) return;
  }
  if (reports.completed != 0) {
    outstanding_ -= reports.completed;
    observer_->on_completed(reports.completed);
    if (state_ == State::kClosed) return;
  }
  if (reports.arrived != 0) {
    observer_->on_arrival();
    if (state_ == State::kClosed) return;
  }
  if (!reports.failure.empty()) fail(reports.failure);
}

void VerbsLink::post(std::span<const Write> chain) {
  if (state_ == State::kClosed || !failure_.empty()) return;  // the observer is about to be told
  if (state_ != State::kUp) end_for_breach("verbs", "a chain is posted before it is up");
  require_within_limits(chain, outstanding_, "verbs");
  ++outstanding_;
  if (const Outcome outcome = connection_->post(chain); outcome.failed())
    fail(failure_text(outcome, {"post a chain", ""}));
}

// --- the end ---

// The observer is told by the timer: this may be within a call of its.
void VerbsLink::fail(std::string cause) {
  if (state_ == State::kClosed || !failure_.empty()) return;
  failure_ = std::move(cause);
  timer_->set({});
}

void VerbsLink::on_timer() {
  LinkObserver& observer = *observer_;
  const std::string cause = failure_.empty() ? "the link did not come up in time" : failure_;
  drop();
  observer.on_down(cause);
}

// Both end with the peer's right to write gone and everything flushed (connection.h).
void VerbsLink::revoke() {
  close();
}

void VerbsLink::close() {
  if (state_ != State::kClosed) drop();
}

void VerbsLink::drop() {
  state_ = State::kClosed;
  fabric_.links_.erase(this);
  fabric_.accepting_.remove(plan_.ticket, *this);
  timer_->cancel();
  go_on_->cancel();
  connection_.reset();
  id_.reset();
}

}  // namespace lmc::replication

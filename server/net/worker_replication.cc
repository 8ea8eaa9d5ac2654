// What a worker does in its turns only while replicated: replies are held until what they depend on is committed; on a
// backup, connections wait for the primary; on a primary, requests of other nodes' clients are executed.

#include <utility>

#include "server/net/worker.h"
#include "server/net/worker_entry.h"

namespace lmc::net {
namespace {

commands::ChangePolicy policy_of(const Replicator& replicator) {
  if (replicator.refuses_writes()) return commands::ChangePolicy::kRefuse;
  return replicator.forwards() ? commands::ChangePolicy::kForward : commands::ChangePolicy::kExecute;
}

}  // namespace

void Worker::fail_held() {
  fail_held_.store(true, std::memory_order_release);
  look_again();
}

void Worker::begin_replicated_turn() {
  turn_lock_.begin();
  if (fail_held_.exchange(false, std::memory_order_acquire)) close_unsettled();
  around_.replicator->catch_up();
  executor_.set_change_policy(policy_of(*around_.replicator));
  if (std::exchange(look_again_, false)) touch_held();
}

void Worker::end_replicated_turn() {
  for (const auto& datagrams : datagram_sockets_) {
    if (datagrams->socket.uncommitted()) commit_wait_.want(datagrams->socket.awaited());
  }
  remote_.answer(*around_.replicator);
  if (remote_.uncommitted()) commit_wait_.want(remote_.awaited());
  if (remote_.runnable()) look_again_ = true;
  if (commit_wait_.ask(*around_.replicator, index_)) look_again_ = true;
  turn_lock_.end();
}

// Every mutation makes what is executed depend on the latest version there is, so none is missed; that another worker's
// is told of twice does no harm.
void Worker::tell_appended() {
  if (bench_.latest_dependency <= told_appended_) return;
  told_appended_ = bench_.latest_dependency;
  around_.replicator->appended();
}

void Worker::hold(Entry& entry) {
  commit_wait_.want(entry.connection.awaited());
  if (!std::exchange(entry.held, true)) held_.push_back(&entry);
}

// All of them are to be flushed in this turn, and go on if they waited to see what the primary did for them; what is
// still not committed is held again.
void Worker::touch_held() {
  commit_wait_.over();
  for (Entry* entry : held_) {
    entry->held = false;
    if (entry->connection.state() == ConnectionState::kForwarding) make_ready(*entry);
    if (!std::exchange(entry->touched, true)) touched_.push_back(entry);
  }
  held_.clear();
}

void Worker::await_primary(Entry& entry) {
  const ForwardedRequests& forwarded = entry.connection.forwarded();
  if (forwarded.under_way()) forwarded_[entry.connection.id().value] = &entry;
  if (forwarded.without_room() && !std::exchange(entry.without_room, true)) without_room_.push_back(&entry);
}

// In the order in which they began to wait.
void Worker::wake_without_room() {
  for (Entry* entry : without_room_) {
    entry->without_room = false;
    make_ready(*entry);
  }
  without_room_.clear();
}

void Worker::leave_without_room(Entry& entry) {
  std::erase(without_room_, &entry);
  if (forwarding_->stop_waiting(entry.connection.id())) wake_without_room();
}

void Worker::take_answer(const ForwardAnswer& answer) {
  if (!forwarding_.has_value() || !forwarding_->answered(answer.connection)) return;
  wake_without_room();
  const auto found = forwarded_.find(answer.connection.value);
  if (found == forwarded_.end()) return;  // the client has gone
  Entry& entry = *found->second;
  forwarded_.erase(found);
  entry.connection.take_answer(answer);
  make_ready(entry);
}

void Worker::close_unsettled() {
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (entries_[i]->connection.unsettled()) close(*entries_[i], "error");
  }
  for (const auto& datagrams : datagram_sockets_) datagrams->socket.drop_uncommitted();
  remote_.fail_uncommitted(*around_.replicator);
  // The next history's versions may begin below.
  bench_.latest_dependency = told_appended_ = {};
  session_.forget_dependency();
}

}  // namespace lmc::net

// What a worker does in its turns only while replicated: replies are held until what they depend on is committed.

#include <utility>

#include "server/net/worker.h"
#include "server/net/worker_entry.h"

namespace lmc::net {

void Worker::fail_held() {
  fail_held_.store(true, std::memory_order_release);
  look_again();
}

void Worker::begin_replicated_turn() {
  turn_lock_.begin();
  if (fail_held_.exchange(false, std::memory_order_acquire)) close_uncommitted();
  around_.replicator->begin_turn();
  if (std::exchange(look_again_, false)) touch_held();
}

void Worker::end_replicated_turn() {
  for (const auto& datagrams : datagram_sockets_) {
    if (datagrams->socket.uncommitted()) commit_wait_.want(datagrams->socket.awaited());
  }
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

// All of them are to be flushed in this turn; what is still not committed is held again.
void Worker::touch_held() {
  commit_wait_.over();
  for (Entry* entry : held_) {
    entry->held = false;
    if (!std::exchange(entry->touched, true)) touched_.push_back(entry);
  }
  held_.clear();
}

void Worker::close_uncommitted() {
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (entries_[i]->connection.uncommitted()) close(*entries_[i], "error");
  }
  for (const auto& datagrams : datagram_sockets_) datagrams->socket.drop_uncommitted();
  // The next history's versions may begin below.
  bench_.latest_dependency = told_appended_ = {};
  session_.forget_dependency();
}

}  // namespace lmc::net

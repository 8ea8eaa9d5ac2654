#include "server/net/forwarding.h"

#include <utility>

#include "server/commands/refusals.h"

namespace lmc::net {

using protocol::Request;

void ForwardedRequests::add(const Request& request) {
  sent_.push_back(
      {.opaque = request.opaque, .dialect = request.dialect, .quiet = request.quiet, .opcode = request.opcode});
}

void ForwardedRequests::answered(store::Version version) {
  forget_sent();
  awaited_ = version;
  stage_ = Stage::kCatchingUp;
}

void ForwardedRequests::refuse(commands::ReplyQueue& replies) {
  for (const Sent& sent : sent_) {
    Request request;
    request.dialect = sent.dialect;
    request.quiet = sent.quiet;
    request.opcode = sent.opcode;
    request.opaque = sent.opaque;
    commands::append_primary_unreachable(request, replies);
  }
  answered({});
}

bool ForwardedRequests::resume(std::optional<store::Version> committed) {
  if (under_way() || (catching_up() && awaited_ > committed)) return false;
  stage_ = Stage::kNone;
  return true;
}

void Forwarding::send(ForwardBatch batch) {
  batch.worker = worker_;
  bytes_ += batch.bytes.size();
  under_way_[batch.connection.value] = batch.bytes.size();
  replicator_.forward(std::move(batch));
}

bool Forwarding::answered(commands::ConnectionId connection) {
  const auto found = under_way_.find(connection.value);
  if (found == under_way_.end()) return false;
  bytes_ -= found->second;
  under_way_.erase(found);
  return true;
}

}  // namespace lmc::net

#include "server/commands/executor.h"

#include <array>
#include <cassert>

#include "server/commands/context.h"
#include "server/commands/dialects.h"
#include "server/commands/refusals.h"

namespace lmc::commands {

using protocol::Dialect;
using protocol::Request;

struct Executor::State {
  Shared shared;
  store::Session& session;
  WorkerCounters& counters;
  // Keys of the batch in hand. Here and not on the stack so that a batch of one does not pay for clearing kMaxBatch.
  std::array<store::HashedKey, kMaxBatch> keys{};
  ChangePolicy policy = ChangePolicy::kExecute;
};

namespace {

Disposition execute(Context& context, const Request& request, const store::HashedKey& key) {
  switch (request.dialect) {
    case Dialect::kText:
      if (request.command == protocol::Command::kGet) [[likely]]
        return execute_get(context, request, key);
      return execute_text(context, request, key);
    case Dialect::kMeta:
      return execute_meta(context, request, key);
    case Dialect::kBinary:
      return execute_binary(context, request, key);
  }
  return Disposition::kContinue;
}

// Where changes are not executed.
Disposition execute_unchanging(Context& context, const Request& request, const store::HashedKey& key) {
  const bool changes = effect_of(request.command) == Effect::kChange;
  const Disposition disposition = changes ? Disposition::kForward : execute(context, request, key);
  if (disposition != Disposition::kForward) return disposition;
  if (context.policy == ChangePolicy::kForward && !context.client.datagram) return disposition;
  append_read_only(request, context.replies);
  return Disposition::kContinue;
}

// Starts the memory traffic of all look-ups before the first is waited for. A key that a meta request sends as base64
// is hashed as sent, in vain.
void prepare(const store::Session& session, std::span<const Request> requests, std::span<store::HashedKey> keys) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].key.empty()) continue;
    keys[i] = session.hash(requests[i].key);
    session.prefetch_bucket(keys[i]);
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!requests[i].key.empty()) session.prefetch_record(keys[i]);
  }
}

}  // namespace

Executor::Executor(Shared shared, store::Session& session, unsigned worker)
    : state_(std::make_unique<State>(State{shared, session, shared.counters.of_worker(worker)})) {}

Executor::~Executor() = default;

void Executor::set_change_policy(ChangePolicy policy) {
  state_->policy = policy;
}

BatchResult Executor::run(std::span<const Request> requests, Client& client, ReplyQueue& replies) {
  assert(requests.size() <= kMaxBatch);
  Context context(state_->shared, state_->session, state_->counters, client, replies);
  context.policy = state_->policy;
  std::span keys(state_->keys);
  if (requests.size() == 1) {  // nothing to overlap with
    if (!requests[0].key.empty()) keys[0] = state_->session.hash(requests[0].key);
  } else {
    prepare(state_->session, requests, keys);
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Disposition disposition = context.policy == ChangePolicy::kExecute
                                        ? execute(context, requests[i], keys[i])
                                        : execute_unchanging(context, requests[i], keys[i]);
    if (disposition == Disposition::kForward) return {i, disposition};
    const bool backlogged = replies.pending_bytes() >= kReplyBacklogBytes && !client.datagram;
    if (disposition != Disposition::kContinue || backlogged) return {i + 1, disposition};
  }
  return {requests.size(), Disposition::kContinue};
}

}  // namespace lmc::commands

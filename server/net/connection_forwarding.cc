// What a connection of a backup does with requests that the primary has to execute.
//
// They are taken from the input, as bytes and in order, as far as the requests complete in it all change something. The
// first that does not waits, unread, with all that is behind it: for the answer, and then until what the batch did
// shows here, so that a client reads what it wrote. So does what is behind a request that is answered with a value, so
// that no batch has an answer of more than one long reply. Note "read your writes" (replication/NOTES.md).

#include <utility>

#include "server/commands/effects.h"
#include "server/net/connection.h"

namespace lmc::net {

using protocol::Parsed;
using protocol::Request;

// The request `first` of the batch has to be forwarded; what is before it was executed and consumed.
void Connection::forward(Bench& bench, Batch batch, std::size_t first) {
  ForwardBatch out;
  out.connection = client_.id;
  out.binary = protocol_ == commands::ProtocolChoice::kBinary;
  bool goes_on = gather(bench, batch, first, out);
  while (goes_on && !input_.unread().empty()) {
    batch = parse_batch(bench, commands::kMaxBatch);
    goes_on = batch.count > 0 && gather(bench, batch, 0, out);
  }
  needed_ = searched_ = 0;  // what is left is parsed again when it may be executed
  set_state(ConnectionState::kForwarding);
  if (out.requests == 0) {
    bench.forwarding->wait(client_.id);
    return forwarded_.wait_for_room();
  }
  forwarded_.sent();
  bench.forwarding->send(std::move(out));
}

// Takes requests of the batch from `first` on, which is where the input begins. False: what is behind them, or the
// first of them that was not taken, does not go along.
bool Connection::gather(const Bench& bench, const Batch& batch, std::size_t first, ForwardBatch& out) {
  const std::size_t begin = first == 0 ? 0 : bench.ends[first - 1];
  const std::string_view input = input_.unread();
  std::size_t end = begin;
  bool goes_on = true;
  std::size_t i = first;
  for (; i < batch.count && goes_on; ++i) {
    const Request& request = bench.requests[i];
    const std::size_t bytes = out.bytes.size() + bench.ends[i] - end;
    const bool joins = commands::effect_of(request.command) == commands::Effect::kChange && bytes <= kForwardBatchBytes;
    goes_on = (out.bytes.empty() || joins) && bench.forwarding->has_room(client_.id, bytes);
    if (!goes_on) break;
    forwarded_.add(request);
    ++out.requests;
    out.bytes.append(input.substr(end - begin, bench.ends[i] - end));
    end = bench.ends[i];
    goes_on = !commands::answers_values(request.command);
  }
  input_.consume(end - begin);
  if (i < batch.count || batch.last.status != Parsed::Status::kRequest) return false;
  swallow_ = batch.last.swallow;
  return goes_on && swallow_ == 0;
}

void Connection::take_answer(const ForwardAnswer& answer) {
  if (!forwarded_.under_way()) return;
  switch (answer.outcome) {
    case ForwardOutcome::kAnswered:
      replies_.append(answer.replies);
      forwarded_.answered(answer.version);
      if (answer.closes) set_state(ConnectionState::kDraining);
      break;
    case ForwardOutcome::kNotExecuted:
      forwarded_.refuse(replies_);
      break;
    case ForwardOutcome::kUnknown:
      fail("error");
      break;
  }
}

void Connection::resume(const Bench& bench) {
  if (forwarded_.without_room()) bench.forwarding->stop_waiting(client_.id);  // and waits again, if it must
  if (!forwarded_.resume(bench.replicator->committed())) return;
  set_state(swallow_ > 0 ? ConnectionState::kSwallowing : ConnectionState::kReading);
}

}  // namespace lmc::net

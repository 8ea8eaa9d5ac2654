#include "server/net/remote_batches.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "server/commands/effects.h"

namespace lmc::net {

using protocol::Parsed;
using protocol::ParseLimits;
using protocol::Request;

namespace {

ForwardAnswer answer_to(const ForwardBatch& batch) {
  ForwardAnswer answer;
  answer.worker = batch.worker;
  answer.connection = batch.connection;
  answer.origin = batch.origin;
  return answer;
}

Parsed parse_one(const ForwardBatch& batch, std::string_view input, const ParseLimits& limits, Request& out) {
  const auto parse = [&](const ParseLimits& with) {
    return batch.binary ? protocol::parse_binary(input, with, out) : protocol::parse_text(input, with, out);
  };
  const Parsed parsed = parse(limits);
  // Its value was too large for the node that it was sent to: so it is here.
  return parsed.status == Parsed::Status::kIncomplete ? parse(ParseLimits{.max_value_bytes = 0}) : parsed;
}

void move_replies(commands::ReplyQueue& from, std::string& to) {
  while (!from.empty()) {
    iovec piece{};
    if (from.iovecs({&piece, 1}) == 0) return;
    to.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    from.consume(piece.iov_len);
  }
}

}  // namespace

void RemoteBatches::add(ForwardBatch batch) {
  Running running;
  running.answer = answer_to(batch);
  running.batch = std::move(batch);
  batches_.push_back(std::move(running));
}

// Those whose answers there is room for again, behind the others.
void RemoteBatches::unblock(const Replicator& replicator, bool all) {
  std::erase_if(blocked_, [&](auto& blocked) {
    if (!all && !replicator.takes_answers(blocked.first)) return false;
    std::move(blocked.second.begin(), blocked.second.end(), std::back_inserter(batches_));
    return true;
  });
}

bool RemoteBatches::block_first(const Replicator& replicator) {
  Running& first = batches_.front();
  if (first.position > 0) return false;
  const std::uint64_t origin = first.batch.origin;
  if (!blocked_.contains(origin) && replicator.takes_answers(origin)) return false;
  blocked_[origin].push_back(std::move(first));
  batches_.pop_front();
  return true;
}

void RemoteBatches::execute(Bench& bench) {
  if (batches_.empty() && blocked_.empty()) return;
  const bool elsewhere = bench.replicator->forwards() || bench.replicator->refuses_writes();
  unblock(*bench.replicator, elsewhere);
  for (std::size_t executed = 0; runnable() && executed < kRemoteRequestsPerTurn;) {
    Running& first = batches_.front();
    if (elsewhere) {
      first.answer.outcome = ForwardOutcome::kNotExecuted;
      bench.replicator->answered(std::move(first.answer));
      batches_.pop_front();
      continue;
    }
    if (block_first(*bench.replicator)) continue;
    const std::uint32_t before = first.executed;
    const Step how = step(bench, first);
    executed += first.executed - before;
    if (how != Step::kMore) finish(how);
  }
}

// Parses what may be executed together; returns how many requests that is: none if what comes next is no such request.
std::size_t RemoteBatches::parse(Bench& bench, Running& running) {
  const std::string_view bytes = running.batch.bytes;
  std::size_t count = 0;
  while (count < bench.requests.size() && running.position < bytes.size()) {
    Request& request = bench.requests[count];
    const Parsed parsed = parse_one(running.batch, bytes.substr(running.position), bench.limits, request);
    if (parsed.status != Parsed::Status::kRequest) break;
    if (commands::effect_of(request.command) == commands::Effect::kNone) break;
    if (parsed.swallow > 0 && running.position + parsed.consumed < bytes.size()) break;
    running.position += parsed.consumed;
    ++count;
  }
  return count;
}

RemoteBatches::Step RemoteBatches::step(Bench& bench, Running& running) {
  const std::size_t count = parse(bench, running);
  const std::size_t most_replies = kRemoteReplyBytes + bench.limits.max_value_bytes;
  std::string& collected = running.answer.replies;
  commands::Client client;
  commands::ReplyQueue replies(bench.reply_blocks);
  std::span<const Request> rest(bench.requests.data(), count);
  bool too_long = false;
  while (!rest.empty() && !too_long) {
    rest = rest.subspan(bench.executor.run(rest, client, replies).executed);  // stops where it has much to say
    too_long = collected.size() + replies.pending_bytes() > most_replies;     // asked before anything is copied
    if (!too_long) move_replies(replies, collected);
  }
  running.answer.version = std::max(running.answer.version, bench.take_dependency());
  running.executed += static_cast<std::uint32_t>(count);
  if (too_long) return Step::kFailed;
  const bool whole = running.position == running.batch.bytes.size();
  if (whole) return running.executed == running.batch.requests ? Step::kDone : Step::kFailed;
  return count == 0 ? Step::kFailed : Step::kMore;
}

void RemoteBatches::finish(Step how) {
  ForwardAnswer answer = std::move(batches_.front().answer);
  batches_.pop_front();
  answer.outcome = how == Step::kDone ? ForwardOutcome::kAnswered : ForwardOutcome::kUnknown;
  if (how != Step::kDone) {
    answer.replies.clear();
    answer.version = {};  // nothing to wait for
  }
  held_bytes_ += answer.replies.size();
  answers_.push_back(std::move(answer));
}

void RemoteBatches::answer(Replicator& replicator) {
  if (answers_.empty()) return;
  const Replicator::Committed committed = replicator.committed();
  const auto waits = [committed](const ForwardAnswer& answer) { return answer.version > committed; };
  const auto ready = std::stable_partition(answers_.begin(), answers_.end(), waits);
  for (auto answer = ready; answer != answers_.end(); ++answer) {
    held_bytes_ -= answer->replies.size();
    replicator.answered(std::move(*answer));
  }
  answers_.erase(ready, answers_.end());
}

void RemoteBatches::fail_uncommitted(Replicator& replicator) {
  if (!batches_.empty() && batches_.front().position > 0) finish(Step::kFailed);
  for (ForwardAnswer& answer : answers_) {
    answer.outcome = ForwardOutcome::kUnknown;
    answer.replies.clear();
    replicator.answered(std::move(answer));
  }
  answers_.clear();
  held_bytes_ = 0;
}

store::Version RemoteBatches::awaited() const {
  const auto first = std::min_element(answers_.begin(), answers_.end(),
                                      [](const auto& one, const auto& other) { return one.version < other.version; });
  return first->version;
}

}  // namespace lmc::net

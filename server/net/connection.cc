#include "server/net/connection.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "protocol/text_replies.h"
#include "server/net/refusal.h"

namespace lmc::net {

using commands::Disposition;
using commands::ProtocolChoice;
using commands::ReplySource;
using protocol::Parsed;
using protocol::ParseLimits;
using protocol::Request;

Connection::Connection(Fd socket, commands::ConnectionId id, ProtocolChoice protocol, commands::BlockPool& blocks)
    : socket_(std::move(socket)), replies_(blocks), protocol_(protocol) {
  client_.id = id;
  client_.fd = socket_.get();
}

bool Connection::wants_input() const {
  switch (state()) {
    case ConnectionState::kReading:
    case ConnectionState::kSwallowing:
      return !input_ended_ && replies_.pending_bytes() < kReplyBacklogBytes;
    case ConnectionState::kWaiting:  // not to execute it, but to see the peer go
      return !input_ended_ && (!input_.held() || input_.unread().size() < input_.capacity());
    case ConnectionState::kForwarding:
    case ConnectionState::kStreaming:
    case ConnectionState::kDraining:
    case ConnectionState::kClosed:
      return false;
  }
  return false;
}

Received Connection::receive(Bench& bench) {
  if (!wants_input()) return Received::kNothing;
  make_room(bench);
  if (!wants_input()) return Received::kNothing;  // no memory for what is there already
  const std::span<char> room = input_.room();
  const ssize_t n = bench.sockets.read(socket_.get(), room);
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) fail("error");
  } else if (n == 0) {
    peer_ended();
  } else {
    const auto bytes = static_cast<std::size_t>(n);
    input_.received(bytes);
    bench.traffic.bytes_read.add(bytes);
    if (bytes < room.size()) {
      bulk_ = bytes >= kInputBlockBytes;
      return Received::kShort;
    }
    bulk_ = true;
    return Received::kFull;
  }
  if (input_.unread().empty()) bench.input_blocks.release(input_);
  return Received::kNothing;
}

void Connection::make_room(Bench& bench) {
  if (!input_.held()) {
    bench.input_blocks.provide(input_, bulk_);
    return;
  }
  // A tail so short that the next read would be cut by it goes to the front; moving it costs less than a second read.
  const std::size_t unread = input_.unread().size();
  if (needed_ > input_.capacity() || unread == input_.capacity()) {
    const std::size_t wanted = std::max(needed_, input_.capacity() * 2);
    if (!bench.input_blocks.grow(input_, wanted)) refuse_for_memory(bench);
  } else if (input_.room().size() < std::max(needed_ - std::min(needed_, unread), input_.capacity() / 2)) {
    input_.move_to_front();
  }
}

void Connection::peer_ended() {
  input_ended_ = true;
  switch (state()) {
    case ConnectionState::kReading:
    case ConnectionState::kSwallowing:
      set_state(replies_.empty() ? ConnectionState::kClosed : ConnectionState::kDraining);
      break;
    case ConnectionState::kWaiting:
      set_state(ConnectionState::kClosed);
      break;
    case ConnectionState::kStreaming:  // the peer may wait for the rest of what it asked for
    case ConnectionState::kForwarding:
    case ConnectionState::kDraining:
    case ConnectionState::kClosed:
      break;
  }
}

void Connection::fail(std::string_view reason) {
  close_reason_ = reason;
  set_state(ConnectionState::kClosed);
}

Progress Connection::execute(Bench& bench, bool others_wait) {
  const std::size_t quota = bench.max_requests_per_event;
  std::size_t executed = 0;
  if (state() == ConnectionState::kForwarding) resume(bench);
  while (true) {
    if (state() == ConnectionState::kSwallowing) discard_swallowed();
    if (state() == ConnectionState::kStreaming && replies_.empty()) produce(bench);
    if (state() != ConnectionState::kReading) break;
    if (replies_.pending_bytes() >= kReplyBacklogBytes) return Progress::kBacklogged;
    if (input_.unread().empty() || input_.unread().size() < needed_) break;
    if (others_wait && executed >= quota) {
      bench.traffic.yields.add(1);
      return Progress::kYielded;
    }
    const std::size_t most = others_wait ? std::min(quota - executed, commands::kMaxBatch) : commands::kMaxBatch;
    const Batch batch = parse_batch(bench, most);
    const std::size_t unread = input_.unread().size();
    const bool whole = batch.count == 0 || run(bench, batch);
    if (whole && state() == ConnectionState::kReading) settle(bench, batch);
    executed += batch.count;
    if (input_.unread().size() == unread) break;
  }
  const bool in_use = state() == ConnectionState::kStreaming;
  if (input_.held() && input_.unread().empty() && !in_use) bench.input_blocks.release(input_);
  return state() == ConnectionState::kReading || state() == ConnectionState::kSwallowing ? Progress::kNeedsInput
                                                                                         : Progress::kStopped;
}

Parsed Connection::parse(std::string_view input, const ParseLimits& limits, Request& out, std::size_t searched) {
  if (protocol_ == ProtocolChoice::kNegotiate) {
    protocol_ = protocol::is_binary(input.front()) ? ProtocolChoice::kBinary : ProtocolChoice::kText;
  }
  return protocol_ == ProtocolChoice::kBinary ? protocol::parse_binary(input, limits, out)
                                              : protocol::parse_text(input, limits, out, searched);
}

Connection::Batch Connection::parse_batch(Bench& bench, std::size_t most) {
  Batch batch;
  std::string_view input = input_.unread();
  std::size_t end = 0;
  needed_ = 0;
  std::size_t searched = std::exchange(searched_, 0);
  while (batch.count < most && end < input.size()) {
    batch.last = parse(input.substr(end), bench.limits, bench.requests[batch.count], std::exchange(searched, 0));
    if (batch.last.status == Parsed::Status::kIncomplete) {
      needed_ = batch.last.needed;
      if (needed_ == 0) searched_ = input.size() - end;
      break;
    }
    end += batch.last.consumed;
    if (batch.last.status != Parsed::Status::kRequest) break;
    bench.ends[batch.count++] = end;
    if (batch.last.swallow > 0) break;
  }
  return batch;
}

// Executes the batch and consumes what was executed. False: not the whole of it, the rest is to be parsed again.
bool Connection::run(Bench& bench, const Batch& batch) {
  if (bench.log.enabled(LogLevel::kConnections)) log_requests(bench, batch);
  last_request_s_.store(bench.now.value, std::memory_order_relaxed);
  const std::uint64_t position = reply_position();
  const auto result =
      bench.executor.run(std::span<const Request>(bench.requests.data(), batch.count), client_, replies_);
  note_dependency(bench, position);
  if (result.executed > 0) input_.consume(bench.ends[result.executed - 1]);
  if (result.executed < batch.count) needed_ = searched_ = 0;
  switch (result.disposition) {
    case Disposition::kContinue:
      break;
    case Disposition::kClose:
      set_state(ConnectionState::kDraining);
      break;
    case Disposition::kSource:
      needed_ = searched_ = 0;
      set_state(ConnectionState::kStreaming);
      break;
    case Disposition::kForward:
      forward(bench, batch, result.executed);
      break;
  }
  return result.executed == batch.count;
}

// Does what the parser said beside the requests of the batch.
void Connection::settle(Bench& bench, const Batch& batch) {
  const Parsed& last = batch.last;
  switch (last.status) {
    case Parsed::Status::kIncomplete:
      return;
    case Parsed::Status::kRequest:
      break;
    case Parsed::Status::kReject:
      last_request_s_.store(bench.now.value, std::memory_order_relaxed);
      input_.consume(last.consumed);
      append_refusal(last, bench.requests[batch.count], replies_);
      break;
    case Parsed::Status::kClose:
      input_.consume(last.consumed);
      append_refusal(last, bench.requests[batch.count], replies_);
      close_reason_ = "error";
      set_state(ConnectionState::kDraining);
      return;
  }
  if (last.swallow > 0) {
    swallow_ = last.swallow;
    set_state(ConnectionState::kSwallowing);
  }
}

void Connection::discard_swallowed() {
  const std::size_t n = std::min<std::uint64_t>(swallow_, input_.unread().size());
  input_.consume(n);
  swallow_ -= n;
  if (swallow_ == 0) set_state(ConnectionState::kReading);
}

// The request at the front of the input is longer than the staging memory that is left. With a value limit of nothing
// the parser makes of it the request of a value that is too large: executing that removes the old value, as every
// refused set must, and only the words of the answer differ.
void Connection::refuse_for_memory(Bench& bench) {
  Batch batch;
  batch.last = parse(input_.unread(), ParseLimits{.max_value_bytes = 0}, bench.requests[0], searched_);
  if (batch.last.status != Parsed::Status::kRequest || batch.last.swallow == 0) {
    // No value to leave out: a line of a great many keys.
    replies_.append(protocol::reply::kOutOfMemoryReading);
    close_reason_ = "error";
    set_state(ConnectionState::kDraining);
    return;
  }
  batch.count = 1;
  bench.ends[0] = batch.last.consumed;
  needed_ = searched_ = 0;
  const Request request = bench.requests[0];
  const std::size_t before = replies_.pending_bytes();
  static_cast<void>(run(bench, batch));  // one request is all of it
  if (state() == ConnectionState::kForwarding) return input_.move_to_front();
  if (replies_.pending_bytes() > before) {
    replies_.truncate(before);
    append_out_of_memory(request, replies_);
  }
  settle(bench, batch);
  discard_swallowed();
  input_.move_to_front();
}

void Connection::note_dependency(Bench& bench, std::uint64_t position) {
  if (bench.replicator != nullptr) gate_.depend(position, bench.take_dependency());
}

void Connection::produce(Bench& bench) {
  const std::uint64_t position = reply_position();
  const ReplySource::State state = client_.source->produce(replies_, kSourceBudgetBytes);
  note_dependency(bench, position);
  switch (state) {
    case ReplySource::State::kMore:
      break;
    case ReplySource::State::kWait:
      set_state(ConnectionState::kWaiting);
      break;
    case ReplySource::State::kDone:
      client_.source.reset();
      set_state(ConnectionState::kReading);
      break;
  }
}

void Connection::wake() {
  if (state() == ConnectionState::kWaiting) set_state(ConnectionState::kStreaming);
}

store::Version Connection::awaited() const {
  if (gate_.open()) return forwarded_.awaited();
  return forwarded_.catching_up() ? std::min(gate_.awaited(), forwarded_.awaited()) : gate_.awaited();
}

std::size_t Connection::sendable_bytes() const {
  if (gate_.open()) return replies_.pending_bytes();
  const std::uint64_t allowed = std::max(gate_.limit(), sent_bytes_) - sent_bytes_;
  return static_cast<std::size_t>(std::min<std::uint64_t>(replies_.pending_bytes(), allowed));
}

Flushed Connection::flush(Bench& bench) {
  if (bench.replicator != nullptr) gate_.admit(bench.replicator->committed());
  std::size_t written = 0;
  while (const std::size_t sendable = sendable_bytes()) {
    if (written >= kMaxFlushBytes) return Flushed::kPaused;
    const std::size_t pieces = replies_.iovecs(bench.iovecs, sendable);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < pieces; ++i) offered += bench.iovecs[i].iov_len;
    const ssize_t n = bench.sockets.write(socket_.get(), std::span<const iovec>(bench.iovecs.data(), pieces));
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Flushed::kBlocked;
      fail("error");
      return Flushed::kAll;
    }
    const auto bytes = static_cast<std::size_t>(n);
    bench.traffic.bytes_written.add(bytes);
    replies_.consume(bytes);
    sent_bytes_ += bytes;
    written += bytes;
    if (bytes < offered) return Flushed::kBlocked;  // asking again would only be told so
  }
  if (!gate_.open()) return Flushed::kHeld;
  if (state() == ConnectionState::kDraining) set_state(ConnectionState::kClosed);
  if (input_ended_ && state() == ConnectionState::kReading) set_state(ConnectionState::kClosed);
  return Flushed::kAll;
}

void Connection::close(Bench& bench) {
  client_.source.reset();
  bench.input_blocks.release(input_);
  set_state(ConnectionState::kClosed);
}

void Connection::log_requests(Bench& bench, const Batch& batch) const {
  static constexpr std::size_t kMaxLoggedBytes = 512;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < batch.count; ++i) {
    std::string_view text = input_.unread().substr(begin, bench.ends[i] - begin);
    begin = bench.ends[i];
    if (protocol_ == ProtocolChoice::kBinary) {
      bench.log.about(LogLevel::kConnections, socket_.get(),
                      std::string("binary opcode ").append(std::to_string(bench.requests[i].opcode)));
    } else {
      bench.log.about(LogLevel::kConnections, socket_.get(),
                      text.substr(0, std::min(text.find_first_of("\r\n"), kMaxLoggedBytes)));
    }
  }
}

}  // namespace lmc::net

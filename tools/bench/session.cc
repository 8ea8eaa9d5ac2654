#include "tools/bench/session.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "tools/bench/resp.h"

namespace lmc::bench {
namespace {

using protocol::Dialect;
using protocol::Reply;
using protocol::ReplyKind;

constexpr std::size_t kFirstInputBytes = 32 * 1024;
constexpr std::size_t kLeastReadBytes = 8 * 1024;
constexpr std::size_t kMaxReadBytes = 1024 * 1024;
constexpr std::uint64_t kNoQuota = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void refuse(const std::string& address, const std::string& why) {
  throw std::runtime_error("cannot connect to " + address + ": " + why + "; is the server running there?");
}

int connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) refuse(path, "the path is too long for a unix socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0 || ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const std::string why = std::strerror(errno);
    if (socket >= 0) ::close(socket);
    refuse(path, why);
  }
  return socket;
}

int connect_tcp(const Address& address) {
  const std::string name = address.host + ":" + address.port;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) refuse(name, gai_strerror(error));
  int socket = -1;
  std::string why;
  for (const addrinfo* candidate = found; candidate != nullptr && socket < 0; candidate = candidate->ai_next) {
    socket = ::socket(candidate->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket >= 0 && ::connect(socket, candidate->ai_addr, candidate->ai_addrlen) == 0) break;
    why = std::strerror(errno);
    if (socket >= 0) ::close(socket);
    socket = -1;
  }
  freeaddrinfo(found);
  if (socket < 0) refuse(name, why);
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket;
}

// Connection `index`'s part of `total`: all parts add up to it.
std::uint64_t part_of(std::uint64_t total, std::uint32_t index, std::uint32_t connections) {
  return total / connections + (index < total % connections ? 1 : 0);
}

}  // namespace

Session::Session(const Plan& plan, std::uint32_t index, Measurements& measurements)
    : plan_(plan),
      index_(index),
      measurements_(measurements),
      keys_to_ask_(plan.popularity, plan.seed, {index, plan.connections}),
      random_(scatter(plan.seed ^ 0x6f7073) + index),
      match_keys_(plan.verify || plan.cache_aside),
      in_(kFirstInputBytes),
      quota_(plan.operations == 0 ? kNoQuota
                                  : part_of(plan.operations + plan.warmup_operations, index, plan.connections)),
      warmup_quota_(part_of(plan.warmup_operations, index, plan.connections)),
      window_keys_(plan.hit_window_keys / plan.connections) {}

Session::~Session() {
  if (socket_ >= 0) ::close(socket_);
}

void Session::connect() {
  socket_ = plan_.address.unix_path.empty() ? connect_tcp(plan_.address) : connect_unix(plan_.address.unix_path);
}

void Session::begin(std::uint32_t count, Moment moment) {
  begin_fills(moment);
  const std::uint64_t begun_before = begun_;
  for (std::uint32_t i = 0; i < count && begun_ < quota_; ++i) {
    Moment own = moment;
    own.measured = moment.measured && begun_ >= warmup_quota_;
    ++begun_;
    const bool sets = plan_.prefill || (plan_.set_share > 0 && random_.unit() < plan_.set_share);
    if (sets) {
      append_set(keys_to_ask_.next(), Kind::kSet, own);
    } else {
      append_get(own);
    }
  }
  if (plan_.redis_replicas != 0 && begun_ != begun_before) resp::append_wait(plan_.redis_replicas, out_);
}

void Session::begin_fills(Moment moment) {
  moment.measured = moment.measured && begun_ >= warmup_quota_;
  for (const std::uint64_t id : missed_) append_set(id, Kind::kFill, moment);
  missed_.clear();
}

void Session::append_get(Moment moment) {
  protocol::RequestWriter writer(plan_.dialect, out_);
  KeyNames::Buffer name;
  if (plan_.keys_per_get == 1) {
    const std::uint64_t id = keys_to_ask_.next();
    writer.get(plan_.names.spell(id, name));
    keys_.push(id);
  } else {
    writer.begin_multiget();
    for (std::uint32_t i = 0; i < plan_.keys_per_get; ++i) {
      const std::uint64_t id = keys_to_ask_.next();
      writer.add_key(plan_.names.spell(id, name));
      keys_.push(id);
    }
    writer.end_multiget();
  }
  pending_.push({moment.intended_ns, plan_.keys_per_get, 0, 0, Kind::kGet, moment.measured});
}

void Session::append_set(std::uint64_t id, Kind kind, Moment moment) {
  // Size and time to live belong to the key, unless values are to change.
  const std::uint64_t nonce = plan_.values_change ? random_.next() : 0;
  const std::uint64_t bytes = plan_.value_bytes.at(scatter(id ^ nonce ^ 0x73697a65));
  value_.clear();
  plan_.values.append({id, nonce, bytes}, value_);
  pending_.push({moment.intended_ns, 0, 0, 0, kind, moment.measured});
  KeyNames::Buffer name;
  if (plan_.redis) return resp::append_set(plan_.names.spell(id, name), value_, out_);
  protocol::RequestWriter writer(plan_.dialect, out_);
  writer.store(protocol::StoreMode::kSet,
               {.key = plan_.names.spell(id, name),
                .value = value_,
                .client_flags = 0,
                .exptime = static_cast<std::int64_t>(plan_.ttl_s.at(scatter(id ^ 0x74746c)))});
}

void Session::flush() {
  if (closed() || !has_unsent()) return;
  const ssize_t sent = send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) close_with(std::string("send failed: ") + std::strerror(errno));
    return;
  }
  measurements_.all.add(Count::kBytesSent, static_cast<std::uint64_t>(sent));
  sent_ += static_cast<std::size_t>(sent);
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
}

void Session::make_room() {
  if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
  const std::size_t wanted = std::max(in_end_ - in_begin_ + kLeastReadBytes, needed_);
  if (in_begin_ + wanted <= in_.size() && in_.size() - in_end_ >= kLeastReadBytes) return;
  if (in_begin_ != 0) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (wanted > in_.size()) in_.resize(wanted + kLeastReadBytes);
}

void Session::receive() {
  if (closed()) return;
  make_room();
  const std::size_t room = in_.size() - in_end_;
  const ssize_t received = recv(socket_, in_.data() + in_end_, room, MSG_DONTWAIT);
  if (received < 0) {
    if (errno != EAGAIN && errno != EINTR) close_with(std::string("receive failed: ") + std::strerror(errno));
    return;
  }
  if (received == 0) {
    close_with("the server closed the connection");
    return;
  }
  const std::uint64_t now = now_ns();
  measurements_.all.add(Count::kBytesReceived, static_cast<std::uint64_t>(received));
  in_end_ += static_cast<std::size_t>(received);
  parse(now);
  if (static_cast<std::size_t>(received) == room && in_.size() < kMaxReadBytes) in_.resize(in_.size() * 2);
}

void Session::parse(std::uint64_t now_ns) {
  if (plan_.redis) return parse_redis(now_ns);
  Reply reply;
  while (in_begin_ < in_end_ && in_end_ - in_begin_ >= needed_) {
    const std::string_view input(in_.data() + in_begin_, in_end_ - in_begin_);
    const protocol::ReplyParsed parsed = protocol::parse_reply(plan_.dialect, input, reply);
    if (parsed.status == protocol::ReplyParsed::Status::kIncomplete) {
      needed_ = std::max(parsed.needed, input.size() + 1);
      return;
    }
    if (parsed.status == protocol::ReplyParsed::Status::kMalformed || pending_.empty()) {
      close_with("unexpected answer: '" + std::string(input.substr(0, 60)) + "'");
      return;
    }
    needed_ = 0;
    in_begin_ += parsed.consumed;
    on_reply(reply, now_ns);
  }
}

// With WAIT a batch's sets are done when that is answered.
void Session::parse_redis(std::uint64_t now_ns) {
  using Answer = resp::Reply::Kind;
  while (in_begin_ < in_end_) {
    const std::string_view input(in_.data() + in_begin_, in_end_ - in_begin_);
    const resp::Reply reply = resp::parse_reply(input);
    if (reply.kind == Answer::kIncomplete) return;
    const bool of_wait = reply.kind == Answer::kInteger;
    if (reply.kind == Answer::kMalformed || (of_wait ? waiting_ == 0 : waiting_ == pending_.size()))
      return close_with("unexpected answer: '" + std::string(input.substr(0, 60)) + "'");
    in_begin_ += reply.consumed;
    if (reply.kind == Answer::kError) fail(reply.text);
    if (of_wait && reply.integer < plan_.redis_replicas) fail("too few replicas");
    if (!of_wait) ++waiting_;
    if (!of_wait && plan_.redis_replicas != 0) continue;
    for (; waiting_ != 0; --waiting_) complete(now_ns);
  }
}

void Session::on_reply(const Reply& reply, std::uint64_t now_ns) {
  if (pending_.front().kind == Kind::kGet) {
    on_get_reply(reply, now_ns);
    return;
  }
  if (reply.kind != ReplyKind::kStored && reply.kind != ReplyKind::kOk) fail(reply);
  complete(now_ns);
}

void Session::on_get_reply(const Reply& reply, std::uint64_t now_ns) {
  const bool ended_by_word = plan_.dialect == Dialect::kText || pending_.front().keys > 1;
  if (reply.kind == ReplyKind::kValue) {
    on_hit(reply);
    if (!ended_by_word) complete(now_ns);
    return;
  }
  const bool expected =
      reply.kind == ReplyKind::kEnd || reply.kind == ReplyKind::kMiss || reply.kind == ReplyKind::kNoop;
  if (!expected) fail(reply);
  // A failed key of a quiet multiget is answered by itself; the noop behind it is still to come.
  if (!expected && plan_.dialect != Dialect::kText && ended_by_word) return;
  while (pending_.front().asked < pending_.front().keys) on_miss(pending_.front());
  complete(now_ns);
}

void Session::on_hit(const Reply& reply) {
  Pending& get = pending_.front();
  if (match_keys_ && get.keys > 1) {
    // Values come in the order of the keys; those passed over were not there.
    KeyNames::Buffer name;
    while (get.asked < get.keys && plan_.names.spell(keys_.front(), name) != reply.key) on_miss(get);
  }
  if (get.asked == get.keys) {
    count(get, Count::kMismatches);
    measurements_.note_problem("a value that was not asked for: key '" + std::string(reply.key) + "'");
    return;
  }
  const std::uint64_t id = keys_.pop();
  ++get.asked;
  ++get.hits;
  count(get, Count::kHits);
  count_hit_window(get, true);
  if (!plan_.verify) return;
  KeyNames::Buffer name;
  const bool right_name = reply.key.empty() || reply.key == plan_.names.spell(id, name);
  const bool right_length = plan_.values_change || reply.value.size() == plan_.value_bytes.at(scatter(id ^ 0x73697a65));
  if (right_name && right_length && plan_.values.belongs_to(id, reply.value)) return;
  count(get, Count::kMismatches);
  measurements_.note_problem("wrong value of " + std::to_string(reply.value.size()) + " bytes under key '" +
                             std::string(plan_.names.spell(id, name)) + "'");
}

void Session::on_miss(Pending& get) {
  const std::uint64_t id = keys_.pop();
  ++get.asked;
  count_hit_window(get, false);
  if (plan_.cache_aside) missed_.push_back(id);
}

void Session::complete(std::uint64_t now_ns) {
  const Pending operation = pending_.pop();
  const std::uint64_t latency_ns = now_ns > operation.intended_ns ? now_ns - operation.intended_ns : 0;
  switch (operation.kind) {
    case Kind::kGet:
      count(operation, Count::kOperations);
      count(operation, Count::kGets);
      count(operation, Count::kKeys, operation.keys);
      if (operation.measured) measurements_.get_ns.record(latency_ns);
      return;
    case Kind::kSet:
      count(operation, Count::kOperations);
      count(operation, Count::kSets);
      if (operation.measured) measurements_.set_ns.record(latency_ns);
      return;
    case Kind::kFill:
      count(operation, Count::kFills);
      if (operation.measured) measurements_.set_ns.record(latency_ns);
      return;
  }
}

void Session::count(const Pending& operation, Count what, std::uint64_t by) {
  measurements_.all.add(what, by);
  if (operation.measured) measurements_.measured.add(what, by);
}

void Session::count_hit_window(const Pending& operation, bool hit) {
  if (window_keys_ == 0 || !operation.measured) return;
  const auto window = static_cast<std::size_t>(windowed_keys_++ / window_keys_);
  if (window >= measurements_.hit_windows.size()) measurements_.hit_windows.resize(window + 1);
  ++measurements_.hit_windows[window].keys;
  if (hit) ++measurements_.hit_windows[window].hits;
}

void Session::fail(const Reply& reply) {
  count(pending_.front(), Count::kErrors);
  measurements_.note_problem("the server answered an error: '" + std::string(reply.value.substr(0, 100)) + "'" +
                             (reply.status != 0 ? " (status " + std::to_string(reply.status) + ")" : ""));
}

void Session::fail(std::string_view answer) {
  count(pending_.front(), Count::kErrors);
  measurements_.note_problem("the server answered an error: '" + std::string(answer.substr(0, 100)) + "'");
}

void Session::close_with(const std::string& problem) {
  measurements_.note_problem("connection " + std::to_string(index_) + ": " + problem);
  ::close(socket_);
  socket_ = -1;
  while (!pending_.empty()) count(pending_.pop(), Count::kErrors);
  waiting_ = 0;
  while (!keys_.empty()) (void)keys_.pop();
  missed_.clear();
  out_.clear();
  sent_ = 0;
}

void Session::give_up(std::uint64_t now_ns) {
  while (!pending_.empty()) {
    const Pending operation = pending_.pop();
    count(operation, Count::kUnanswered);
    if (!operation.measured || now_ns < operation.intended_ns) continue;
    (operation.kind == Kind::kGet ? measurements_.get_ns : measurements_.set_ns).record(now_ns - operation.intended_ns);
  }
}

}  // namespace lmc::bench

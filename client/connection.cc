#include "client/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace lmc::client {
namespace {

using protocol::Dialect;
using protocol::Reply;
using protocol::ReplyKind;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kQuotedBytes = 80;  // of a malformed answer

int milliseconds_left(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 1'000'000'000));
}

// Whether the socket became ready for `events` in time.
bool wait_for(int socket, short events, std::chrono::steady_clock::time_point deadline) {
  while (true) {
    pollfd waiting{socket, events, 0};
    const int ready = poll(&waiting, 1, milliseconds_left(deadline));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// Connects within the deadline; -1 and errno when it cannot.
int connect_to(const sockaddr* address, socklen_t length, std::chrono::steady_clock::time_point deadline) {
  const int socket = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  int error = 0;
  if (::connect(socket, address, length) != 0) error = errno;
  if (error == EINPROGRESS) {
    socklen_t error_length = sizeof(error);
    error = ETIMEDOUT;
    if (wait_for(socket, POLLOUT, deadline)) getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &error_length);
  }
  if (error == 0) return socket;
  ::close(socket);
  errno = error;
  return -1;
}

int connect_unix(const std::string& path, std::chrono::steady_clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof(address), deadline);
}

int connect_tcp(const Endpoint& endpoint, std::chrono::steady_clock::time_point deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found) != 0) {
    errno = EHOSTUNREACH;
    return -1;
  }
  int socket = -1;
  for (const addrinfo* candidate = found; candidate != nullptr && socket < 0; candidate = candidate->ai_next) {
    socket = connect_to(candidate->ai_addr, candidate->ai_addrlen, deadline);
  }
  const int error = errno;
  freeaddrinfo(found);
  if (socket < 0) {
    errno = error;
    return -1;
  }
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket;
}

Outcome outcome_of(ReplyKind kind) {
  switch (kind) {
    case ReplyKind::kValue:
    case ReplyKind::kStored:
    case ReplyKind::kDeleted:
    case ReplyKind::kTouched:
    case ReplyKind::kOk:
    case ReplyKind::kNumber:
    case ReplyKind::kNoop:
    case ReplyKind::kVersion:
    case ReplyKind::kStat:
      return Outcome::kDone;
    case ReplyKind::kEnd:
    case ReplyKind::kMiss:
    case ReplyKind::kNotFound:
      return Outcome::kNotFound;
    case ReplyKind::kNotStored:
      return Outcome::kNotStored;
    case ReplyKind::kExists:
      return Outcome::kExists;
    case ReplyKind::kError:
    case ReplyKind::kClientError:
    case ReplyKind::kServerError:
      return Outcome::kRefused;
    case ReplyKind::kLine:
      return Outcome::kMalformed;
  }
  return Outcome::kMalformed;
}

std::string message_of(const Reply& reply) {
  if (reply.kind == ReplyKind::kError && reply.value.empty()) return "ERROR";
  return std::string(reply.value.substr(0, kQuotedBytes));
}

// The failure of one result as the failure of another type.
template <typename T, typename U>
Result<T> failed(Result<U>&& from) {
  return {from.outcome, T{}, std::move(from.message)};
}

Item item_of(const Reply& reply) {
  return {std::string(reply.value), reply.client_flags, reply.cas};
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kNotFound:
      return "not found";
    case Outcome::kNotStored:
      return "not stored";
    case Outcome::kExists:
      return "exists";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kTimedOut:
      return "timed out";
    case Outcome::kClosed:
      return "closed";
    case Outcome::kMalformed:
      return "malformed";
  }
  return "";
}

Result<Connection> Connection::open(const Endpoint& endpoint, Dialect dialect, milliseconds patience) {
  Result<Connection> result;
  result.value.dialect_ = dialect;
  result.value.patience_ = patience;
  const auto until = result.value.deadline();
  result.value.socket_ =
      endpoint.unix_path.empty() ? connect_tcp(endpoint, until) : connect_unix(endpoint.unix_path, until);
  if (result.value.socket_ >= 0) {
    result.outcome = Outcome::kDone;
  } else {
    result.outcome = errno == ETIMEDOUT ? Outcome::kTimedOut : Outcome::kClosed;
    result.message = std::strerror(errno);
  }
  return result;
}

Connection::~Connection() {
  close();
}

Connection::Connection(Connection&& other) noexcept {
  *this = std::move(other);
}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  close();
  socket_ = std::exchange(other.socket_, -1);
  dialect_ = other.dialect_;
  patience_ = other.patience_;
  out_ = std::move(other.out_);
  in_ = std::move(other.in_);
  consumed_ = std::exchange(other.consumed_, 0);
  return *this;
}

void Connection::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  in_.clear();
  consumed_ = 0;
}

void Connection::finish_sending() {
  if (socket_ >= 0) shutdown(socket_, SHUT_WR);
}

protocol::RequestWriter Connection::writer() {
  out_.clear();
  return {dialect_, out_};
}

bool Connection::send(std::string_view bytes) {
  return send_until(bytes, deadline());
}

bool Connection::send_until(std::string_view bytes, Clock::time_point until) {
  while (!bytes.empty()) {
    if (!is_open()) return false;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(socket_, POLLOUT, until)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

Outcome Connection::receive_more(Clock::time_point until) {
  if (!is_open()) return Outcome::kClosed;
  if (!wait_for(socket_, POLLIN, until)) return Outcome::kTimedOut;
  const std::size_t had = in_.size();
  in_.resize(had + kReadBytes);
  const ssize_t received = recv(socket_, in_.data() + had, kReadBytes, 0);
  in_.resize(had + (received > 0 ? static_cast<std::size_t>(received) : 0));
  if (received > 0) return Outcome::kDone;
  return received < 0 && (errno == EAGAIN || errno == EINTR) ? Outcome::kDone : Outcome::kClosed;
}

void Connection::drop_consumed() {
  in_.erase(0, consumed_);
  consumed_ = 0;
}

Result<Reply> Connection::reply() {
  drop_consumed();
  Result<Reply> result;
  const auto until = deadline();
  std::size_t needed = 1;
  while (true) {
    if (in_.size() >= needed) {
      const auto parsed = protocol::parse_reply(dialect_, in_, result.value);
      if (parsed.status == protocol::ReplyParsed::Status::kReply) {
        consumed_ = parsed.consumed;
        result.outcome = Outcome::kDone;
        return result;
      }
      if (parsed.status == protocol::ReplyParsed::Status::kMalformed) {
        result.outcome = Outcome::kMalformed;
        result.message = in_.substr(0, kQuotedBytes);
        break;
      }
      needed = std::max(parsed.needed, in_.size() + 1);
    }
    result.outcome = receive_more(until);
    if (result.outcome != Outcome::kDone) break;
  }
  result.value = {};
  close();
  return result;
}

Result<std::string> Connection::receive_until(std::string_view end) {
  drop_consumed();
  Result<std::string> result;
  const auto until = deadline();
  std::size_t searched = 0;
  while (true) {
    const std::size_t found = end.empty() ? std::string::npos : in_.find(end, searched);
    if (found != std::string::npos) {
      result.outcome = Outcome::kDone;
      result.value = in_.substr(0, found + end.size());
      consumed_ = result.value.size();
      return result;
    }
    searched = in_.size() > end.size() ? in_.size() - end.size() : 0;
    result.outcome = receive_more(until);
    if (result.outcome == Outcome::kDone) continue;
    result.value = std::move(in_);
    close();
    return result;
  }
}

Result<std::string> Connection::exchange(std::string_view bytes, std::string_view end) {
  // A peer that closed in the middle may have said why: what it said is read in any case.
  (void)send(bytes);
  return receive_until(end);
}

template <typename T>
Result<T> Connection::request(T (*take)(const Reply& reply)) {
  if (!send_until(out_, deadline())) {
    const bool was_open = is_open();
    close();
    return {was_open ? Outcome::kTimedOut : Outcome::kClosed, T{}, "could not send"};
  }
  Result<Reply> answer = reply();
  if (!answer.ok()) return failed<T>(std::move(answer));
  Result<T> result;
  result.outcome = outcome_of(answer.value.kind);
  if (result.ok()) {
    result.value = take(answer.value);
  } else {
    result.message = message_of(answer.value);
  }
  if (result.outcome == Outcome::kMalformed) close();
  return result;
}

Status Connection::request_status() {
  return request<Nothing>([](const Reply&) { return Nothing{}; });
}

Result<Item> Connection::get(std::string_view key) {
  return get_one(key, false);
}

Result<Item> Connection::gets(std::string_view key) {
  return get_one(key, true);
}

Result<Item> Connection::get_one(std::string_view key, bool with_cas) {
  writer().get(key, with_cas);
  Result<Item> result = request<Item>(item_of);
  if (!result.ok() || dialect_ != Dialect::kText) return result;
  Result<Reply> end = reply();
  if (end.ok() && end.value.kind == ReplyKind::kEnd) return result;
  close();
  return {Outcome::kMalformed, {}, "no END behind the value"};
}

Result<std::vector<std::optional<Item>>> Connection::multiget(std::span<const std::string_view> keys) {
  Result<std::vector<std::optional<Item>>> result;
  writer().multiget(keys);
  result.value.resize(keys.size());
  if (!send_until(out_, deadline())) {
    close();
    return result;
  }
  std::size_t next = 0;  // values come in the order of the keys
  while (true) {
    Result<Reply> answer = reply();
    if (!answer.ok()) return failed<std::vector<std::optional<Item>>>(std::move(answer));
    if (answer.value.kind == ReplyKind::kValue) {
      while (next < keys.size() && keys[next] != answer.value.key) ++next;
      if (next < keys.size()) {
        result.value[next++] = item_of(answer.value);
        continue;
      }
    } else if (answer.value.kind == ReplyKind::kEnd || answer.value.kind == ReplyKind::kNoop) {
      result.outcome = Outcome::kDone;
      return result;
    } else if (outcome_of(answer.value.kind) == Outcome::kRefused && dialect_ == Dialect::kText) {
      return {Outcome::kRefused, {}, message_of(answer.value)};
    }
    close();
    return {Outcome::kMalformed, {}, message_of(answer.value)};
  }
}

Status Connection::set(std::string_view key, std::string_view value, StoreOptions options) {
  return store(protocol::StoreMode::kSet, key, value, options);
}

Status Connection::store(protocol::StoreMode mode, std::string_view key, std::string_view value, StoreOptions options) {
  writer().store(mode, {key, value, options.client_flags, options.exptime, std::nullopt});
  Status status = request_status();
  // Binary says "exists" and "not found" where text says that it did not store.
  if (mode == protocol::StoreMode::kAdd && status.outcome == Outcome::kExists) status.outcome = Outcome::kNotStored;
  if (mode == protocol::StoreMode::kReplace && status.outcome == Outcome::kNotFound)
    status.outcome = Outcome::kNotStored;
  return status;
}

Status Connection::cas(std::string_view key, std::string_view value, std::uint64_t unique, StoreOptions options) {
  writer().store(protocol::StoreMode::kSet, {key, value, options.client_flags, options.exptime, unique});
  return request_status();
}

Status Connection::remove(std::string_view key) {
  writer().remove(key);
  return request_status();
}

Status Connection::touch(std::string_view key, std::int64_t exptime) {
  writer().touch(key, exptime);
  return request_status();
}

Result<std::uint64_t> Connection::incr(std::string_view key, std::uint64_t delta) {
  return arithmetic({key, delta, false});
}

Result<std::uint64_t> Connection::decr(std::string_view key, std::uint64_t delta) {
  return arithmetic({key, delta, true});
}

Result<std::uint64_t> Connection::arithmetic(const protocol::ArithmeticArguments& arguments) {
  writer().arithmetic(arguments);
  return request<std::uint64_t>([](const Reply& reply) {
    if (reply.kind != ReplyKind::kValue) return reply.number;
    std::uint64_t number = 0;  // meta answers with a value
    for (const char digit : reply.value) number = number * 10 + static_cast<std::uint64_t>(digit - '0');
    return number;
  });
}

Status Connection::flush_all(std::uint32_t delay_s) {
  writer().flush_all(delay_s);
  return request_status();
}

Result<std::string> Connection::version() {
  writer().version();
  return request<std::string>([](const Reply& reply) { return std::string(reply.value); });
}

Result<std::vector<std::pair<std::string, std::string>>> Connection::stats(std::string_view group) {
  Result<std::vector<std::pair<std::string, std::string>>> result;
  writer().stats(group);
  if (!send_until(out_, deadline())) {
    close();
    return result;
  }
  while (true) {
    Result<Reply> answer = reply();
    if (!answer.ok()) return failed<std::vector<std::pair<std::string, std::string>>>(std::move(answer));
    if (answer.value.kind == ReplyKind::kStat) {
      result.value.emplace_back(answer.value.key, answer.value.value);
      continue;
    }
    const bool ended =
        answer.value.kind == ReplyKind::kEnd || answer.value.kind == ReplyKind::kOk;  // OK: `stats reset`
    result.outcome = ended ? Outcome::kDone : outcome_of(answer.value.kind);
    if (!ended) result.message = message_of(answer.value);
    return result;
  }
}

}  // namespace lmc::client

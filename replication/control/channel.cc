#include "replication/control/channel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "replication/fabric/sockets.h"

namespace lmc::replication {

namespace {

constexpr std::string_view kClosed = "closed by the other end";
constexpr std::size_t kReadBytes = std::size_t{256} << 10;     // at a time, before others are looked after
constexpr std::size_t kMostSentAtOnce = std::size_t{1} << 20;  // before others are looked after
constexpr std::size_t kMaxFrameBytes = kMaxMessageBytes + kFrameOverheadBytes;

std::string draw_nonce() {
  std::string nonce(kNonceBytes, '\0');
  if (::getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size()))
    throw std::runtime_error("cannot draw a nonce: check getrandom(2)");
  return nonce;
}

}  // namespace

Channel::Channel(Reactor& reactor, const GroupSecret& secret, const std::string& address, PeerObserver& observer)
    : reactor_(reactor),
      name_(address),
      observer_(&observer),
      handshake_(Handshake::Side::kClient, secret, draw_nonce()),
      state_(State::kConnecting),
      timer_(reactor.timer([this] { report_failure(); })) {
  connect();
}

void Channel::connect() {
  std::string why;
  socket_ = begin_connect(name_, why);
  if (!socket_) return fail(why, false);
  begin();
  watch_->want({false, true});
}

Channel::Channel(Reactor& reactor, const GroupSecret& secret, Fd socket, std::string name, PeerObserver& observer)
    : reactor_(reactor),
      name_(std::move(name)),
      observer_(&observer),
      handshake_(Handshake::Side::kServer, secret, draw_nonce()),
      state_(State::kShaking),
      socket_(std::move(socket)),
      timer_(reactor.timer([this] { report_failure(); })) {
  begin();
  watch_->want({true, false});
}

Channel::~Channel() {
  close();
}

void Channel::begin() {
  const int on = 1;
  (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  watch_ = reactor_.watch(socket_.get(), [this](Readiness ready) { on_ready(ready); });
  timer_->set(kHandshakeLimit);
}

void Channel::on_ready(Readiness ready) {
  if (failure_) return;
  if (state_ == State::kConnecting) return on_connected();
  if (ready.writable) {
    sent_at_once_ = 0;
    flush();
  }
  tell_room();
  if (ready.readable && state_ != State::kClosed && !failure_) read();
}

void Channel::on_connected() {
  if (const int error = connect_error(socket_.get()); error != 0)
    return fail("connecting: " + std::string(std::strerror(error)), false);
  state_ = State::kShaking;
  out_ = handshake_.take_output();
  flush();
}

void Channel::read() {
  char bytes[64 << 10];
  for (std::size_t total = 0; total < kReadBytes && state_ != State::kClosed && !failure_;) {
    const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got == 0) return fail(std::string(kClosed), state_ == State::kUp);
    if (got < 0) return fail_by(errno);
    total += static_cast<std::size_t>(got);
    const std::string_view read(bytes, static_cast<std::size_t>(got));
    if (state_ == State::kShaking)
      shake(read);
    else
      reader_->feed(read);
    if (state_ == State::kUp) take_frames();
    if (got < static_cast<ssize_t>(sizeof bytes)) return;
  }
}

void Channel::shake(std::string_view bytes) {
  handshake_.feed(bytes);
  out_ += handshake_.take_output();
  flush();
  if (failure_) return;
  if (handshake_.state() == Handshake::State::kFailed) return fail(handshake_.error(), false);
  if (handshake_.state() != Handshake::State::kDone) return;
  writer_.emplace(handshake_.send_key());
  reader_.emplace(handshake_.receive_key());
  reader_->feed(bytes);
  timer_->cancel();
  state_ = State::kUp;
  observer_->on_up();
}

void Channel::take_frames() {
  while (state_ == State::kUp && !failure_) {
    std::string_view message;
    const FrameReader::Status status = reader_->next(message);
    if (status == FrameReader::Status::kIncomplete) return;
    if (status == FrameReader::Status::kRefused) return fail(reader_->error(), false);
    observer_->on_message(message);
  }
}

bool Channel::send(std::string_view message) {
  if (state_ == State::kClosed || failure_) return true;  // the observer is about to be told
  if (state_ != State::kUp) return false;
  if (message.size() > kMaxMessageBytes) return false;
  if (queued_bytes() + message.size() > kMaxQueuedBytes) {
    room_wanted_ = true;
    return false;
  }
  writer_->write(out_, message);
  // Who sends much, to a peer that reads as fast, would else go on within one call, and keep others waiting.
  sent_at_once_ += message.size();
  if (sent_at_once_ <= kMostSentAtOnce)
    flush();
  else if (watch_)
    watch_->want({true, true});
  return true;
}

void Channel::flush() {
  while (sent_ != out_.size()) {
    const ssize_t got = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return fail_by(errno);
    if (got < 0) break;
    sent_ += static_cast<std::size_t>(got);
  }
  if (sent_ == out_.size() || sent_ > std::max(kMaxFrameBytes, queued_bytes())) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  if (watch_) watch_->want({true, sent_ != out_.size()});
}

// Of a system call on the socket. EPIPE: the peer's close had come, in order, before what was sent was refused. A reset
// may as well come from something between, while the peer lives and holds to its lease.
void Channel::fail_by(int error) {
  if (error == EPIPE) return fail(std::string(kClosed), state_ == State::kUp);
  std::string cause = std::strerror(error);
  if (error == ECONNRESET)
    cause += " (its process has ended with bytes unread, or something between cut the connection)";
  fail(std::move(cause), false);
}

void Channel::tell_room() {
  if (!room_wanted_ || state_ != State::kUp || failure_ || queued_bytes() > kMaxQueuedBytes / 2) return;
  room_wanted_ = false;
  observer_->on_room();
}

// Told by the timer: fail() may be within a call of the observer's.
void Channel::fail(std::string cause, bool by_peer) {
  if (failure_) return;
  failure_ = std::move(cause);
  failed_by_peer_ = by_peer;
  if (watch_) watch_->want({});
  timer_->set({});
}

void Channel::report_failure() {
  if (state_ == State::kClosed) return;
  const std::string cause = failure_.value_or("no handshake in time");
  PeerObserver& observer = *observer_;
  drop();
  observer.on_down(cause, failed_by_peer_);
}

// What was sent last goes, if the socket takes it now.
void Channel::close() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kUp && !failure_) flush();
  drop();
}

void Channel::drop() {
  state_ = State::kClosed;
  timer_->cancel();
  watch_.reset();
  socket_.reset();
}

}  // namespace lmc::replication

#include "replication/fabric/tcp/tcp_link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "replication/fabric/chain_limits.h"
#include "replication/fabric/reads_as_a_card.h"
#include "replication/fabric/sockets.h"

namespace lmc::replication {

namespace {

constexpr std::size_t kPassBytes = std::size_t{1} << 20;  // read at a time, before others are looked after
constexpr std::size_t kPieces = 128;                      // of a sendmsg or readv

std::string text_of(int error) {
  return std::strerror(error);
}

std::size_t size_of(std::span<const iovec> pieces) {
  std::size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  return bytes;
}

std::string hello_of(const LinkPlan& plan) {
  const tcp::Hello hello{tcp::kVersion, static_cast<std::uint8_t>(plan.traffic), 0, plan.ticket};
  return {reinterpret_cast<const char*>(&hello), sizeof hello};
}

// A kernel that does not know one of them goes on without, and it is said.
void set_option(int socket, int level, int option, int value, std::string_view name, SayOnce& say) {
  if (::setsockopt(socket, level, option, &value, sizeof value) != 0)
    say("cannot set " + std::string(name) + " of the data links' sockets: " + text_of(errno) + "; they go on without");
}

int family_of(int socket) {
  int family = AF_UNSPEC;
  socklen_t size = sizeof family;
  (void)::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

void set_options(int socket, const TcpOptions& options, SayOnce& say) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY", say);
  const auto limit = static_cast<int>(options.unacknowledged_limit.count());
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, limit, "TCP_USER_TIMEOUT", say);
  if (options.type_of_service == 0) return;
  // A socket of IPv6 may carry IPv4.
  set_option(socket, IPPROTO_IP, IP_TOS, options.type_of_service, "IP_TOS (--replication-tos)", say);
  if (family_of(socket) == AF_INET6)
    set_option(socket, IPPROTO_IPV6, IPV6_TCLASS, options.type_of_service, "IPV6_TCLASS (--replication-tos)", say);
}

}  // namespace

TcpLink::TcpLink(TcpFabric& fabric, const LinkPlan& plan, LinkObserver& observer)
    : fabric_(fabric),
      plan_(plan),
      observer_(&observer),
      timer_(fabric.reactor_.timer([this] { report_failure(); })),
      decoder_(plan.exposed) {}

TcpLink::~TcpLink() {
  close();
}

void TcpLink::connect(std::string_view address) {
  state_ = State::kConnecting;
  std::string why;
  socket_ = begin_connect(address, why);
  if (!socket_) return fail(why);
  set_options(socket_.get(), fabric_.options_, fabric_.say_once_);
  failure_ = "no link with " + std::string(address) + " in time";
  timer_->set(fabric_.options_.connect_timeout);
  watch_ = fabric_.reactor_.watch(socket_.get(), [this](Readiness ready) { on_ready(ready); });
  watch_->want({false, true});
}

void TcpLink::take(Fd socket) {
  socket_ = std::move(socket);
  set_options(socket_.get(), fabric_.options_, fabric_.say_once_);
  watch_ = fabric_.reactor_.watch(socket_.get(), [this](Readiness ready) { on_ready(ready); });
  frames_.add_hello(hello_of(plan_));
  come_up();
}

void TcpLink::on_ready(Readiness ready) {
  if (state_ == State::kConnecting) return on_connected();
  // What landed while the socket took nothing is acknowledged when it does.
  if (ready.writable && !(flush(fabric_.counters_.doorbells) && acknowledge())) return;
  if (!ready.readable) return;
  if (state_ == State::kGreeting) return read_hello();
  if (state_ == State::kUp) read();
}

void TcpLink::on_connected() {
  if (const int error = connect_error(socket_.get()); error != 0) {
    fail("connecting: " + text_of(error));
    return report_failure();
  }
  frames_.add_hello(std::string(tcp::kMagic, sizeof tcp::kMagic) + hello_of(plan_));
  state_ = State::kGreeting;
  (void)flush(fabric_.counters_.doorbells);
}

// The other end answers with the same hello.
void TcpLink::read_hello() {
  char bytes[sizeof(tcp::Hello)];
  const ssize_t got = ::read(socket_.get(), bytes, sizeof bytes - hello_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    fail(got == 0 ? "the other end does not take the link" : text_of(errno));
    return report_failure();
  }
  hello_.append(bytes, static_cast<std::size_t>(got));
  std::uint16_t version = tcp::kVersion;
  if (hello_.size() >= sizeof version) std::memcpy(&version, hello_.data(), sizeof version);
  if (version != tcp::kVersion) {
    fail(tcp::name_versions(version));
    return report_failure();
  }
  if (hello_.size() < sizeof bytes) return;
  if (hello_ != hello_of(plan_)) {
    fail("the other end answers for another link");
    return report_failure();
  }
  come_up();
}

void TcpLink::come_up() {
  timer_->cancel();
  failure_.clear();
  state_ = State::kUp;
  want();
  if (!frames_.empty() && !flush(fabric_.counters_.doorbells)) return report_failure();
  observer_->on_up();
}

// --- out ---

void TcpLink::queue(std::span<const Write> chain) {
  told_landed_ = decoder_.chains_landed();
  frames_.add_frame(chain, told_landed_);
}

void TcpLink::post(std::span<const Write> chain) {
  if (state_ == State::kClosed || !failure_.empty()) return;  // the observer is about to be told
  if (state_ != State::kUp) end_for_breach("tcp", "a chain is posted before it is up");
  require_within_limits(chain, posted_ - completed_, "tcp");
  ++posted_;
  ++fabric_.counters_.chains;
  queue(chain);
  if (!waits_for_room_) (void)flush(fabric_.counters_.doorbells);
}

bool TcpLink::flush(std::uint64_t& calls) {
  const ReadsAsACardWould reads;
  while (!frames_.empty()) {
    iovec pieces[kPieces];
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = frames_.gather(pieces);
    const std::size_t offered = size_of({pieces, message.msg_iovlen});
    ++calls;
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      fail("sending: " + text_of(errno));
      return false;
    }
    const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    frames_.consume(taken);
    fabric_.counters_.bytes += taken;
    if (taken == offered) continue;
    ++fabric_.counters_.waits;
    break;
  }
  waits_for_room_ = !frames_.empty();
  want();
  return true;
}

// By a frame of its own, if no chain has told it. One at a time: a peer that sends and does not read must not make
// them pile up.
bool TcpLink::acknowledge() {
  if (state_ != State::kUp || waits_for_room_ || told_landed_ == decoder_.chains_landed()) return true;
  queue({});
  return flush(fabric_.counters_.acknowledgements);
}

void TcpLink::want() {
  if (watch_) watch_->want({true, waits_for_room_});
}

// --- in ---

// One readv of `most` bytes at most. `all`: there was no more to be had.
ssize_t TcpLink::read_once(std::size_t most, bool& all) {
  iovec pieces[kPieces];
  std::size_t count = decoder_.where(pieces);
  std::size_t room = 0;
  for (std::size_t i = 0; i < count; ++i) {
    pieces[i].iov_len = std::min(pieces[i].iov_len, most - room);
    room += pieces[i].iov_len;
    if (room == most) count = i + 1;
  }
  ++fabric_.counters_.reads;
  const ssize_t got = ::readv(socket_.get(), pieces, static_cast<int>(count));
  all = got < 0 || static_cast<std::size_t>(got) < room;
  return got;
}

// What is wrong with what the peer has sent; nothing, as a rule.
std::string TcpLink::objection() const {
  if (!decoder_.broken().empty()) return decoder_.broken();
  if (decoder_.peer_landed() > frames_.chains_sent()) return "more chains landed than were sent";
  return {};
}

void TcpLink::read() {
  const std::uint64_t landed_before = decoder_.chains_landed();
  std::string cause;
  bool honest = true;
  bool all = false;
  for (std::size_t total = 0; total < kPassBytes && !all && cause.empty();) {
    const ssize_t got = read_once(kPassBytes - total, all);
    if (got < 0 && errno == EINTR) {
      all = false;
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got <= 0) {
      cause = got == 0 ? "closed by the other end" : text_of(errno);
      break;
    }
    total += static_cast<std::size_t>(got);
    (void)decoder_.took(static_cast<std::size_t>(got));
    cause = objection();
    honest = cause.empty();
  }
  if (!cause.empty()) fail(cause);
  // Of a peer that is caught at a lie nothing is believed.
  tell(honest, landed_before);
}

// What a reading pass has brought. The observer may close the link in any call.
void TcpLink::tell(bool honest, std::uint64_t landed_before) {
  const std::uint64_t chains = honest ? decoder_.peer_landed() - completed_ : 0;
  if (chains != 0) {
    completed_ += chains;
    observer_->on_completed(static_cast<std::size_t>(chains));
    if (state_ == State::kClosed) return;
  }
  // First the word that it has landed, for which the peer waits, then what the observer makes of it.
  if (failure_.empty()) (void)acknowledge();
  if (decoder_.chains_landed() != landed_before) {
    observer_->on_arrival();
    if (state_ == State::kClosed) return;
  }
  if (!failure_.empty()) report_failure();
}

// --- the end ---

// The observer is told by the timer, or by who is not within a call of its.
void TcpLink::fail(std::string cause) {
  if (!failure_.empty() && state_ != State::kConnecting && state_ != State::kGreeting) return;
  failure_ = std::move(cause);
  if (watch_) watch_->want({});
  timer_->set({});
}

void TcpLink::report_failure() {
  if (state_ == State::kClosed) return;
  LinkObserver& observer = *observer_;
  const std::string cause = failure_;
  drop();
  observer.on_down(cause);
}

void TcpLink::revoke() {
  close();
}

// With a reset: what the peer has sent and nobody has read is not read any more, and it learns of it at once.
void TcpLink::close() {
  if (state_ == State::kClosed) return;
  if (socket_) set_reset_on_close(socket_.get());
  drop();
}

void TcpLink::drop() {
  state_ = State::kClosed;
  fabric_.accepting_.remove(plan_.ticket, *this);
  timer_->cancel();
  watch_.reset();
  socket_.reset();
  frames_.clear();
}

}  // namespace lmc::replication

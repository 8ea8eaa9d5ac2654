#include "replication/fabric/tcp/tcp_link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "replication/fabric/address.h"

namespace lmc::replication {

namespace {

constexpr std::size_t kPassBytes = std::size_t{1} << 20;  // read at a time, before others are looked after
constexpr std::size_t kPieces = 128;                      // of a sendmsg or readv

std::string text_of(int error) {
  return std::strerror(error);
}

void breach(const char* what) {
  std::fprintf(stderr, "tcp link: %s\n", what);
  std::abort();
}

std::string hello_of(const LinkPlan& plan) {
  const tcp::Hello hello{tcp::kVersion, static_cast<std::uint8_t>(plan.traffic), 0, plan.ticket};
  return {reinterpret_cast<const char*>(&hello), sizeof hello};
}

void set_options(int socket, const TcpOptions& options) {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto limit = static_cast<unsigned>(options.unacknowledged_limit.count());
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
  if (options.type_of_service == 0) return;
  (void)::setsockopt(socket, IPPROTO_IP, IP_TOS, &options.type_of_service, sizeof options.type_of_service);
  (void)::setsockopt(socket, IPPROTO_IPV6, IPV6_TCLASS, &options.type_of_service, sizeof options.type_of_service);
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
  const auto to = look_up(address, why);
  if (!to) return fail(why);
  socket_ = Fd(::socket(to->get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return fail("no socket: " + text_of(errno));
  set_options(socket_.get(), fabric_.options_);
  if (::connect(socket_.get(), to->get(), to->size) != 0 && errno != EINPROGRESS)
    return fail("connecting to " + std::string(address) + ": " + text_of(errno));
  failure_ = "no link with " + std::string(address) + " in time";
  timer_->set(fabric_.options_.connect_timeout);
  watch_ = fabric_.reactor_.watch(socket_.get(), [this](Readiness ready) { on_ready(ready); });
  watch_->want({false, true});
}

void TcpLink::take(Fd socket) {
  socket_ = std::move(socket);
  set_options(socket_.get(), fabric_.options_);
  watch_ = fabric_.reactor_.watch(socket_.get(), [this](Readiness ready) { on_ready(ready); });
  Frame hello;
  const std::string bytes = hello_of(plan_);
  hello.head.assign(bytes.begin(), bytes.end());
  hello.bytes = hello.head.size();
  frames_.push_back(std::move(hello));
  come_up();
}

void TcpLink::on_ready(Readiness ready) {
  if (state_ == State::kConnecting) return on_connected();
  if (state_ == State::kGreeting) return read_hello();
  if (ready.writable && !flush()) return;
  if (ready.readable && state_ == State::kUp) read();
}

void TcpLink::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    fail("connecting: " + text_of(error));
    return report_failure();
  }
  Frame hello;
  const std::string bytes = std::string(tcp::kMagic, sizeof tcp::kMagic) + hello_of(plan_);
  hello.head.assign(bytes.begin(), bytes.end());
  hello.bytes = hello.head.size();
  frames_.push_back(std::move(hello));
  state_ = State::kGreeting;
  (void)flush();
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
  if (hello_.size() < sizeof bytes) return;
  if (hello_ != hello_of(plan_)) {
    fail("the other end answers for another link, or in another version");
    return report_failure();
  }
  come_up();
}

void TcpLink::come_up() {
  timer_->cancel();
  failure_.clear();
  state_ = State::kUp;
  want();
  if (!frames_.empty() && !flush()) return report_failure();
  observer_->on_up();
}

// --- out ---

void TcpLink::queue(std::span<const Write> chain) {
  Frame frame;
  told_landed_ = decoder_.chains_landed();
  const tcp::FrameHeader header{tcp::kFrameMagic, static_cast<std::uint16_t>(chain.size()), 0, told_landed_};
  frame.head.resize(sizeof header + chain.size() * sizeof(tcp::Descriptor));
  std::memcpy(frame.head.data(), &header, sizeof header);
  char* to = frame.head.data() + sizeof header;
  std::size_t payload = 0;
  for (const Write& write : chain) {
    const tcp::Descriptor descriptor{
        write.offset, static_cast<std::uint32_t>(write.bytes.size()), static_cast<std::uint8_t>(write.region), {}};
    std::memcpy(to, &descriptor, sizeof descriptor);
    to += sizeof descriptor;
    payload += write.bytes.size();
  }
  frame.writes.assign(chain.begin(), chain.end());
  frame.bytes = frame.head.size() + payload;
  frame.chain = !chain.empty();
  fabric_.counters_.bytes += frame.bytes;
  frames_.push_back(std::move(frame));
}

void TcpLink::post(std::span<const Write> chain) {
  if (state_ == State::kClosed || !failure_.empty()) return;  // the observer is about to be told
  if (state_ != State::kUp) breach("a chain is posted before the link is up");
  if (chain.empty() || chain.size() > kMaxChainWrites) breach("a chain of no or too many writes");
  if (posted_ - completed_ >= kMaxOutstandingChains) breach("too many chains outstanding");
  ++posted_;
  ++fabric_.counters_.chains;
  queue(chain);
  if (!waits_for_room_) (void)flush();
}

std::size_t TcpLink::gather(std::span<iovec> out) const {
  std::size_t count = 0;
  std::size_t skip = sent_of_first_;
  const auto add = [&](const char* base, std::size_t size) {
    const std::size_t skipped = std::min(skip, size);
    skip -= skipped;
    if (skipped != size) out[count++] = {const_cast<char*>(base) + skipped, size - skipped};
    return count < out.size();
  };
  for (const Frame& frame : frames_) {
    if (!add(frame.head.data(), frame.head.size())) return count;
    for (const Write& write : frame.writes)
      if (!add(write.bytes.data(), write.bytes.size())) return count;
  }
  return count;
}

void TcpLink::consume(std::size_t bytes) {
  sent_of_first_ += bytes;
  while (!frames_.empty() && sent_of_first_ >= frames_.front().bytes) {
    sent_of_first_ -= frames_.front().bytes;
    frames_.pop_front();
  }
}

bool TcpLink::flush() {
  while (!frames_.empty()) {
    iovec pieces[kPieces];
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = gather(pieces);
    ++fabric_.counters_.sends;
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      fail("sending: " + text_of(errno));
      return false;
    }
    if (sent < 0) {
      ++fabric_.counters_.waits;
      break;
    }
    consume(static_cast<std::size_t>(sent));
  }
  waits_for_room_ = !frames_.empty();
  want();
  return true;
}

void TcpLink::want() {
  if (watch_) watch_->want({true, waits_for_room_});
}

// --- in ---

void TcpLink::read() {
  const std::uint64_t landed_before = decoder_.chains_landed();
  std::string cause;
  for (std::size_t total = 0; total < kPassBytes;) {
    iovec pieces[kPieces];
    const std::size_t count = decoder_.where(pieces);
    std::size_t room = 0;
    for (std::size_t i = 0; i < count; ++i) room += pieces[i].iov_len;
    ++fabric_.counters_.reads;
    const ssize_t got = ::readv(socket_.get(), pieces, static_cast<int>(count));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) cause = text_of(errno);
    if (got == 0) cause = "closed by the other end";
    if (got <= 0) break;
    if (!decoder_.took(static_cast<std::size_t>(got))) cause = decoder_.broken();
    if (decoder_.peer_landed() > posted_) cause = "more chains landed than were posted";
    if (!cause.empty()) break;
    total += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) < room) break;
  }
  if (!cause.empty()) fail(cause);
  tell(completed_, landed_before);
}

// What a reading pass has brought. The observer may close the link in any call.
void TcpLink::tell(std::uint64_t completed_before, std::uint64_t landed_before) {
  const std::uint64_t completed = std::min(decoder_.peer_landed(), posted_);
  if (completed > completed_before) {
    completed_ = completed;
    observer_->on_completed(static_cast<std::size_t>(completed - completed_before));
    if (state_ == State::kClosed) return;
  }
  if (decoder_.chains_landed() != landed_before) {
    observer_->on_arrival();
    if (state_ == State::kClosed) return;
  }
  if (!failure_.empty()) return report_failure();
  if (told_landed_ == decoder_.chains_landed()) return;
  queue({});
  if (!waits_for_room_ && !flush()) report_failure();
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
  if (socket_) {
    const linger reset{1, 0};
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  drop();
}

void TcpLink::drop() {
  state_ = State::kClosed;
  const auto waiting = fabric_.accepting_.find(plan_.ticket);
  if (waiting != fabric_.accepting_.end() && waiting->second == this) fabric_.accepting_.erase(waiting);
  timer_->cancel();
  watch_.reset();
  socket_.reset();
  frames_.clear();
}

}  // namespace lmc::replication

#include "replication/control/listener.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "replication/fabric/address.h"

namespace lmc::replication {

namespace {

constexpr std::string_view kDataMagic = "LMCDATA1";
constexpr int kBacklog = 128;
constexpr std::chrono::milliseconds kPause{200};

}  // namespace

// A connection until it is known what it is and may be.
class Listener::Guest final : public PeerObserver {
 public:
  Guest(Listener& listener, Fd socket, std::string name)
      : listener_(listener),
        name_(std::move(name)),
        socket_(std::move(socket)),
        watch_(listener.reactor_.watch(socket_.get(), [this](Readiness) { read_magic(); })),
        timeout_(listener.reactor_.timer([this] { on_late(); })) {
    watch_->want({true, false});
    timeout_->set(kHandshakeLimit);
  }
  void shake(Fd socket) {
    channel_ = std::make_unique<Channel>(listener_.reactor_, listener_.secret_, std::move(socket), name_, *this);
  }
  void close() {
    watch_.reset();
    socket_.reset();
    timeout_->cancel();
    if (channel_) channel_->close();
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void on_late() {
    if (channel_) listener_.say("refused a control connection from " + name_ + ": no handshake in time");
    listener_.leave(*this);
  }
  void read_magic() {
    char bytes[kControlMagic.size()];
    const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes - magic_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return listener_.leave(*this);
    magic_.append(bytes, static_cast<std::size_t>(got));
    if (magic_.size() < sizeof bytes) return;
    watch_.reset();
    listener_.on_magic(*this, std::move(socket_), magic_);
  }
  void on_up() override {
    std::unique_ptr<Peer> peer = std::move(channel_);
    Listener& listener = listener_;
    listener.leave(*this);
    listener.receivers_.control(std::move(peer));
  }
  void on_message(std::string_view) override {}
  void on_down(std::string_view cause, bool) override {
    listener_.say("refused a control connection from " + name_ + ": " + std::string(cause));
    listener_.leave(*this);
  }

  Listener& listener_;
  std::string name_;
  Fd socket_;
  std::string magic_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timeout_;
  std::unique_ptr<Channel> channel_;
};

Listener::Listener(Reactor& reactor, const GroupSecret& secret, const std::string& address, Receivers receivers)
    : reactor_(reactor),
      secret_(secret),
      receivers_(std::move(receivers)),
      again_(reactor.timer([this] {
        watch_->want({true, false});
      })),
      bury_(reactor.timer([this] { gone_.clear(); })) {
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error("cannot listen for replication on " + address + ": " + why);
  };
  std::string why;
  const auto at = look_up(address, why);
  if (!at) fail(why);
  socket_ = Fd(::socket(at->get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!socket_ || ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket_.get(), at->get(), at->size) != 0 || ::listen(socket_.get(), kBacklog) != 0)
    fail(std::strerror(errno));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) fail(std::strerror(errno));
  address_ = address_text(bound);
  watch_ = reactor_.watch(socket_.get(), [this](Readiness) { accept(); });
  watch_->want({true, false});
}

Listener::~Listener() = default;

void Listener::accept() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  Fd socket(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
    say("the replication listener pauses: " + std::string(std::strerror(errno)));
    watch_->want({});
    return again_->set(kPause);
  }
  if (guests_.size() >= kMostUndecided) leave(*guests_.front());
  guests_.push_back(std::make_unique<Guest>(*this, std::move(socket), address_text(peer)));
}

void Listener::on_magic(Guest& guest, Fd socket, std::string_view magic) {
  if (magic == kControlMagic) return guest.shake(std::move(socket));
  const std::string name = guest.name();
  leave(guest);
  if (magic == kDataMagic) return receivers_.data(std::move(socket));
  say("closed a connection from " + name + ": it does not speak replication");
}

void Listener::say(std::string line) {
  if (const auto admitted = lines_.admit(std::move(line), reactor_.now())) receivers_.say(*admitted);
}

void Listener::leave(Guest& guest) {
  const auto at = std::find_if(guests_.begin(), guests_.end(), [&](const auto& each) { return each.get() == &guest; });
  if (at == guests_.end()) return;
  guest.close();
  gone_.splice(gone_.end(), guests_, at);
  bury_->set({});
}

}  // namespace lmc::replication

#include "replication/engine/errand.h"

#include <utility>

namespace lmc::replication {

Errand::Errand(Reactor& reactor, PeerNet& peers, const std::string& address, std::string command, Duration patience,
               Done done)
    : command_(std::move(command)),
      done_(std::move(done)),
      timeout_(reactor.timer([this] { finish(std::nullopt, "no answer in time"); })),
      peer_(peers.connect(address, *this)) {
  timeout_->set(to_microseconds(patience));
}

Errand::~Errand() = default;

void Errand::on_up() {
  if (!peer_->send(encode_message(Command{command_}))) finish(std::nullopt, "not sent");
}

void Errand::on_message(std::string_view message) {
  const auto answer = decode_message<Answer>(message);
  finish(answer, answer ? "" : "an answer that makes no sense");
}

void Errand::on_down(std::string_view cause, bool) {
  finish(std::nullopt, cause);
}

void Errand::finish(const std::optional<Answer>& answer, std::string_view why_none) {
  timeout_->cancel();
  peer_->close();
  if (Done done = std::exchange(done_, nullptr)) done(answer, why_none);
}

}  // namespace lmc::replication

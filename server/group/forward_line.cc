#include "server/group/forward_line.h"

#include <algorithm>
#include <utility>

namespace lmc::group {

using net::ForwardAnswer;
using net::ForwardBatch;
using net::ForwardOutcome;
using replication::decode_message;
using replication::encode_message;

namespace {
// A batch is kForwardBatchBytes, or one request: a value and what is around it.
constexpr std::size_t kMostBatchBytes = (std::size_t{1} << 30) + net::kForwardBatchBytes;

enum class Sent { kAll, kNothing, kInPart };

// `message`: without the text, which goes in parts.
template <class Message>
Sent send_in_parts(replication::Peer& peer, Message message, std::string Message::*text, const std::string& whole) {
  for (std::size_t at = 0;;) {
    const std::size_t size = std::min(kPartBytes, whole.size() - at);
    message.more = at + size != whole.size();
    message.*text = whole.substr(at, size);
    if (!peer.send(encode_message(message))) return at == 0 ? Sent::kNothing : Sent::kInPart;
    at += size;
    if (!message.more) return Sent::kAll;
  }
}

}  // namespace

// --- the backup's end ---

void ForwardClient::put(ForwardBatch batch) {
  const std::lock_guard guard(mutex_);
  arrived_.push_back(std::move(batch));
}

void ForwardClient::answer(const ForwardBatch& batch, ForwardOutcome outcome) {
  network_.forwarded({batch.worker, batch.connection, batch.origin, outcome, false, {}, {}});
}

void ForwardClient::flush(const std::string& primary) {
  {
    const std::lock_guard guard(mutex_);
    for (ForwardBatch& batch : arrived_) queued_.push_back(std::move(batch));
    arrived_.clear();
  }
  if (peer_ && to_ != primary) end();
  if (queued_.empty()) return;
  if (primary.empty()) return end();
  if (!peer_) {
    to_ = primary;
    peer_ = peers_.connect(primary, *this);
  }
  if (up_) send_all();
}

void ForwardClient::on_up() {
  up_ = true;
  send_all();
}

// What does not fit into the connection's queue goes when an answer has come.
void ForwardClient::send_all() {
  while (!queued_.empty() && send(queued_.front())) {
    ForwardBatch& batch = queued_.front();
    batch.bytes.clear();
    batch.bytes.shrink_to_fit();
    const std::uint64_t connection = batch.connection.value;
    sent_[connection] = std::move(batch);
    queued_.pop_front();
  }
}

bool ForwardClient::send(const ForwardBatch& batch) {
  const Forward message{batch.worker, batch.connection.value, batch.binary, batch.requests, false, {}};
  const Sent sent = send_in_parts(*peer_, message, &Forward::bytes, batch.bytes);
  // The beginning cannot be taken back: the line ends, and with it what was begun.
  if (sent == Sent::kInPart) end();
  return sent == Sent::kAll;
}

void ForwardClient::on_message(std::string_view message) {
  auto part = decode_message<Forwarded>(message);
  const auto batch = part ? sent_.find(part->connection) : sent_.end();
  if (batch == sent_.end() || part->outcome > static_cast<std::uint8_t>(ForwardOutcome::kUnknown)) return end();
  replies_ += part->replies;
  if (part->more) return;
  network_.forwarded({batch->second.worker,
                      batch->second.connection,
                      batch->second.origin,
                      static_cast<ForwardOutcome>(part->outcome),
                      part->closes,
                      {part->version},
                      std::exchange(replies_, {})});
  sent_.erase(batch);
  send_all();
}

void ForwardClient::on_down(std::string_view, bool) {
  end();
}

void ForwardClient::end() {
  if (peer_) peer_->close();
  graveyard_.bury(std::move(peer_));
  up_ = false;
  replies_.clear();
  for (const auto& [connection, batch] : std::exchange(sent_, {})) answer(batch, ForwardOutcome::kUnknown);
  for (const ForwardBatch& batch : std::exchange(queued_, {})) answer(batch, ForwardOutcome::kNotExecuted);
}

// --- the primary's end ---

class ForwardServer::Line final : public replication::PeerObserver {
 public:
  Line(ForwardServer& server, std::uint64_t origin, std::unique_ptr<replication::Peer> peer)
      : server_(server), origin_(origin), peer_(std::move(peer)) {
    peer_->observe(*this);
  }
  void on_message(std::string_view message) override {
    auto part = decode_message<Forward>(message);
    if (!part || bytes_.size() + part->bytes.size() > kMostBatchBytes) return leave();
    bytes_ += part->bytes;
    if (part->more) return;
    ForwardBatch batch{part->worker, {part->connection}, origin_,
                       part->binary, part->requests,     std::exchange(bytes_, {})};
    if (server_.executes_()) return server_.network_.execute_forwarded(std::move(batch));
    tell({batch.worker, batch.connection, origin_, ForwardOutcome::kNotExecuted, false, {}, {}});
  }
  void tell(const ForwardAnswer& answer) {
    const Forwarded message{answer.worker,
                            answer.connection.value,
                            static_cast<std::uint8_t>(answer.outcome),
                            answer.closes,
                            answer.version.value,
                            false,
                            {}};
    if (send_in_parts(*peer_, message, &Forwarded::replies, answer.replies) != Sent::kAll) leave();
  }

 private:
  void on_up() override {}
  void on_down(std::string_view, bool) override { leave(); }
  void leave() {
    peer_->close();
    server_.forget(origin_);
  }

  ForwardServer& server_;
  std::uint64_t origin_;
  std::unique_ptr<replication::Peer> peer_;
  std::string bytes_;  // of a batch in several messages
};

ForwardServer::ForwardServer(replication::Graveyard& graveyard, net::Network& network, std::function<bool()> executes)
    : graveyard_(graveyard), network_(network), executes_(std::move(executes)) {}

ForwardServer::~ForwardServer() = default;

bool ForwardServer::take(std::unique_ptr<replication::Peer>& peer, std::string_view message) {
  if (!decode_message<Forward>(message)) return false;
  const std::uint64_t origin = ++next_origin_;
  Line& line = *(lines_[origin] = std::make_unique<Line>(*this, origin, std::move(peer)));
  line.on_message(message);
  return true;
}

void ForwardServer::answered(ForwardAnswer answer) {
  const std::lock_guard guard(mutex_);
  answers_.push_back(std::move(answer));
}

void ForwardServer::flush() {
  std::vector<ForwardAnswer> answers;
  {
    const std::lock_guard guard(mutex_);
    answers.swap(answers_);
  }
  for (const ForwardAnswer& answer : answers)
    if (const auto line = lines_.find(answer.origin); line != lines_.end()) line->second->tell(answer);
}

void ForwardServer::forget(std::uint64_t origin) {
  const auto line = lines_.find(origin);
  if (line == lines_.end()) return;
  graveyard_.bury(std::move(line->second));
  lines_.erase(line);
}

}  // namespace lmc::group

#include "server/group/forward_line.h"

#include <algorithm>
#include <numeric>
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

// `message`: without the text, which goes in parts, from `at` on; that is moved behind what the peer takes. True: it
// took all, and `at` is 0 for the next.
template <class Message>
bool send_in_parts(replication::Peer& peer, Message message, std::string Message::*text, const std::string& whole,
                   std::size_t& at) {
  do {
    const std::size_t size = std::min(kPartBytes, whole.size() - at);
    message.more = at + size != whole.size();
    message.*text = whole.substr(at, size);
    if (!peer.send(encode_message(message))) return false;
    at += size;
  } while (message.more);
  at = 0;
  return true;
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

// What the connection does not take goes when it has room.
void ForwardClient::send_all() {
  while (!queued_.empty()) {
    ForwardBatch& batch = queued_.front();
    const Forward message{batch.worker, batch.connection.value, batch.binary, batch.requests, false, {}};
    if (!send_in_parts(*peer_, message, &Forward::bytes, batch.bytes, begun_bytes_)) return;
    batch.bytes.clear();
    batch.bytes.shrink_to_fit();
    const std::uint64_t connection = batch.connection.value;
    sent_[connection] = std::move(batch);
    queued_.pop_front();
  }
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
}

void ForwardClient::on_down(std::string_view, bool) {
  end();
}

void ForwardClient::end() {
  if (peer_) peer_->close();
  graveyard_.bury(std::move(peer_));
  up_ = false;
  begun_bytes_ = 0;
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
  void tell(ForwardAnswer answer) {
    answers_.push_back(std::move(answer));
    send_all();
  }
  [[nodiscard]] std::size_t unsent_bytes() const {
    return std::accumulate(answers_.begin(), answers_.end(), std::size_t{0},
                           [](std::size_t sum, const ForwardAnswer& answer) { return sum + answer.replies.size(); });
  }

 private:
  void on_up() override {}
  void on_room() override { send_all(); }
  void on_down(std::string_view, bool) override { leave(); }
  void send_all() {
    for (; !answers_.empty(); answers_.pop_front()) {
      const ForwardAnswer& answer = answers_.front();
      const Forwarded message{answer.worker,
                              answer.connection.value,
                              static_cast<std::uint8_t>(answer.outcome),
                              answer.closes,
                              answer.version.value,
                              false,
                              {}};
      const std::size_t bytes = answer.replies.size();
      if (!send_in_parts(*peer_, message, &Forwarded::replies, answer.replies, begun_bytes_)) return;
      server_.sent(origin_, bytes);
    }
  }
  void leave() {
    peer_->close();
    server_.forget(origin_);
  }

  ForwardServer& server_;
  std::uint64_t origin_;
  std::unique_ptr<replication::Peer> peer_;
  std::string bytes_;                  // of a batch in several messages
  std::deque<ForwardAnswer> answers_;  // the first perhaps in part
  std::size_t begun_bytes_ = 0;        // of it, sent
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
  if (!answer.replies.empty()) unsent_bytes_[answer.origin] += answer.replies.size();
  answers_.push_back(std::move(answer));
}

bool ForwardServer::takes_answers(std::uint64_t origin) const {
  const std::lock_guard guard(mutex_);
  const auto unsent = unsent_bytes_.find(origin);
  return unsent == unsent_bytes_.end() || unsent->second < kMostUnsentAnswerBytes;
}

void ForwardServer::flush() {
  std::vector<ForwardAnswer> answers;
  {
    const std::lock_guard guard(mutex_);
    answers.swap(answers_);
  }
  for (ForwardAnswer& answer : answers) {
    const std::uint64_t origin = answer.origin;
    const auto line = lines_.find(origin);
    if (line == lines_.end())
      sent(origin, answer.replies.size());  // to nobody
    else
      line->second->tell(std::move(answer));
  }
}

void ForwardServer::sent(std::uint64_t origin, std::size_t bytes) {
  if (bytes == 0) return;  // and there may be no account
  {
    const std::lock_guard guard(mutex_);
    const auto unsent = unsent_bytes_.find(origin);
    const bool took = unsent->second < kMostUnsentAnswerBytes;
    unsent->second -= bytes;
    const bool takes = unsent->second < kMostUnsentAnswerBytes;
    if (unsent->second == 0) unsent_bytes_.erase(unsent);
    if (took || !takes) return;
  }
  network_.committed();  // all workers look what they can go on with
}

void ForwardServer::forget(std::uint64_t origin) {
  const auto line = lines_.find(origin);
  if (line == lines_.end()) return;
  sent(origin, line->second->unsent_bytes());
  graveyard_.bury(std::move(line->second));
  lines_.erase(line);
}

}  // namespace lmc::group

#include "server/commands/watch.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "protocol/text_format.h"
#include "protocol/words.h"
#include "server/commands/context.h"
#include "server/commands/expiry.h"

namespace lmc::commands {
namespace {

struct Word {
  std::string_view word;
  WatchKind kind;
};
constexpr Word kWords[] = {
    {"fetchers", WatchKind::kFetchers},      {"mutations", WatchKind::kMutations}, {"evictions", WatchKind::kEvictions},
    {"connevents", WatchKind::kConnections}, {"deletions", WatchKind::kDeletions}, {"sysevents", WatchKind::kSystem},
    {"rawcmds", WatchKind::kRawCommands},    {"proxycmds", WatchKind::kProxy},     {"proxyreqs", WatchKind::kProxy},
    {"proxyevents", WatchKind::kProxy},      {"proxyuser", WatchKind::kProxy},
};

// One line's fields, in a buffer that any of them fits.
class LineWriter {
 public:
  LineWriter& text(std::string_view bytes) {
    const auto used = static_cast<std::size_t>(end_ - line_);
    if (used < kTextEnd) end_ = protocol::write_text(end_, bytes.substr(0, kTextEnd - used));
    return *this;
  }
  LineWriter& uri(std::string_view key) {
    end_ = protocol::write_uri(end_, key);
    return *this;
  }
  LineWriter& number(std::int64_t value) {
    end_ = protocol::write_i64(end_, value);
    return *this;
  }
  LineWriter& count(std::uint64_t value) {
    end_ = protocol::write_u64(end_, value);
    return *this;
  }
  [[nodiscard]] std::string_view view() const { return {line_, static_cast<std::size_t>(end_ - line_)}; }

 private:
  // Text that is too long (only a caller's can be) is cut, so that the numbers of an event always fit behind it.
  static constexpr std::size_t kTextEnd = kMaxWatchLineBytes - 8 * protocol::kMaxU64Bytes;
  static_assert(protocol::kMaxUriKeyBytes + 100 <= kTextEnd);

  char line_[kMaxWatchLineBytes];
  char* end_ = line_;
};

// Watch lines are for people and their tools: real time, not the server's own clock.
std::string time_and_id(std::uint64_t event_id) {
  using namespace std::chrono;
  const auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  char text[80];
  const int length = std::snprintf(text, sizeof text, "ts=%lld.%06lld gid=%llu ", static_cast<long long>(now / 1000000),
                                   static_cast<long long>(now % 1000000), static_cast<unsigned long long>(event_id));
  return {text, static_cast<std::size_t>(length)};
}

LineWriter& write_connection(LineWriter& line, std::string_view type, const ConnectionEvent& event) {
  line.text("type=").text(type).text(" rip=").text(event.remote_address);
  line.text(" rport=").count(event.remote_port).text(" transport=").text(event.transport);
  return line;
}

}  // namespace

std::optional<WatchMask> parse_watch_words(std::string_view words) {
  WatchMask mask = 0;
  for (std::string_view word = protocol::next_word(words); !word.empty(); word = protocol::next_word(words)) {
    const auto* const found =
        std::find_if(std::begin(kWords), std::end(kWords), [word](const Word& known) { return known.word == word; });
    if (found == std::end(kWords)) return std::nullopt;
    mask |= static_cast<WatchMask>(found->kind);
  }
  return mask != 0 ? mask : static_cast<WatchMask>(WatchKind::kFetchers);
}

// The hub's mutex guards everything in here.
class WatchHub::Watcher final : public ReplySource {
 public:
  Watcher(WatchHub& hub, ConnectionId connection, WatchMask mask) : hub_(hub), connection_(connection), mask_(mask) {}
  ~Watcher() override { hub_.leave(*this); }

  [[nodiscard]] State produce(ReplyQueue& replies, std::size_t budget_bytes) override;

 private:
  friend class WatchHub;
  WatchHub& hub_;
  const ConnectionId connection_;
  const WatchMask mask_;
  std::string lines_;
  std::size_t sent_ = 0;  // of lines_
  std::uint64_t skipped_ = 0;
};

ReplySource::State WatchHub::Watcher::produce(ReplyQueue& replies, std::size_t budget_bytes) {
  const std::lock_guard lock(hub_.mutex_);
  const std::size_t part = std::min(budget_bytes, lines_.size() - sent_);
  replies.append(std::string_view(lines_).substr(sent_, part));
  sent_ += part;
  if (sent_ < lines_.size()) return State::kMore;
  lines_.clear();
  sent_ = 0;
  if (skipped_ > 0) {
    replies.append("skipped=" + std::to_string(skipped_) + "\n");
    skipped_ = 0;
  }
  return State::kWait;
}

WatchHub::WatchHub(ServerControl& control, std::uint64_t watcher_buffer_bytes)
    : control_(control), buffer_limit_bytes_(watcher_buffer_bytes) {}

WatchHub::~WatchHub() = default;

std::unique_ptr<ReplySource> WatchHub::watch(ConnectionId connection, WatchMask mask) {
  const std::lock_guard lock(mutex_);
  if (watchers_.size() >= kMaxWatchers) return nullptr;
  auto watcher = std::make_unique<Watcher>(*this, connection, mask);
  watchers_.push_back(watcher.get());
  update_mask();
  return watcher;
}

void WatchHub::leave(Watcher& watcher) {
  const std::lock_guard lock(mutex_);
  std::erase(watchers_, &watcher);
  update_mask();
}

void WatchHub::update_mask() {
  WatchMask mask = 0;
  for (const Watcher* watcher : watchers_) mask |= watcher->mask_;
  mask_.store(mask, std::memory_order_relaxed);
}

void WatchHub::deliver(WatchKind kind, std::string_view body) {
  const std::lock_guard lock(mutex_);
  const std::string start = time_and_id(next_event_id_++);
  ++totals_.written;
  for (Watcher* watcher : watchers_) {
    if ((watcher->mask_ & static_cast<WatchMask>(kind)) == 0) continue;
    const std::size_t waiting = watcher->lines_.size() - watcher->sent_;
    if (waiting + start.size() + body.size() + 1 > buffer_limit_bytes_) {
      ++watcher->skipped_;
      ++totals_.skipped;
      continue;
    }
    if (watcher->sent_ > buffer_limit_bytes_) {  // a reader that is never quite done: do not keep what it has read
      watcher->lines_.erase(0, watcher->sent_);
      watcher->sent_ = 0;
    }
    watcher->lines_.append(start).append(body).push_back('\n');
    ++totals_.sent;
    if (waiting == 0) control_.wake(watcher->connection_);
  }
}

void WatchHub::publish(const ItemGetEvent& event) {
  LineWriter line;
  line.text("type=item_get key=").uri(event.key).text(event.found ? " status=found" : " status=not_found");
  line.text(" clsid=").count(event.size_class).text(" cfd=").number(event.fd).text(" size=").count(event.value_bytes);
  deliver(WatchKind::kFetchers, line.view());
}

void WatchHub::publish(const ItemStoreEvent& event) {
  LineWriter line;
  line.text("type=item_store key=").uri(event.key).text(" status=").text(event.status);
  line.text(" cmd=").text(event.command).text(" ttl=").number(event.ttl_s).text(" clsid=").count(event.size_class);
  line.text(" cfd=").number(event.fd).text(" size=").count(event.value_bytes);
  deliver(WatchKind::kMutations, line.view());
}

void WatchHub::publish(const DeletedEvent& event) {
  LineWriter line;
  line.text("type=deleted key=").uri(event.key).text(" cmd=").text(event.command);
  line.text(" clsid=").count(event.size_class).text(" size=").count(event.value_bytes);
  deliver(WatchKind::kDeletions, line.view());
}

void WatchHub::publish(const EvictionEvent& event) {
  LineWriter line;
  line.text("type=eviction key=").uri(event.key).text(event.fetched ? " fetch=yes" : " fetch=no");
  line.text(" ttl=").number(event.ttl_s).text(" la=").number(event.idle_s);
  line.text(" clsid=").count(event.size_class).text(" size=").count(event.value_bytes);
  deliver(WatchKind::kEvictions, line.view());
}

void WatchHub::publish_system(std::string_view text) {
  LineWriter line;
  deliver(WatchKind::kSystem, line.text(text).view());
}

void WatchHub::publish_connection_new(const ConnectionEvent& event) {
  LineWriter line;
  write_connection(line, "conn_new", event).text(" cfd=").number(event.fd);
  deliver(WatchKind::kConnections, line.view());
}

void WatchHub::publish_connection_close(const ConnectionEvent& event, std::string_view reason) {
  LineWriter line;
  write_connection(line, "conn_close", event).text(" reason=").text(reason).text(" cfd=").number(event.fd);
  deliver(WatchKind::kConnections, line.view());
}

WatchHub::Totals WatchHub::totals() const {
  const std::lock_guard lock(mutex_);
  Totals totals = totals_;
  totals.watchers = watchers_.size();
  return totals;
}

void WatchHub::reset_totals() {
  const std::lock_guard lock(mutex_);
  totals_ = Totals{};
}

void EvictionWatch::on_eviction(const store::ItemView& item, store::UnixSeconds now) {
  if (!hub_.wants(WatchKind::kEvictions)) [[likely]]
    return;
  EvictionEvent event;
  event.key = item.key();
  event.fetched = item.fetched();
  event.ttl_s = seconds_left(item.expiry(), now);
  event.idle_s = seconds_since(item.last_access(), now);
  event.size_class = size_class(item.stream());
  event.value_bytes = item.value_bytes();
  hub_.publish(event);
}

}  // namespace lmc::commands

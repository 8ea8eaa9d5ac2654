// get, gets, gat, gats.

#include <array>
#include <memory>
#include <span>

#include "protocol/text_format.h"
#include "protocol/text_replies.h"
#include "protocol/udp_frame.h"
#include "protocol/words.h"
#include "server/commands/dialects.h"
#include "server/commands/operations.h"
#include "server/commands/values.h"

namespace lmc::commands {
namespace {

using protocol::Request;
using store::HashedKey;
using store::ItemView;

// Keys of one multiget looked up together: enough for their cache misses to overlap, few enough to stay in the first
// cache.
constexpr std::size_t kKeysTogether = 32;
// Groups of one multiget looked up before others have their turn, so that a line of a million absent keys, which writes
// nothing, cannot hold up the worker.
constexpr std::size_t kGroupsAtOnce = 128;

char* write_line(char* out, const Context& context, std::string_view key, const ItemView& item, bool with_cas,
                 std::uint64_t value_bytes) {
  if (!with_cas) return protocol::write_value_line(out, key, item.client_flags(), value_bytes);
  const std::uint64_t cas = shown_cas(context, item.cas());
  return protocol::write_value_line_with_cas(out, key, item.client_flags(), value_bytes, cas);
}

constexpr std::string_view kNoTail = "";

// The VALUE line, the value, its line end, and `tail`: END or kNoTail.
void write_hit(Context& context, std::string_view key, const ItemView& item, bool with_cas, std::string_view tail) {
  constexpr std::size_t kOverhead = protocol::kMaxValueLineBytes + 2 + protocol::reply::kEnd.size();
  static_assert(kOverhead + kPinnedValueBytes <= kReplyBlockBytes);
  if (is_copied(item)) [[likely]] {
    const std::string_view value = item.value();
    char* out = context.replies.reserve(kOverhead + value.size());
    out = write_line(out, context, key, item, with_cas, value.size());
    out = protocol::write_crlf(protocol::write_text(out, value));
    context.replies.commit_to(protocol::write_text(out, tail));
    return;
  }
  char* const out = context.replies.reserve(protocol::kMaxValueLineBytes);
  context.replies.commit_to(write_line(out, context, key, item, with_cas, item.value_bytes()));
  append_pieces(context, item);
  context.replies.append(protocol::reply::kCrlf);
  context.replies.append(tail);
}

// Fills `keys` from place `count` on with the next words of `rest`; returns how many there are then.
std::size_t hash_words(Context& context, std::string_view& rest, std::span<HashedKey> keys, std::size_t count) {
  for (; count < keys.size(); ++count) {
    const std::string_view word = protocol::next_word(rest);
    if (word.empty()) break;
    keys[count] = context.session.hash(word);
    context.session.prefetch_bucket(keys[count]);
  }
  return count;
}

// What is left of a multiget: the keys not yet looked up, a view of the request's line.
struct Keys {
  std::string_view rest;
  bool with_cas = false;
};

// Writes the hits of `first` (a key already taken off `keys`; nullptr: none) and of the next keys: of all, if they are
// not too many and the reply stays below `until_bytes`.
void write_hits(Context& context, const HashedKey* first, Keys& keys, std::size_t until_bytes) {
  const char* const end = keys.rest.data() + keys.rest.size();
  std::array<HashedKey, kKeysTogether> group;
  std::size_t count = 0;
  if (first != nullptr) group[count++] = *first;  // its bucket is already on its way
  std::size_t groups = 0;
  do {
    count = hash_words(context, keys.rest, group, count);
    for (std::size_t i = 0; i < count; ++i) context.session.prefetch_record(group[i]);
    for (std::size_t i = 0; i < count; ++i) {
      const ItemView item = look_up(context, group[i]);
      if (!item) continue;
      const std::string_view key = group[i].bytes;
      write_hit(context, key, item, keys.with_cas, kNoTail);
      if (context.replies.pending_bytes() < until_bytes) continue;
      const char* const behind = key.data() + key.size();
      keys.rest = {behind, static_cast<std::size_t>(end - behind)};
      return;
    }
    count = 0;
  } while (!keys.rest.empty() && ++groups < kGroupsAtOnce);
}

// Goes on with a multiget whose answer is long, as its client takes it.
class RestOfKeys final : public ReplySource {
 public:
  RestOfKeys(const Context& context, const Keys& keys)
      : shared_(context.shared),
        session_(context.session),
        counters_(context.counters),
        client_(context.client),
        keys_(keys) {}

  [[nodiscard]] State produce(ReplyQueue& replies, std::size_t budget_bytes) override {
    Context context(shared_, session_, counters_, client_, replies);
    write_hits(context, nullptr, keys_, replies.pending_bytes() + budget_bytes);
    if (!keys_.rest.empty()) return State::kMore;
    replies.append(protocol::reply::kEnd);
    return State::kDone;
  }

 private:
  Shared& shared_;
  store::Session& session_;
  WorkerCounters& counters_;
  Client& client_;  // which owns this
  Keys keys_;
};

// A datagram's requests are answered at once; an answer longer than datagrams can carry is not sent, so it may end.
Disposition get_many_at_once(Context& context, const HashedKey& first, Keys keys) {
  write_hits(context, &first, keys, protocol::kUdpMaxReplyBytes);
  while (!keys.rest.empty() && context.replies.pending_bytes() < protocol::kUdpMaxReplyBytes) {
    write_hits(context, nullptr, keys, protocol::kUdpMaxReplyBytes);
  }
  context.replies.append(protocol::reply::kEnd);
  return Disposition::kContinue;
}

Disposition get_many(Context& context, const HashedKey& first, Keys keys) {
  if (context.client.datagram) return get_many_at_once(context, first, keys);
  write_hits(context, &first, keys, kReplyBacklogBytes);
  if (!keys.rest.empty()) {
    context.client.source = std::make_unique<RestOfKeys>(context, keys);
    return Disposition::kSource;
  }
  context.replies.append(protocol::reply::kEnd);
  return Disposition::kContinue;
}

void touch_and_write(Context& context, const HashedKey& key, store::UnixSeconds expiry, bool with_cas) {
  const TouchResult touched = touch_item(context, key, expiry);
  // With no room for the touch the value is there all the same.
  const ItemView item = touched.outcome == TouchOutcome::kNoMemory ? context.session.find(key) : touched.item;
  count_prefix_get(context, key.bytes, static_cast<bool>(item));
  if (item) write_hit(context, key.bytes, item, with_cas, kNoTail);
}

}  // namespace

Disposition execute_get(Context& context, const Request& request, const HashedKey& key) {
  const bool with_cas = request.command == protocol::Command::kGets;
  if (!request.arguments.empty()) return get_many(context, key, {request.arguments, with_cas});
  if (const ItemView item = look_up(context, key)) {
    write_hit(context, key.bytes, item, with_cas, protocol::reply::kEnd);
  } else {
    context.replies.append(protocol::reply::kEnd);
  }
  return Disposition::kContinue;
}

void execute_get_and_touch(Context& context, const Request& request, const HashedKey& key) {
  const bool with_cas = request.command == protocol::Command::kGats;
  const store::UnixSeconds expiry = absolute_expiry(request.exptime, context.session.now());
  touch_and_write(context, key, expiry, with_cas);
  std::string_view rest = request.arguments;
  for (std::string_view word = protocol::next_word(rest); !word.empty(); word = protocol::next_word(rest)) {
    touch_and_write(context, context.session.hash(word), expiry, with_cas);
  }
  context.replies.append(protocol::reply::kEnd);
}

}  // namespace lmc::commands

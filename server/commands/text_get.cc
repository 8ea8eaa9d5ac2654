// get, gets, gat, gats.

#include <array>
#include <span>

#include "protocol/text_format.h"
#include "protocol/text_replies.h"
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

void get_many(Context& context, const Request& request, const HashedKey& first, bool with_cas) {
  std::array<HashedKey, kKeysTogether> keys;
  keys[0] = first;  // its bucket is already on its way
  std::size_t count = 1;
  std::string_view rest = request.arguments;
  do {
    count = hash_words(context, rest, keys, count);
    for (std::size_t i = 0; i < count; ++i) context.session.prefetch_record(keys[i]);
    for (std::size_t i = 0; i < count; ++i) {
      if (const ItemView item = look_up(context, keys[i])) write_hit(context, keys[i].bytes, item, with_cas, kNoTail);
    }
    count = 0;
  } while (!rest.empty());
  context.replies.append(protocol::reply::kEnd);
}

void touch_and_write(Context& context, const HashedKey& key, store::UnixSeconds expiry, bool with_cas) {
  const TouchResult touched = touch_item(context, key, expiry);
  // With no room for the touch the value is there all the same.
  const ItemView item = touched.outcome == TouchOutcome::kNoMemory ? context.session.find(key) : touched.item;
  count_prefix_get(context, key.bytes, static_cast<bool>(item));
  if (item) write_hit(context, key.bytes, item, with_cas, kNoTail);
}

}  // namespace

void execute_get(Context& context, const Request& request, const HashedKey& key) {
  const bool with_cas = request.command == protocol::Command::kGets;
  if (!request.arguments.empty()) return get_many(context, request, key, with_cas);
  if (const ItemView item = look_up(context, key)) {
    write_hit(context, key.bytes, item, with_cas, protocol::reply::kEnd);
  } else {
    context.replies.append(protocol::reply::kEnd);
  }
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

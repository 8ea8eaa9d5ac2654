// mg: one command that reads, touches, vivifies, and hands out the right to recache.
//
// A get without N, R and T on an item that is not stale changes nothing and takes no lock. Everything else is decided
// twice: on what is found, to see that something changes; and again under the key's lock, which is the decision that
// counts.

#include "protocol/meta_flags.h"
#include "protocol/text_format.h"
#include "protocol/text_replies.h"
#include "server/commands/dialects.h"
#include "server/commands/meta_reply.h"
#include "server/commands/operations.h"
#include "server/commands/values.h"

namespace lmc::commands {
namespace {

using protocol::MetaFlags;
using protocol::Request;
using store::HashedKey;
using store::ItemView;

// The item as the reply shows it: as it was before this request changed it, but for its CAS.
struct Shown {
  ItemState before;
  std::uint64_t cas = 0;
  std::uint64_t value_bytes = 0;
  std::uint32_t client_flags = 0;
  store::UnixSeconds last_access;
  bool fetched = false;
  bool binary_key = false;
  ItemView item;  // empty for one that was just vivified
};

class MetaGet {
 public:
  MetaGet(Context& context, const MetaFlags& flags, const HashedKey& key)
      : context_(context), flags_(flags), key_(key), now_(context.session.now()) {}

  Disposition run() {
    const ItemView found = context_.session.find(key_);
    if (!found) miss_ = context_.session.last_miss();
    read_times();
    show(found);
    decision_ = decide_meta_get(shown_.before, flags_.in_order(), times_);
    if (decision_.changes_item() && context_.policy != ChangePolicy::kExecute) return Disposition::kForward;
    // Without room nothing was changed, and what was found may be gone: it is not looked at any more.
    if (decision_.changes_item() && !change()) {
      context_.replies.append(protocol::reply::kOutOfMemory);
    } else {
      answer();
    }
    context_.counters.add(Counter::kMeta);
    return Disposition::kContinue;
  }

 private:
  void answer() {
    if (context_.observed) [[unlikely]]
      observe();
    count();
    if (!shown_.before.present && !decision_.creates) return write_miss();
    write_hit();
    if (shown_.item && !flags_.has('u')) context_.session.record_access(shown_.item);
  }

  void read_times();
  void show(const ItemView& item);
  bool change();
  void observe() const;
  void count() const;
  void write_miss() const;
  void write_hit() const;
  [[nodiscard]] char* write_flags(char* out) const;
  [[nodiscard]] char* write_flag(char* out, char letter, store::UnixSeconds& expiry) const;

  // A client that says which version it has does not need it again.
  [[nodiscard]] bool wants_value() const {
    return flags_.has('v') && !(flags_.has('C') && flags_.compare_cas == shown_.cas);
  }

  Context& context_;
  const MetaFlags& flags_;
  const HashedKey& key_;
  const store::UnixSeconds now_;
  MetaGetTimes times_;
  MetaGetDecision decision_;
  Shown shown_;
  store::Session::Miss miss_ = store::Session::Miss::kAbsent;
};

// What few requests ask for is not worked out for the others: neither here nor in show().
void MetaGet::read_times() {
  if (flags_.has('T')) times_.touch = absolute_expiry(flags_.ttl, now_);
  if (flags_.has('N')) times_.vivify = absolute_expiry(flags_.vivify_ttl, now_);
  if (flags_.has('R')) times_.recache = absolute_expiry(flags_.recache_ttl, now_);
}

void MetaGet::show(const ItemView& item) {
  shown_.before = state_of(context_, item);
  shown_.item = item;
  if (!item) return;
  shown_.cas = shown_.before.cas;
  shown_.value_bytes = item.value_bytes();
  shown_.client_flags = item.client_flags();
  shown_.binary_key = item.binary_key();
  if (flags_.has('l')) shown_.last_access = item.last_access();
  if (flags_.has('h')) shown_.fetched = item.fetched();
}

// False: no room in the log.
bool MetaGet::change() {
  const auto result = context_.session.mutate(key_, 0, [this](store::Mutation& mutation) {
    const ItemView item = mutation.current();
    shown_ = {};  // what was found without the lock may be gone
    show(item);
    decision_ = decide_meta_get(shown_.before, flags_.in_order(), times_);
    if (decision_.creates) {
      store::NewItem fresh;
      fresh.expiry = decision_.expiry;
      fresh.explicit_cas = flags_.new_cas;
      fresh.binary_key = shown_.binary_key = flags_.has('b');
      fresh.win_sent = true;
      fresh.fetched = !flags_.has('u');  // by this very request
      if (mutation.put(fresh, {})) shown_.cas = shown_cas(context_, mutation.stored_cas());
      return;
    }
    if (decision_.touches && !mutation.touch(decision_.expiry)) return;
    if (decision_.won && !mutation.set_state(shown_.before.stale, true)) return;
    if (item) shown_.item = mutation.current();
  });
  return result == store::MutateResult::kDone;
}

void MetaGet::observe() const {
  if (!context_.observed) [[likely]]
    return;
  publish_look(context_, key_.bytes, shown_.item);
  count_prefix_get(context_, key_.bytes, shown_.before.present);
}

void MetaGet::count() const {
  if (!shown_.before.present) {  // a vivified item is a miss: nobody got a value
    context_.counters.add(Counter::kGet);
    return count_miss(context_, miss_);
  }
  const store::Stream stream = shown_.item.stream();
  if (decision_.touches) {
    context_.counters.add(Counter::kTouch);
    context_.counters.add(StreamCounter::kTouchHit, stream);
  } else {
    context_.counters.add(Counter::kGet);
    context_.counters.add(StreamCounter::kGetHit, stream);
  }
}

void MetaGet::write_miss() const {
  if (flags_.has('q')) return;
  char* const out = context_.replies.reserve(protocol::kMaxMetaLineBytes);
  context_.replies.commit_to(write_status_line(out, "EN", flags_));
}

void MetaGet::write_hit() const {
  static_assert(protocol::kMaxMetaLineBytes + kPinnedValueBytes + 2 <= kReplyBlockBytes);
  ReplyQueue& replies = context_.replies;
  if (!wants_value()) {
    char* const out = replies.reserve(protocol::kMaxMetaLineBytes);
    return replies.commit_to(write_flags(protocol::write_text(out, "HD")));
  }
  const bool copied = !shown_.item || is_copied(shown_.item);
  char* out = replies.reserve(protocol::kMaxMetaLineBytes + (copied ? shown_.value_bytes + 2 : 0));
  out = write_flags(protocol::write_meta_value_status(out, shown_.value_bytes));
  if (copied) {
    if (shown_.item) out = protocol::write_text(out, shown_.item.value());
    return replies.commit_to(protocol::write_crlf(out));
  }
  replies.commit_to(out);
  append_pieces(context_, shown_.item);
  replies.append(protocol::reply::kCrlf);
}

char* MetaGet::write_flags(char* out) const {
  store::UnixSeconds expiry = shown_.before.expiry;
  for (const char letter : flags_.in_order()) out = write_flag(out, letter, expiry);
  if (shown_.before.win_sent) out = protocol::write_meta_flag(out, 'Z');
  if (shown_.before.stale) out = protocol::write_meta_flag(out, 'X');
  if (decision_.won) out = protocol::write_meta_flag(out, 'W');
  return protocol::write_crlf(out);
}

// Flags are carried out in their order, so `t` shows what the T and N before it have made of `expiry`.
char* MetaGet::write_flag(char* out, char letter, store::UnixSeconds& expiry) const {
  switch (letter) {
    case 'T':
      expiry = times_.touch;
      return out;
    case 'N':
      if (decision_.creates) expiry = times_.vivify;
      return out;
    case 's':
      return protocol::write_meta_number(out, 's', shown_.value_bytes);
    case 't':
      return protocol::write_meta_signed(out, 't', seconds_left(expiry, now_));
    case 'c':
      return protocol::write_meta_number(out, 'c', shown_.cas);
    case 'f':
      return protocol::write_meta_number(out, 'f', shown_.client_flags);
    case 'l':
      return protocol::write_meta_signed(out, 'l', shown_.item ? seconds_since(shown_.last_access, now_) : 0);
    case 'h':
      return protocol::write_meta_number(out, 'h', shown_.fetched ? 1 : 0);
    case 'k':
      return protocol::write_meta_key(out, flags_.key, shown_.binary_key);
    default:  // a letter, not an enum
      return write_echoed_flag(out, letter, flags_);
  }
}

}  // namespace

Disposition execute_meta_get(Context& context, const Request& request, const HashedKey& key) {
  MetaFlags flags;
  if (const std::string_view error = flags.parse(request); !error.empty()) {
    context.replies.append(error);
    return Disposition::kContinue;
  }
  const HashedKey decoded = flags.has('b') ? context.session.hash(flags.key) : key;
  return MetaGet(context, flags, decoded).run();
}

}  // namespace lmc::commands

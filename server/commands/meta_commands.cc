// ms, md, ma, mn, me. mg is meta_get.cc's.

#include <optional>

#include "protocol/meta_flags.h"
#include "protocol/text_format.h"
#include "protocol/text_replies.h"
#include "server/commands/dialects.h"
#include "server/commands/item_facts.h"
#include "server/commands/meta_reply.h"
#include "server/commands/operations.h"

namespace lmc::commands {
namespace {

using protocol::Command;
using protocol::MetaFlags;
using protocol::MetaMode;
using protocol::Request;
using protocol::ValueState;
using store::HashedKey;
namespace reply = protocol::reply;

void write_status(Context& context, std::string_view status, const MetaFlags& flags) {
  char* const out = context.replies.reserve(protocol::kMaxMetaLineBytes);
  context.replies.commit_to(write_status_line(out, status, flags));
}

// The key that is meant: a base64 one was hashed as it was sent.
HashedKey key_of(Context& context, const MetaFlags& flags, const HashedKey& as_sent) {
  return flags.has('b') ? context.session.hash(flags.key) : as_sent;
}

std::optional<store::UnixSeconds> touched_expiry(Context& context, const MetaFlags& flags) {
  if (!flags.has('T')) return std::nullopt;
  return absolute_expiry(flags.ttl, context.session.now());
}

// --- ms ---

StoreMode store_mode(const MetaFlags& flags) {
  const bool creates = flags.has('N');
  switch (flags.mode) {
    case MetaMode::kAdd:
      return StoreMode::kAdd;
    case MetaMode::kAppend:
      return creates ? StoreMode::kAppendOrCreate : StoreMode::kAppend;
    case MetaMode::kPrepend:
      return creates ? StoreMode::kPrependOrCreate : StoreMode::kPrepend;
    case MetaMode::kReplace:
      return flags.has('C') ? StoreMode::kCas : StoreMode::kReplace;
    case MetaMode::kSet:
    case MetaMode::kIncrement:  // ma's, never ms's
    case MetaMode::kDecrement:
      break;
  }
  return flags.has('C') ? StoreMode::kCas : StoreMode::kSet;
}

std::string_view status_of(StoreOutcome outcome) {
  switch (outcome) {
    case StoreOutcome::kStored:
      return "HD";
    case StoreOutcome::kNotStored:
      return "NS";
    case StoreOutcome::kExists:
      return "EX";
    case StoreOutcome::kNotFound:
      return "NF";
    case StoreOutcome::kTooLarge:
    case StoreOutcome::kNoMemory:
      break;  // error lines
  }
  return {};
}

StoreOrder store_order(Context& context, const Request& request, const MetaFlags& flags, const HashedKey& as_sent) {
  StoreOrder order;
  order.key = key_of(context, flags, as_sent);
  order.value = request.value;
  order.mode = store_mode(flags);
  order.compare.expected = flags.compare_cas;
  order.compare.accept_older = flags.has('I');
  order.client_flags = flags.client_flags;
  order.expiry = absolute_expiry(is_concatenation(order.mode) ? flags.vivify_ttl : flags.ttl, context.session.now());
  order.new_cas = flags.new_cas;
  order.binary_key = flags.has('b');
  order.removes_if_refused = true;  // in every mode
  return order;
}

void write_stored(Context& context, const MetaFlags& flags, const StoreResult& result) {
  if (result.outcome == StoreOutcome::kStored && flags.has('q')) return;
  char* const begin = context.replies.reserve(protocol::kMaxMetaLineBytes);
  char* out = protocol::write_text(begin, status_of(result.outcome));
  for (const char letter : flags.in_order()) {
    if (letter == 'c') {
      out = protocol::write_meta_number(out, 'c', result.cas);
    } else if (letter == 's') {
      out = protocol::write_meta_number(out, 's', result.value_bytes);
    } else {
      out = write_echoed_flag(out, letter, flags);
    }
  }
  context.replies.commit_to(protocol::write_crlf(out));
}

void meta_set(Context& context, const Request& request, const HashedKey& key) {
  MetaFlags flags;
  if (const std::string_view error = flags.parse(request); !error.empty()) return context.replies.append(error);
  context.counters.add(Counter::kMeta);
  if (request.value_state == ValueState::kBadChunk) {
    context.counters.add(StreamCounter::kSet, store::Stream::kFresh);
    return context.replies.append(reply::kBadChunk);
  }
  const StoreOrder order = store_order(context, request, flags, key);
  const bool too_large = request.value_state == ValueState::kTooLarge;
  const StoreResult result = too_large ? refuse_too_large(context, order) : store_item(context, order);
  if (result.outcome == StoreOutcome::kTooLarge) return context.replies.append(reply::kTooLarge);
  if (result.outcome == StoreOutcome::kNoMemory) return context.replies.append(reply::kOutOfMemoryStoring);
  write_stored(context, flags, result);
}

// --- md ---

void meta_delete(Context& context, const Request& request, const HashedKey& key) {
  MetaFlags flags;
  if (const std::string_view error = flags.parse(request); !error.empty()) return context.replies.append(error);
  context.counters.add(Counter::kMeta);
  DeleteOrder order;
  order.key = key_of(context, flags, key);
  order.compares = flags.has('C');
  order.expected_cas = flags.compare_cas;
  order.invalidates = flags.has('I');
  order.drops_value = flags.has('x');
  order.expiry = touched_expiry(context, flags);
  order.new_cas = flags.new_cas;
  order.command = "md";
  switch (delete_item(context, order)) {
    case DeleteOutcome::kDeleted:
      if (!flags.has('q')) write_status(context, "HD", flags);
      return;
    case DeleteOutcome::kNotFound:
      return write_status(context, "NF", flags);
    case DeleteOutcome::kExists:
      return write_status(context, "EX", flags);
    case DeleteOutcome::kNoMemory:
      return context.replies.append(reply::kOutOfMemory);
  }
}

// --- ma ---

NumberOrder number_order(Context& context, const MetaFlags& flags, const HashedKey& as_sent) {
  const store::UnixSeconds now = context.session.now();
  NumberOrder order;
  order.key = key_of(context, flags, as_sent);
  order.arithmetic.decrement = flags.mode == MetaMode::kDecrement;
  order.arithmetic.creates = flags.has('N');
  order.arithmetic.delta = flags.delta;
  order.arithmetic.initial = flags.initial;
  order.arithmetic.expected_cas = flags.compare_cas;
  order.new_expiry = touched_expiry(context, flags);
  for (const char letter : flags.in_order()) {  // of a created item: whichever came last
    if (letter == 'N') order.created_expiry = absolute_expiry(flags.vivify_ttl, now);
    if (letter == 'T') order.created_expiry = absolute_expiry(flags.ttl, now);
  }
  order.new_cas = flags.new_cas;
  order.binary_key = flags.has('b');
  return order;
}

void write_number(Context& context, const MetaFlags& flags, const NumberResult& result) {
  if (flags.has('q')) return;
  char digits[protocol::kMaxU64Bytes];
  const auto digit_count = static_cast<std::size_t>(protocol::write_u64(digits, result.number) - digits);
  const store::UnixSeconds now = context.session.now();
  store::UnixSeconds expiry = result.old_expiry;
  const bool with_value = flags.has('v');

  char* out = context.replies.reserve(protocol::kMaxMetaLineBytes + protocol::kMaxNumberLineBytes);
  out = with_value ? protocol::write_meta_value_status(out, digit_count) : protocol::write_text(out, "HD");
  for (const char letter : flags.in_order()) {
    if (letter == 'c') {
      out = protocol::write_meta_number(out, 'c', result.cas);
    } else if (letter == 't') {
      out = protocol::write_meta_signed(out, 't', seconds_left(expiry, now));
    } else if (letter == 'T') {
      expiry = absolute_expiry(flags.ttl, now);
    } else if (letter == 'N' && result.outcome == ArithmeticOutcome::kCreated) {
      expiry = absolute_expiry(flags.vivify_ttl, now);
    } else {
      out = write_echoed_flag(out, letter, flags);
    }
  }
  out = protocol::write_crlf(out);
  if (with_value) out = protocol::write_crlf(protocol::write_text(out, {digits, digit_count}));
  context.replies.commit_to(out);
}

void meta_arithmetic(Context& context, const Request& request, const HashedKey& key) {
  MetaFlags flags;
  if (const std::string_view error = flags.parse(request); !error.empty()) return context.replies.append(error);
  context.counters.add(Counter::kMeta);
  const NumberResult result = change_number(context, number_order(context, flags, key));
  switch (result.outcome) {
    case ArithmeticOutcome::kDone:
    case ArithmeticOutcome::kCreated:
      return write_number(context, flags, result);
    case ArithmeticOutcome::kNotFound:
      return write_status(context, "NF", flags);
    case ArithmeticOutcome::kExists:
      return write_status(context, "EX", flags);
    case ArithmeticOutcome::kNotNumeric:
      return context.replies.append(reply::kNotNumeric);
    case ArithmeticOutcome::kNoMemory:
      return context.replies.append(reply::kOutOfMemory);
  }
}

// --- me ---

void meta_debug(Context& context, const Request& request, const HashedKey& key) {
  MetaFlags flags;
  if (const std::string_view error = flags.parse(request); !error.empty()) return context.replies.append(error);
  context.counters.add(Counter::kMeta);
  const store::ItemView item = context.session.find(key_of(context, flags, key));  // a look, not an access
  if (!item) return context.replies.append(reply::kMetaEnd);
  const store::UnixSeconds now = context.session.now();
  protocol::ItemFacts facts = facts_of(item, context.use_cas);
  // memcached shows how long ago the expiry was, so what is to come is negative.
  if (item.expiry() != store::kNeverExpires) facts.expires = -seconds_left(item.expiry(), now);
  facts.last_access = seconds_since(item.last_access(), now);
  char* const out = context.replies.reserve(protocol::kMaxDebugLineBytes);
  context.replies.commit_to(protocol::write_debug_line(out, facts));
}

}  // namespace

Disposition execute_meta(Context& context, const Request& request, const HashedKey& key) {
  if (request.command == Command::kMetaGet) {
    return execute_meta_get(context, request, key);
  }
  if (request.command == Command::kMetaSet) {
    meta_set(context, request, key);
  } else if (request.command == Command::kMetaDelete) {
    meta_delete(context, request, key);
  } else if (request.command == Command::kMetaArithmetic) {
    meta_arithmetic(context, request, key);
  } else if (request.command == Command::kMetaDebug) {
    meta_debug(context, request, key);
  } else {
    context.replies.append(reply::kMetaNoop);
  }
  return Disposition::kContinue;
}

}  // namespace lmc::commands

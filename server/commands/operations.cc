#include "server/commands/operations.h"

#include <array>
#include <string>
#include <vector>

#include "protocol/text_format.h"

namespace lmc::commands {
namespace {

using store::ItemView;
using store::MutateResult;
using store::Mutation;
using store::NewItem;
using store::Stream;

// What stays of an item whose value is replaced by a command that is not a set.
NewItem like(const ItemView& item) {
  NewItem fresh;
  fresh.client_flags = item.client_flags();
  fresh.expiry = item.expiry();
  fresh.binary_key = item.binary_key();
  fresh.stale = item.stale();
  fresh.win_sent = item.win_sent();
  fresh.fetched = item.fetched();
  return fresh;
}

void publish_look_in(const Context& context, const Mutation& mutation, std::string_view key) {
  if (context.fetches_watched) [[unlikely]]
    publish_look(context, key, mutation.current());
}

// --- storing ---

std::string_view word_of(StoreMode mode) {
  switch (mode) {
    case StoreMode::kSet:
      return "set";
    case StoreMode::kAdd:
      return "add";
    case StoreMode::kReplace:
      return "replace";
    case StoreMode::kAppend:
    case StoreMode::kAppendOrCreate:
      return "append";
    case StoreMode::kPrepend:
    case StoreMode::kPrependOrCreate:
      return "prepend";
    case StoreMode::kCas:
      return "cas";
  }
  return {};
}

std::string_view word_of(StoreOutcome outcome) {
  switch (outcome) {
    case StoreOutcome::kStored:
      return "stored";
    case StoreOutcome::kNotStored:
      return "not_stored";
    case StoreOutcome::kExists:
      return "exists";
    case StoreOutcome::kNotFound:
      return "not_found";
    case StoreOutcome::kTooLarge:
      return "too_large";
    case StoreOutcome::kNoMemory:
      return "no_memory";
  }
  return {};
}

// For item_store lines, where 0 is never.
std::int64_t shown_ttl(store::UnixSeconds expiry, store::UnixSeconds now) {
  if (expiry == store::kNeverExpires) return 0;
  return expiry > now ? seconds_left(expiry, now) : -1;
}

void publish_store(const Context& context, const StoreOrder& order, const StoreResult& result) {
  if (!context.shared.watch.wants(WatchKind::kMutations)) [[likely]]
    return;
  ItemStoreEvent event;
  event.key = order.key.bytes;
  event.status = word_of(result.outcome);
  event.command = word_of(order.mode);
  event.ttl_s = shown_ttl(result.expiry, context.session.now());
  event.size_class = size_class(Stream::kFresh);
  event.value_bytes = result.value_bytes;
  event.fd = context.client.fd;
  context.shared.watch.publish(event);
}

void count_cas(const Context& context, StoreOutcome outcome, Stream stream) {
  switch (outcome) {
    case StoreOutcome::kStored:
      return context.counters.add(StreamCounter::kCasHit, stream);
    case StoreOutcome::kExists:
      return context.counters.add(StreamCounter::kCasBadValue, stream);
    case StoreOutcome::kNotFound:
      return context.counters.add(Counter::kCasMiss);
    case StoreOutcome::kNotStored:
    case StoreOutcome::kTooLarge:
    case StoreOutcome::kNoMemory:
      return;
  }
}

NewItem new_item(const StoreOrder& order, const StoreDecision& decision, const ItemView& old) {
  NewItem fresh;
  if (decision.joins) {  // flags and expiry stay; the value is new, so nobody has read it and nothing about it is stale
    fresh = like(old);
    fresh.stale = false;
    fresh.win_sent = false;
    fresh.fetched = false;
  } else {
    fresh.client_flags = order.client_flags;
    fresh.expiry = order.expiry;
    fresh.binary_key = order.binary_key;
  }
  if (decision.keeps_as_stale) {
    fresh.expiry = old.expiry();
    fresh.stale = true;
    fresh.win_sent = old.win_sent();
  }
  fresh.explicit_cas = order.new_cas;
  return fresh;
}

// The present value and the new one, in the mode's order.
bool put_joined(Mutation& mutation, const NewItem& item, const StoreOrder& order) {
  const ItemView& old = mutation.current();
  const bool prepends = is_prepend(order.mode);
  if (old.contiguous()) {
    std::array parts{old.value(), order.value};
    if (prepends) std::swap(parts[0], parts[1]);
    return mutation.put(item, parts);
  }
  std::vector<std::string_view> parts;
  if (prepends) parts.push_back(order.value);
  old.for_each_piece([&parts](std::string_view piece) { parts.push_back(piece); });
  if (!prepends) parts.push_back(order.value);
  return mutation.put(item, parts);
}

// The value that a concatenation is going to store, as far as can be known before the key is locked.
std::uint64_t expected_value_bytes(Context& context, const StoreOrder& order) {
  if (!is_concatenation(order.mode)) return order.value.size();
  const ItemView old = context.session.find(order.key);
  return order.value.size() + (old ? old.value_bytes() : 0);
}

void remove_stale_value(Context& context, const StoreOrder& order) {
  if (!order.removes_if_refused) return;
  // kNoMemory: not even a delete could be logged; then the old value stays, which is what a refused set leaves at best.
  (void)context.session.mutate(order.key, 0, [&](Mutation& mutation) {
    publish_look_in(context, mutation, order.key.bytes);
    (void)mutation.erase();
  });
}

StoreResult refuse(Context& context, const StoreOrder& order, StoreOutcome outcome) {
  context.counters.add(outcome == StoreOutcome::kTooLarge ? Counter::kStoreTooLarge : Counter::kStoreNoMemory);
  StoreResult result;
  result.outcome = outcome;
  result.expiry = order.expiry;
  publish_store(context, order, result);
  remove_stale_value(context, order);
  return result;
}

void count_prefix_set(const Context& context, const StoreOrder& order) {
  if (!context.detailed) [[likely]]
    return;
  context.shared.counters.prefixes().count_set(order.key.bytes, context.shared.settings.prefix_delimiter);
}

}  // namespace

StoreResult refuse_too_large(Context& context, const StoreOrder& order) {
  count_prefix_set(context, order);
  return refuse(context, order, StoreOutcome::kTooLarge);
}

StoreResult store_item(Context& context, const StoreOrder& order) {
  if (!context.session.fits(order.key.bytes.size(), order.value.size())) return refuse_too_large(context, order);
  count_prefix_set(context, order);

  StoreResult result;
  Stream stream = Stream::kFresh;
  const auto change = [&](Mutation& mutation) {
    const ItemView& old = mutation.current();
    publish_look_in(context, mutation, order.key.bytes);
    if (old) stream = old.stream();
    const StoreDecision decision = decide_store(order.mode, state_of(context, old), order.compare);
    result.outcome = decision.outcome;
    result.value_bytes = order.value.size() + (decision.joins ? old.value_bytes() : 0);
    result.expiry = decision.joins ? old.expiry() : order.expiry;
    if (decision.outcome != StoreOutcome::kStored) return;
    if (!context.session.fits(order.key.bytes.size(), result.value_bytes)) {  // only a concatenation grows beyond
      result.outcome = StoreOutcome::kNotStored;
      return;
    }
    const NewItem fresh = new_item(order, decision, old);
    const bool put = decision.joins ? put_joined(mutation, fresh, order) : mutation.put(fresh, {&order.value, 1});
    if (put) result.cas = shown_cas(context, mutation.stored_cas());
  };
  if (context.session.mutate(order.key, expected_value_bytes(context, order), change) == MutateResult::kNoMemory) {
    return refuse(context, order, StoreOutcome::kNoMemory);
  }
  context.counters.add(StreamCounter::kSet, Stream::kFresh);
  if (order.mode == StoreMode::kCas) count_cas(context, result.outcome, stream);
  publish_store(context, order, result);
  return result;
}

// --- deleting ---

namespace {

bool put_marked(Mutation& mutation, const DeleteOrder& order) {
  const ItemView& old = mutation.current();
  NewItem fresh = like(old);
  fresh.explicit_cas = order.new_cas;
  fresh.stale = order.invalidates;
  fresh.win_sent = false;  // the next client to ask wins
  fresh.last_access = old.last_access();
  if (order.invalidates && order.expiry) fresh.expiry = *order.expiry;
  if (order.drops_value) {
    fresh.client_flags = 0;
    fresh.fetched = false;
    fresh.last_access = {};
    return mutation.put(fresh, {});
  }
  std::vector<std::string_view> parts;
  old.for_each_piece([&parts](std::string_view piece) { parts.push_back(piece); });
  return mutation.put(fresh, parts);
}

void publish_delete(const Context& context, const DeleteOrder& order, const ItemView& item) {
  if (!context.shared.watch.wants(WatchKind::kDeletions)) [[likely]]
    return;
  DeletedEvent event;
  event.key = order.key.bytes;
  event.command = order.command;
  event.size_class = size_class(item.stream());
  event.value_bytes = item.value_bytes();
  context.shared.watch.publish(event);
}

}  // namespace

DeleteOutcome delete_item(Context& context, const DeleteOrder& order) {
  if (context.detailed) [[unlikely]] {
    context.shared.counters.prefixes().count_delete(order.key.bytes, context.shared.settings.prefix_delimiter);
  }
  const bool keeps = order.invalidates || order.drops_value;
  DeleteOutcome outcome = DeleteOutcome::kNotFound;
  Stream stream = Stream::kFresh;
  ItemView deleted;
  const auto change = [&](Mutation& mutation) {
    const ItemView item = mutation.current();
    publish_look_in(context, mutation, order.key.bytes);
    outcome = decide_delete(state_of(context, item), order.compares, order.expected_cas);
    if (outcome != DeleteOutcome::kDeleted) return;
    stream = item.stream();
    deleted = item;
    (void)(keeps ? put_marked(mutation, order) : mutation.erase());
  };
  if (context.session.mutate(order.key, 0, change) == MutateResult::kNoMemory) return DeleteOutcome::kNoMemory;
  if (outcome == DeleteOutcome::kDeleted) {
    context.counters.add(StreamCounter::kDeleteHit, stream);
    if (!keeps) publish_delete(context, order, deleted);
  } else if (outcome == DeleteOutcome::kNotFound) {
    context.counters.add(Counter::kDeleteMiss);
  }
  return outcome;
}

// --- counting ---

namespace {

// The part of a value in which its number stands, if it is one.
std::string_view number_field(const ItemView& item) {
  if (!item || item.value_bytes() > kMaxNumberValueBytes) return {};
  if (item.contiguous()) [[likely]]
    return item.value();
  std::string_view first;
  item.for_each_piece([&first](std::string_view piece) {
    if (first.empty()) first = piece;
  });
  return first;
}

bool put_number(Mutation& mutation, NewItem item, std::uint64_t number, std::uint64_t least_bytes) {
  char digits[protocol::kMaxU64Bytes];
  const char* const end = protocol::write_u64(digits, number);
  const std::string_view text(digits, static_cast<std::size_t>(end - digits));
  static constexpr std::string_view kSpaces = "                    ";
  static_assert(kSpaces.size() == protocol::kMaxU64Bytes);

  if (text.size() > least_bytes) {  // memcached counts in place while it can, and makes a new item when it cannot
    item.fetched = false;
    item.stale = false;
    item.win_sent = false;
  }
  const std::size_t missing = least_bytes > text.size() ? least_bytes - text.size() : 0;
  if (missing <= kSpaces.size()) {
    const std::array parts{text, kSpaces.substr(0, missing)};
    return mutation.put(item, parts);
  }
  const std::string padding(missing, ' ');  // somebody stored a number in a long field
  const std::array parts{text, std::string_view(padding)};
  return mutation.put(item, parts);
}

// Watchers see a counter that was created as an add, which it is to memcached.
void publish_created(const Context& context, const NumberOrder& order, const NumberResult& result) {
  if (!context.shared.watch.wants(WatchKind::kMutations)) [[likely]]
    return;
  char digits[protocol::kMaxU64Bytes];
  ItemStoreEvent event;
  event.key = order.key.bytes;
  event.status = "stored";
  event.command = "add";
  event.ttl_s = shown_ttl(order.created_expiry, context.session.now());
  event.size_class = size_class(Stream::kFresh);
  event.value_bytes = static_cast<std::uint64_t>(protocol::write_u64(digits, result.number) - digits);
  event.fd = context.client.fd;
  context.shared.watch.publish(event);
}

void count_arithmetic(const Context& context, bool decrement, ArithmeticOutcome outcome, Stream stream) {
  if (outcome == ArithmeticOutcome::kDone) {
    context.counters.add(decrement ? StreamCounter::kDecrementHit : StreamCounter::kIncrementHit, stream);
  } else if (outcome == ArithmeticOutcome::kNotFound) {
    context.counters.add(decrement ? Counter::kDecrementMiss : Counter::kIncrementMiss);
  }
}

}  // namespace

NumberResult change_number(Context& context, const NumberOrder& order) {
  NumberResult result;
  Stream stream = Stream::kFresh;
  const auto change = [&](Mutation& mutation) {
    const ItemView& item = mutation.current();
    publish_look_in(context, mutation, order.key.bytes);
    const std::uint64_t old_bytes = item ? item.value_bytes() : 0;
    const ArithmeticDecision decision =
        decide_arithmetic(order.arithmetic, state_of(context, item), number_field(item));
    result.outcome = decision.outcome;
    result.number = decision.number;
    NewItem fresh;
    if (decision.outcome == ArithmeticOutcome::kDone) {
      stream = item.stream();
      fresh = like(item);
      result.old_expiry = item.expiry();
      if (order.new_expiry) fresh.expiry = *order.new_expiry;
    } else if (decision.outcome == ArithmeticOutcome::kCreated) {
      fresh.expiry = order.created_expiry;
      fresh.binary_key = order.binary_key;
    } else {
      return;
    }
    fresh.explicit_cas = order.new_cas;
    if (put_number(mutation, fresh, decision.number, old_bytes)) {
      result.cas = shown_cas(context, mutation.stored_cas());
    }
  };
  if (context.session.mutate(order.key, protocol::kMaxU64Bytes, change) == MutateResult::kNoMemory) {
    result.outcome = ArithmeticOutcome::kNoMemory;
    return result;
  }
  count_arithmetic(context, order.arithmetic.decrement, result.outcome, stream);
  if (result.outcome == ArithmeticOutcome::kCreated) publish_created(context, order, result);
  return result;
}

// --- touching ---

TouchResult touch_item(Context& context, const store::HashedKey& key, store::UnixSeconds expiry) {
  TouchResult result;
  const auto change = [&](Mutation& mutation) {
    result.item = mutation.current();
    publish_look_in(context, mutation, key.bytes);
    if (result.item && mutation.touch(expiry)) result.item = mutation.current();
  };
  context.counters.add(Counter::kTouch);
  if (context.session.mutate(key, 0, change) == MutateResult::kNoMemory) {
    result.item = {};
    result.outcome = TouchOutcome::kNoMemory;
    return result;
  }
  if (!result.item) {
    context.counters.add(Counter::kTouchMiss);
    return result;
  }
  result.outcome = TouchOutcome::kTouched;
  context.counters.add(StreamCounter::kTouchHit, result.item.stream());
  context.session.record_access(result.item);
  return result;
}

FlushOutcome flush_all(Context& context, std::int64_t exptime) {
  context.counters.add(Counter::kFlush);
  if (!context.shared.settings.flush_enabled) return FlushOutcome::kNotAllowed;
  if (exptime == protocol::Request::kBadExptime) return FlushOutcome::kBadExptime;
  const store::UnixSeconds now = context.session.now();
  const store::UnixSeconds at = absolute_expiry(exptime, now);
  if (at > now) {
    context.session.flush_all_at(at);
  } else {
    context.session.flush_all();
  }
  return FlushOutcome::kDone;
}

}  // namespace lmc::commands

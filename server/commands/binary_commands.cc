// The binary protocol's commands. Two rules of quiet ones: a get that finds nothing, and anything else that succeeds,
// is not answered; errors always are.

#include "protocol/binary_format.h"
#include "protocol/text_format.h"
#include "server/commands/dialects.h"
#include "server/commands/operations.h"
#include "server/commands/values.h"

namespace lmc::commands {
namespace {

using protocol::BinaryReply;
using protocol::BinaryStatus;
using protocol::Command;
using protocol::Request;
using protocol::ValueState;
using store::HashedKey;
using store::ItemView;

BinaryReply reply_to(const Request& request) {
  BinaryReply reply;
  reply.opcode = request.opcode;
  reply.opaque = request.opaque;
  return reply;
}

void write_error(Context& context, const Request& request, BinaryStatus status) {
  char* const out = context.replies.reserve(protocol::kMaxBinaryErrorBytes);
  context.replies.commit_to(protocol::write_binary_error(out, request, status));
}

void write_success(Context& context, const Request& request, std::uint64_t cas = 0) {
  if (request.quiet) return;
  BinaryReply reply = reply_to(request);
  reply.cas = cas;
  char* const out = context.replies.reserve(protocol::kBinaryHeaderBytes);
  context.replies.commit_to(protocol::write_binary_header(out, reply));
}

// --- get, gat, touch ---

void write_miss(Context& context, const Request& request) {
  if (request.quiet) return;
  if (!request.with_key) return write_error(context, request, BinaryStatus::kNotFound);
  BinaryReply reply = reply_to(request);
  reply.status = BinaryStatus::kNotFound;
  reply.key_bytes = static_cast<std::uint16_t>(request.key.size());
  char* out = context.replies.reserve(protocol::kBinaryHeaderBytes + request.key.size());
  out = protocol::write_binary_header(out, reply);
  context.replies.commit_to(protocol::write_text(out, request.key));
}

// Header, flags, key if asked for, value (none for a touch).
void write_item(Context& context, const Request& request, const ItemView& item, bool with_value) {
  constexpr std::size_t kOverhead = protocol::kBinaryGetHeaderBytes + protocol::kMaxKeyBytes;
  static_assert(kOverhead + kPinnedValueBytes <= kReplyBlockBytes);
  BinaryReply reply = reply_to(request);
  reply.cas = shown_cas(context, item.cas());
  reply.value_bytes = with_value ? item.value_bytes() : 0;
  if (request.with_key) reply.key_bytes = static_cast<std::uint16_t>(request.key.size());

  const bool copied = with_value && is_copied(item);
  char* out = context.replies.reserve(kOverhead + (copied ? reply.value_bytes : 0));
  out = protocol::write_binary_get_header(out, reply, item.client_flags());
  if (request.with_key) out = protocol::write_text(out, request.key);
  if (copied) out = protocol::write_text(out, item.value());
  context.replies.commit_to(out);
  if (with_value && !copied) append_pieces(context, item);
}

void get(Context& context, const Request& request, const HashedKey& key) {
  const ItemView item = look_up(context, key);
  if (!item) return write_miss(context, request);
  write_item(context, request, item, true);
}

void touch(Context& context, const Request& request, const HashedKey& key) {
  const bool with_value = request.command == Command::kGat;
  const TouchResult touched = touch_item(context, key, absolute_expiry(request.exptime, context.session.now()));
  if (with_value) count_prefix_get(context, key.bytes, touched.outcome == TouchOutcome::kTouched);
  switch (touched.outcome) {
    case TouchOutcome::kTouched:
      return write_item(context, request, touched.item, with_value);
    case TouchOutcome::kNotFound:
      return write_miss(context, request);
    case TouchOutcome::kNoMemory:
      return write_error(context, request, BinaryStatus::kOutOfMemory);
  }
}

// --- set, add, replace, append, prepend ---

BinaryStatus status_of(StoreOutcome outcome, Command command) {
  switch (outcome) {
    case StoreOutcome::kStored:
      return BinaryStatus::kSuccess;
    case StoreOutcome::kExists:
      return BinaryStatus::kExists;
    case StoreOutcome::kNotFound:
      return BinaryStatus::kNotFound;
    case StoreOutcome::kNotStored:
      if (command == Command::kAdd) return BinaryStatus::kExists;
      return command == Command::kReplace ? BinaryStatus::kNotFound : BinaryStatus::kNotStored;
    case StoreOutcome::kTooLarge:
      return BinaryStatus::kTooLarge;
    case StoreOutcome::kNoMemory:
      return BinaryStatus::kOutOfMemory;
  }
  return BinaryStatus::kNotStored;
}

void store(Context& context, const Request& request, const HashedKey& key) {
  StoreOrder order;
  order.key = key;
  order.value = request.value;
  const StoreMode mode = store_mode(request.command);
  order.mode = request.cas != 0 && !is_concatenation(mode) ? StoreMode::kCas : mode;
  order.compare.expected = request.cas;
  order.client_flags = request.client_flags;
  order.expiry = absolute_expiry(request.exptime, context.session.now());
  order.removes_if_refused = request.command == Command::kSet;  // with a CAS too, be it the item's or not
  const bool too_large = request.value_state == ValueState::kTooLarge;
  const StoreResult result = too_large ? refuse_too_large(context, order) : store_item(context, order);
  if (result.outcome == StoreOutcome::kStored) return write_success(context, request, result.cas);
  write_error(context, request, status_of(result.outcome, request.command));
}

// --- delete, increment, decrement ---

void remove(Context& context, const Request& request, const HashedKey& key) {
  DeleteOrder order;
  order.key = key;
  order.compares = request.cas != 0;
  order.expected_cas = request.cas;
  switch (delete_item(context, order)) {
    case DeleteOutcome::kDeleted:
      return write_success(context, request);
    case DeleteOutcome::kNotFound:
      return write_error(context, request, BinaryStatus::kNotFound);
    case DeleteOutcome::kExists:
      return write_error(context, request, BinaryStatus::kExists);
    case DeleteOutcome::kNoMemory:
      return write_error(context, request, BinaryStatus::kOutOfMemory);
  }
}

void count(Context& context, const Request& request, const HashedKey& key) {
  NumberOrder order;
  order.key = key;
  order.arithmetic.decrement = request.command == Command::kDecrement;
  order.arithmetic.creates = request.exptime != Request::kNoCreate;
  order.arithmetic.delta = request.delta;
  order.arithmetic.initial = request.initial;
  order.arithmetic.expected_cas = request.cas;
  order.created_expiry = absolute_expiry(request.exptime, context.session.now());
  const NumberResult result = change_number(context, order);
  switch (result.outcome) {
    case ArithmeticOutcome::kDone:
    case ArithmeticOutcome::kCreated: {
      if (request.quiet) return;
      BinaryReply reply = reply_to(request);
      reply.cas = result.cas;
      char* const out = context.replies.reserve(protocol::kBinaryNumberReplyBytes);
      return context.replies.commit_to(protocol::write_binary_number_reply(out, reply, result.number));
    }
    case ArithmeticOutcome::kNotFound:
      return write_error(context, request, BinaryStatus::kNotFound);
    case ArithmeticOutcome::kExists:
      return write_error(context, request, BinaryStatus::kExists);
    case ArithmeticOutcome::kNotNumeric:
      return write_error(context, request, BinaryStatus::kNotNumeric);
    case ArithmeticOutcome::kNoMemory:
      return write_error(context, request, BinaryStatus::kOutOfMemory);
  }
}

// --- the server ---

void flush(Context& context, const Request& request) {
  switch (flush_all(context, request.exptime)) {
    case FlushOutcome::kDone:
      return write_success(context, request);
    case FlushOutcome::kNotAllowed:
      return write_error(context, request, BinaryStatus::kAuthFailure);
    case FlushOutcome::kBadExptime:  // never: four bytes are always a number
      return write_error(context, request, BinaryStatus::kInvalidArguments);
  }
}

void version(Context& context, const Request& request) {
  const std::string_view text = kVersion;
  BinaryReply reply = reply_to(request);
  reply.value_bytes = text.size();
  char* out = context.replies.reserve(protocol::kBinaryHeaderBytes + text.size());
  out = protocol::write_binary_header(out, reply);
  context.replies.commit_to(protocol::write_text(out, text));
}

}  // namespace

Disposition execute_binary(Context& context, const Request& request, const HashedKey& key) {
  switch (request.command) {
    case Command::kGet:
      get(context, request, key);
      return Disposition::kContinue;
    case Command::kGat:
    case Command::kTouch:
      touch(context, request, key);
      return Disposition::kContinue;
    case Command::kSet:
    case Command::kAdd:
    case Command::kReplace:
    case Command::kAppend:
    case Command::kPrepend:
      store(context, request, key);
      return Disposition::kContinue;
    case Command::kDelete:
      remove(context, request, key);
      return Disposition::kContinue;
    case Command::kIncrement:
    case Command::kDecrement:
      count(context, request, key);
      return Disposition::kContinue;
    case Command::kFlushAll:
      flush(context, request);
      return Disposition::kContinue;
    case Command::kStats:
      return execute_stats(context, request);
    case Command::kNoop:
      write_success(context, request);
      return Disposition::kContinue;
    case Command::kVersion:
      version(context, request);
      return Disposition::kContinue;
    case Command::kQuit:
      write_success(context, request);
      return Disposition::kClose;
    case Command::kGets:
    case Command::kGats:
    case Command::kCas:
    case Command::kMetaGet:
    case Command::kMetaSet:
    case Command::kMetaDelete:
    case Command::kMetaArithmetic:
    case Command::kMetaNoop:
    case Command::kMetaDebug:
    case Command::kVerbosity:
    case Command::kShutdown:
    case Command::kCacheMemlimit:
    case Command::kLru:
    case Command::kLruCrawler:
    case Command::kSlabs:
    case Command::kWatch:
    case Command::kRefreshCerts:
    case Command::kDebugTime:
    case Command::kSaslListMechanisms:  // as a server without SASL answers
    case Command::kSaslAuthenticate:
    case Command::kSaslStep:
    case Command::kUnknown:
      write_error(context, request, BinaryStatus::kUnknownCommand);
      return Disposition::kContinue;
  }
  return Disposition::kContinue;
}

}  // namespace lmc::commands

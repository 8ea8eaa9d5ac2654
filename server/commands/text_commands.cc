// The text commands with a key, but for gets (text_get.cc), and flush_all; the others are admin.cc's.

#include "protocol/text_format.h"
#include "protocol/text_replies.h"
#include "server/commands/dialects.h"
#include "server/commands/operations.h"

namespace lmc::commands {
namespace {

using protocol::Command;
using protocol::Request;
using protocol::ValueState;
using store::HashedKey;
namespace reply = protocol::reply;

std::string_view reply_of(StoreOutcome outcome) {
  switch (outcome) {
    case StoreOutcome::kStored:
      return reply::kStored;
    case StoreOutcome::kNotStored:
      return reply::kNotStored;
    case StoreOutcome::kExists:
      return reply::kExists;
    case StoreOutcome::kNotFound:
      return reply::kNotFound;
    case StoreOutcome::kTooLarge:
      return reply::kTooLarge;
    case StoreOutcome::kNoMemory:
      return reply::kOutOfMemoryStoring;
  }
  return {};
}

std::string_view reply_of(DeleteOutcome outcome) {
  switch (outcome) {
    case DeleteOutcome::kDeleted:
      return reply::kDeleted;
    case DeleteOutcome::kNotFound:
    case DeleteOutcome::kExists:  // a text delete does not compare
      return reply::kNotFound;
    case DeleteOutcome::kNoMemory:
      return reply::kOutOfMemory;
  }
  return {};
}

std::string_view reply_of(TouchOutcome outcome) {
  switch (outcome) {
    case TouchOutcome::kTouched:
      return reply::kTouched;
    case TouchOutcome::kNotFound:
      return reply::kNotFound;
    case TouchOutcome::kNoMemory:
      return reply::kOutOfMemory;
  }
  return {};
}

std::string_view reply_of(FlushOutcome outcome) {
  switch (outcome) {
    case FlushOutcome::kDone:
      return reply::kOk;
    case FlushOutcome::kNotAllowed:
      return reply::kFlushNotAllowed;
    case FlushOutcome::kBadExptime:
      return reply::kBadExptime;
  }
  return {};
}

void store(Context& context, const Request& request, const HashedKey& key) {
  if (request.value_state == ValueState::kBadChunk) {
    context.counters.add(StreamCounter::kSet, store::Stream::kFresh);
    return answer(context, request, reply::kBadChunk);
  }
  StoreOrder order;
  order.key = key;
  order.value = request.value;
  order.mode = store_mode(request.command);
  order.compare.expected = request.cas;
  order.client_flags = request.client_flags;
  order.expiry = absolute_expiry(request.exptime, context.session.now());
  order.removes_if_refused = request.command == Command::kSet;
  const bool too_large = request.value_state == ValueState::kTooLarge;
  const StoreResult result = too_large ? refuse_too_large(context, order) : store_item(context, order);
  answer(context, request, reply_of(result.outcome));
}

void remove(Context& context, const Request& request, const HashedKey& key) {
  DeleteOrder order;
  order.key = key;
  answer(context, request, reply_of(delete_item(context, order)));
}

void count(Context& context, const Request& request, const HashedKey& key) {
  NumberOrder order;
  order.key = key;
  order.arithmetic.decrement = request.command == Command::kDecrement;
  order.arithmetic.delta = request.delta;
  const NumberResult result = change_number(context, order);
  switch (result.outcome) {
    case ArithmeticOutcome::kDone:
    case ArithmeticOutcome::kCreated:
      if (!request.quiet) {
        char* const out = context.replies.reserve(protocol::kMaxNumberLineBytes);
        context.replies.commit_to(protocol::write_number_line(out, result.number));
      }
      return;
    case ArithmeticOutcome::kNotFound:
    case ArithmeticOutcome::kExists:  // a text incr does not compare
      return answer(context, request, reply::kNotFound);
    case ArithmeticOutcome::kNotNumeric:
      return answer(context, request, reply::kNotNumeric);
    case ArithmeticOutcome::kNoMemory:
      return answer(context, request, reply::kOutOfMemory);
  }
}

}  // namespace

Disposition execute_text(Context& context, const Request& request, const HashedKey& key) {
  switch (request.command) {
    case Command::kGet:
    case Command::kGets:
      return execute_get(context, request, key);
    case Command::kGat:
    case Command::kGats:
      execute_get_and_touch(context, request, key);
      return Disposition::kContinue;
    case Command::kSet:
    case Command::kAdd:
    case Command::kReplace:
    case Command::kAppend:
    case Command::kPrepend:
    case Command::kCas:
      store(context, request, key);
      return Disposition::kContinue;
    case Command::kDelete:
      remove(context, request, key);
      return Disposition::kContinue;
    case Command::kIncrement:
    case Command::kDecrement:
      count(context, request, key);
      return Disposition::kContinue;
    case Command::kTouch: {
      const store::UnixSeconds expiry = absolute_expiry(request.exptime, context.session.now());
      answer(context, request, reply_of(touch_item(context, key, expiry).outcome));
      return Disposition::kContinue;
    }
    case Command::kFlushAll:
      answer(context, request, reply_of(flush_all(context, request.exptime)));
      return Disposition::kContinue;
    case Command::kQuit:
      return Disposition::kClose;
    case Command::kVersion:
    case Command::kVerbosity:
    case Command::kStats:
    case Command::kShutdown:
    case Command::kCacheMemlimit:
    case Command::kLru:
    case Command::kLruCrawler:
    case Command::kSlabs:
    case Command::kWatch:
    case Command::kRefreshCerts:
    case Command::kDebugTime:
      return execute_admin(context, request);
    case Command::kMetaGet:
    case Command::kMetaSet:
    case Command::kMetaDelete:
    case Command::kMetaArithmetic:
    case Command::kMetaNoop:
    case Command::kMetaDebug:
    case Command::kNoop:
    case Command::kSaslListMechanisms:
    case Command::kSaslAuthenticate:
    case Command::kSaslStep:
    case Command::kUnknown:
      answer(context, request, reply::kError);
      return Disposition::kContinue;
  }
  return Disposition::kContinue;
}

}  // namespace lmc::commands

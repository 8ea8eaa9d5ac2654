#include "server/commands/decisions.h"

#include "protocol/numbers.h"

namespace lmc::commands {
namespace {

StoreDecision stored(bool joins = false) {
  return {StoreOutcome::kStored, joins, false};
}
StoreDecision refused(StoreOutcome outcome) {
  return {outcome, false, false};
}

StoreDecision decide_store_absent(StoreMode mode) {
  switch (mode) {
    case StoreMode::kSet:
    case StoreMode::kAdd:  // an add compares with nothing
    case StoreMode::kAppendOrCreate:
    case StoreMode::kPrependOrCreate:
      return stored();
    case StoreMode::kCas:
      return refused(StoreOutcome::kNotFound);
    case StoreMode::kReplace:
    case StoreMode::kAppend:
    case StoreMode::kPrepend:
      return refused(StoreOutcome::kNotStored);
  }
  return refused(StoreOutcome::kNotStored);
}

StoreDecision decide_cas(const ItemState& item, const CasCompare& compare) {
  if (compare.expected == 0) return refused(StoreOutcome::kExists);
  if (compare.expected == item.cas) return stored();
  if (!compare.accept_older || compare.expected > item.cas) return refused(StoreOutcome::kExists);
  StoreDecision decision = stored();
  decision.keeps_as_stale = true;
  return decision;
}

}  // namespace

StoreDecision decide_store(StoreMode mode, const ItemState& item, const CasCompare& compare) {
  if (!item.present) return decide_store_absent(mode);
  switch (mode) {
    case StoreMode::kSet:
    case StoreMode::kReplace:
      return stored();
    case StoreMode::kAdd:
      return refused(StoreOutcome::kNotStored);
    case StoreMode::kCas:
      return decide_cas(item, compare);
    case StoreMode::kAppend:
    case StoreMode::kPrepend:
    case StoreMode::kAppendOrCreate:
    case StoreMode::kPrependOrCreate:
      if (compare.expected != 0 && compare.expected != item.cas) return refused(StoreOutcome::kExists);
      return stored(true);
  }
  return refused(StoreOutcome::kNotStored);
}

DeleteOutcome decide_delete(const ItemState& item, bool compares, std::uint64_t expected) {
  if (!item.present) return DeleteOutcome::kNotFound;
  return compares && expected != item.cas ? DeleteOutcome::kExists : DeleteOutcome::kDeleted;
}

ArithmeticDecision decide_arithmetic(const ArithmeticOrder& order, const ItemState& item, std::string_view value) {
  if (!item.present) {
    if (order.creates) return {ArithmeticOutcome::kCreated, order.initial};
    return {ArithmeticOutcome::kNotFound, 0};
  }
  std::uint64_t number = 0;
  if (value.empty()) return {ArithmeticOutcome::kNotNumeric, 0};
  if (order.expected_cas != 0 && order.expected_cas != item.cas) return {ArithmeticOutcome::kExists, 0};
  if (!protocol::loose_u64(value, number)) return {ArithmeticOutcome::kNotNumeric, 0};
  if (!order.decrement) return {ArithmeticOutcome::kDone, number + order.delta};  // wraps
  return {ArithmeticOutcome::kDone, number > order.delta ? number - order.delta : 0};
}

MetaGetDecision decide_meta_get(const ItemState& item, std::string_view letters, const MetaGetTimes& times) {
  MetaGetDecision decision;
  decision.creates = !item.present && letters.find('N') != std::string_view::npos;
  if (!item.present && !decision.creates) return decision;

  decision.expiry = item.expiry;
  for (const char letter : letters) {
    if (letter == 'T') {
      decision.expiry = times.touch;
      decision.touches = true;
    } else if (letter == 'N' && decision.creates) {
      decision.expiry = times.vivify;
      decision.won = true;
    } else if (letter == 'R' && !decision.creates && !item.win_sent) {
      const bool expires = decision.expiry != store::kNeverExpires;
      if (expires && decision.expiry < times.recache) decision.won = true;
    }
  }
  if (item.stale && !item.win_sent) decision.won = true;
  return decision;
}

}  // namespace lmc::commands

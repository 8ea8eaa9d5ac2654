#include "replication/engine/ledger_end.h"

namespace lmc::replication {

void Ledger::append(const Entry& entry) {
  ++end_.sequence.value;
  ring_.put(entry, end_.epoch, end_.sequence);
}

void Ledger::begin_epoch(Epoch next) {
  Entry entry;
  entry.kind = EntryKind::kEpoch;
  entry.number = next.value;
  append(entry);
  end_.epoch = next;
}

bool Ledger::continues(const Position& position) const {
  if (position == end_) return true;
  if (position.sequence >= end_.sequence || end_.sequence.value - position.sequence.value > ring_.slots()) return false;
  const std::optional<StoredEntry> next = ring_.find({position.sequence.value + 1});
  return next && next->epoch == position.epoch;
}

}  // namespace lmc::replication

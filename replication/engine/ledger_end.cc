#include "replication/engine/ledger_end.h"

namespace lmc::replication {

Ledger::Ledger(LedgerRing& ring, Position at, Version version)
    : ring_(ring),
      end_(at),
      begin_(at.sequence),
      told_at_begin_{version, 0},
      told_(told_at_begin_),
      told_then_(ring.slots()) {}

void Ledger::append(const Entry& entry) {
  ++end_.sequence.value;
  ring_.put(entry, end_.epoch, end_.sequence);
  if (entry.kind == EntryKind::kHead) told_.version = {entry.number};
  if (entry.kind == EntryKind::kAppended) told_.log_bytes += entry.to - entry.from;
  told_then_[end_.sequence.value % told_then_.size()] = told_;
}

Ledger::Told Ledger::told_up_to(Sequence sequence) const {
  if (sequence >= end_.sequence) return told_;
  if (sequence <= begin_ || end_.sequence.value - sequence.value >= told_then_.size()) return told_at_begin_;
  return told_then_[sequence.value % told_then_.size()];
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

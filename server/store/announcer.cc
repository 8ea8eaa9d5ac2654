#include "server/store/announcer.h"

#include <algorithm>
#include <utility>

#include "server/store/log.h"

namespace lmc::store {

std::uint32_t Announcer::Complete::end_in(const Arena& arena, SegmentId id) const {
  std::uint32_t end = arena.segment(id).used_bytes.load(std::memory_order_relaxed);
  const std::uint64_t start = arena.start_of(id).offset;
  for (const LogAddress address : under_way)
    if (arena.segment_of(address) == id) end = std::min(end, static_cast<std::uint32_t>(address.offset - start));
  return end;
}

// With the log's lock held nobody reserves; who completes meanwhile is seen as complete or not, both are right.
Announcer::Complete Announcer::look(std::span<const Appender> appenders) const {
  Complete complete{{arena_.head().version.load(std::memory_order_relaxed)}, {}};
  for (const Appender& appender : appenders) {
    // Acquire: pairs with complete(); what it filled is there to be sent.
    const std::uint64_t stamp = appender.stamp.load(std::memory_order_acquire);
    const std::uint64_t address = appender.address.load(std::memory_order_acquire);
    if (stamp != 0) complete.version.value = std::min(complete.version.value, stamp - 1);
    if (address != 0) complete.under_way.push_back({address});
  }
  return complete;
}

void Announcer::begin(std::span<const Appender> appenders) {
  active_ = true;
  told_.assign(arena_.segment_count(), {});
  pending_.clear();
  // What is under way, and the segments that are open, go on to be told; the rest is as it is.
  const Complete complete = look(appenders);
  told_version_ = complete.version;
  retirements_ = 1;
  for (std::uint32_t i = 0; i < arena_.segment_count(); ++i) {
    const SegmentEntry& segment = arena_.segment({i});
    const SegmentState state = segment.state.load(std::memory_order_relaxed);
    told_[i].sequence = segment.sequence.load(std::memory_order_relaxed);
    told_[i].gone = state != SegmentState::kOpen && state != SegmentState::kSealed;
    if (told_[i].gone) {
      told_[i].retirement = retirements_;
      continue;
    }
    told_[i].used = complete.end_in(arena_, {i});
    told_[i].sealed = state == SegmentState::kSealed && told_[i].used == segment.used_bytes.load();
    if (!told_[i].sealed) list({i});
  }
}

void Announcer::end() {
  active_ = false;
  told_.clear();
  pending_.clear();
}

void Announcer::list(SegmentId id) {
  if (std::exchange(told_[id.value].listed, true)) return;
  pending_.push_back(id);
}

void Announcer::on_opened(SegmentId id) {
  if (active_) list(id);
}

void Announcer::on_evicted(SegmentId id, std::uint32_t up_to, Version stamp) {
  if (!active_) return;
  told_[id.value].to_evict = up_to;
  told_[id.value].stamp = stamp;
  list(id);
}

void Announcer::on_retired(SegmentId id, Version stamp) {
  if (!active_) return;
  told_[id.value].to_retire = true;
  told_[id.value].stamp = stamp;
  list(id);
}

Version Announcer::collect(std::span<const Appender> appenders, std::size_t most, std::vector<Change>& out) {
  const Complete complete = look(appenders);
  const std::size_t limit = out.size() + most;
  const auto tell = [&](auto one) {
    for (const SegmentId id : pending_) {
      if (out.size() >= limit) return false;
      (this->*one)(id, complete, out);
    }
    return true;
  };
  if (tell(&Announcer::tell_appended) && tell(&Announcer::tell_gone)) told_version_ = complete.version;
  std::erase_if(pending_, [this](SegmentId id) {
    if (!settled(id)) return false;
    told_[id.value].listed = false;
    return true;
  });
  return told_version_;
}

void Announcer::tell_appended(SegmentId id, const Complete& complete, std::vector<Change>& out) {
  Told& told = told_[id.value];
  const SegmentEntry& segment = arena_.segment(id);
  const SegmentState state = segment.state.load(std::memory_order_relaxed);
  if (state == SegmentState::kFree) return;
  const std::uint64_t sequence = segment.sequence.load(std::memory_order_relaxed);
  if (told.sequence != sequence) {
    told.sequence = sequence;
    told.used = kSegmentHeaderBytes;
    told.evicted = kSegmentHeaderBytes;
    told.sealed = false;
    told.gone = false;
    told.to_evict = 0;
    Change change{ChangeKind::kOpened, segment.stream.load(std::memory_order_relaxed), id, 0, kSegmentHeaderBytes};
    change.sequence = sequence;
    change.opened = segment.opened.load(std::memory_order_relaxed);
    out.push_back(change);
  }
  const std::uint32_t end = complete.end_in(arena_, id);
  if (told.used < end) {
    out.push_back({ChangeKind::kAppended, Stream::kFresh, id, told.used, end});
    told.used = end;
  }
}

void Announcer::tell_gone(SegmentId id, const Complete& complete, std::vector<Change>& out) {
  Told& told = told_[id.value];
  if (told.gone) return;
  const SegmentEntry& segment = arena_.segment(id);
  const bool whole = told.used == segment.used_bytes.load(std::memory_order_relaxed);
  if (!told.sealed && whole && segment.state.load(std::memory_order_relaxed) != SegmentState::kOpen) {
    out.push_back({ChangeKind::kSealed, Stream::kFresh, id});
    told.sealed = true;
  }
  if (!whole || told.stamp > complete.version) return;
  const std::uint32_t to_evict = told.to_retire ? told.used : told.to_evict;
  if (to_evict > std::max(told.evicted, kSegmentHeaderBytes)) {
    out.push_back({ChangeKind::kEvicted, Stream::kFresh, id, std::max(told.evicted, kSegmentHeaderBytes), to_evict});
    told.evicted = to_evict;
  }
  if (!told.to_retire) return;
  Change change{ChangeKind::kRetired, Stream::kFresh, id};
  change.sequence = told.retirement = ++retirements_;
  out.push_back(change);
  told.to_retire = false;
  told.gone = true;
}

bool Announcer::settled(SegmentId id) const {
  const Told& told = told_[id.value];
  if (told.sequence != arena_.segment(id).sequence.load(std::memory_order_relaxed)) return false;  // it was opened
  if (told.gone) return true;
  return told.sealed && !told.to_retire && told.to_evict <= std::max(told.evicted, kSegmentHeaderBytes);
}

LogExtent Announcer::told() const {
  // What has nothing to be told is not pending, but for what will be opened.
  LogExtent told;
  told.ends.fill(LogExtent::place_in_order(arena_.head().sequence.load(std::memory_order_relaxed) + 1, 0));
  for (const SegmentId id : pending_) {
    const SegmentEntry& segment = arena_.segment(id);
    const SegmentState state = segment.state.load(std::memory_order_relaxed);
    const std::uint64_t sequence = segment.sequence.load(std::memory_order_relaxed);
    const std::uint32_t used = told_[id.value].sequence == sequence ? told_[id.value].used : 0;
    if (state != SegmentState::kOpen && used == segment.used_bytes.load(std::memory_order_relaxed)) continue;
    std::uint64_t& end = told.ends[static_cast<unsigned>(segment.stream.load(std::memory_order_relaxed))];
    end = std::min(end, LogExtent::place_in_order(sequence, used));
  }
  return told;
}

void Announcer::describe(std::vector<AnnouncedSegment>& out) const {
  for (std::uint32_t i = 0; i < told_.size(); ++i) {
    if (told_[i].gone) continue;
    const SegmentEntry& segment = arena_.segment({i});
    out.push_back({{i},
                   segment.stream.load(std::memory_order_relaxed),
                   told_[i].sealed,
                   told_[i].used,
                   std::max(told_[i].evicted, kSegmentHeaderBytes),
                   told_[i].sequence,
                   segment.opened.load(std::memory_order_relaxed)});
  }
}

}  // namespace lmc::store

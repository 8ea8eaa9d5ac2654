#include <algorithm>
#include <vector>

#include "server/store/liveness.h"
#include "server/store/parts.h"

namespace lmc::store {

namespace {

std::uint64_t total_size(std::span<const std::string_view> parts) {
  std::uint64_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size();
  return bytes;
}

// Copies `bytes` bytes out of the parts, going on where the last call ended.
class Gather {
 public:
  explicit Gather(std::span<const std::string_view> parts) : parts_(parts) {}
  char* take(char* to, std::uint64_t bytes) {
    while (bytes > 0) {
      const std::string_view rest = parts_[part_].substr(offset_);
      const std::uint64_t now = std::min<std::uint64_t>(bytes, rest.size());
      if (now > 0) std::memcpy(to, rest.data(), now);
      to += now;
      bytes -= now;
      offset_ += now;
      if (offset_ == parts_[part_].size()) {
        ++part_;
        offset_ = 0;
      }
    }
    return to;
  }

 private:
  std::span<const std::string_view> parts_;
  std::size_t part_ = 0;
  std::uint64_t offset_ = 0;
};

RecordShape item_shape(const NewItem& item, std::string_view key, std::uint64_t payload_bytes) {
  RecordShape shape;
  shape.kind = RecordKind::kItem;
  const auto flag = [&shape](RecordFlag f, bool set) {
    if (set) shape.flags = static_cast<std::uint8_t>(shape.flags | static_cast<std::uint8_t>(f));
  };
  flag(RecordFlag::kClientFlags, item.client_flags != 0);
  flag(RecordFlag::kExplicitCas, item.explicit_cas != 0);
  flag(RecordFlag::kBinaryKey, item.binary_key);
  shape.key_bytes = static_cast<std::uint8_t>(key.size());
  shape.payload_bytes = static_cast<std::uint32_t>(payload_bytes);
  return shape;
}

// Optional fields and key; returns where the payload goes.
char* write_front(RecordHeader& record, const NewItem& item, std::string_view key) {
  char* at = record.body();
  if (item.explicit_cas != 0) {
    std::memcpy(at, &item.explicit_cas, sizeof item.explicit_cas);
    at += sizeof item.explicit_cas;
  }
  if (item.client_flags != 0) {
    std::memcpy(at, &item.client_flags, sizeof item.client_flags);
    at += sizeof item.client_flags;
  }
  std::memcpy(at, key.data(), key.size());
  return at + key.size();
}

Access access_of(const NewItem& item, UnixSeconds now) {
  const bool renewed = item.last_access == UnixSeconds{};
  return {renewed ? now : item.last_access, item.fetched, item.stale, item.win_sent};
}

}  // namespace

struct Mutation::Appended {
  Log::Reservation reservation;
  RecordShape shape;
};

Mutation::Mutation(Session& session, const HashedKey& key)
    : session_(session), key_(key), lock_(session.state_->parts.index, key) {
  Store::Parts& parts = session_.state_->parts;
  found_ = parts.index.find_locked(key_, lock_.pair());
  if (!found_) return;
  const RecordHeader& record = parts.arena.record(found_.slot.address());
  if (life_of(record, parts.arena.head(), session_.state_->now) == Life::kAlive) {
    current_ = ItemView(parts.arena, record, found_.place);
  } else {
    bury(parts.arena, parts.index, parts.log, found_, session_.state_->tally);
    found_ = {};
  }
}

bool Mutation::put(const NewItem& item, std::span<const std::string_view> value_parts) {
  if (!replace(item, value_parts)) return false;
  session_.state_->tally.add(Count::kTotalItems);
  return true;
}

bool Mutation::replace(const NewItem& item, std::span<const std::string_view> value_parts) {
  Store::Parts& parts = session_.state_->parts;
  const std::uint64_t value_bytes = total_size(value_parts);
  const std::uint64_t inline_limit = parts.arena.segment_bytes() / kInlineShareOfSegment;
  Appended appended;
  const bool fits_inline = kRecordHeaderBytes + key_.bytes.size() + value_bytes <= inline_limit;
  if (!(fits_inline ? append_item(item, value_parts, appended) : append_chunked(item, value_parts, appended)))
    return false;
  publish(appended);
  stored_cas_ = appended.reservation.record->cas();
  return wanted_bytes_ == 0;
}

Stream Mutation::stream_for_put() {
  Session::State& state = *session_.state_;
  // An overwrite is no demotion: the key stays in the queue it is in.
  if (found_) return state.parts.arena.segment(state.parts.arena.segment_of(found_.slot.address())).stream;
  if (!state.parts.ghost.take(key_)) return Stream::kFresh;
  state.tally.add(Count::kGhostHits);
  return Stream::kSurvivor;
}

bool Mutation::append_item(const NewItem& item, std::span<const std::string_view> value_parts, Appended& out) {
  Session::State& state = *session_.state_;
  out.shape = item_shape(item, key_.bytes, total_size(value_parts));
  const auto reservation = state.parts.log.reserve(stream_for_put(), out.shape, {}, Purpose::kItem, &state.appender);
  if (!reservation) {
    wants_room(out.shape.record_bytes());
    return false;
  }
  out.reservation = *reservation;
  RecordHeader& record = *reservation->record;
  char* payload = write_front(record, item, key_.bytes);
  Gather(value_parts).take(payload, out.shape.payload_bytes);
  record.set_expiry(item.expiry);
  record.set_access(access_of(item, state.now));
  record.seal_checksum();
  state.appended_bytes += out.shape.record_bytes();
  return true;
}

bool Mutation::append_chunked(const NewItem& item, std::span<const std::string_view> value_parts, Appended& out) {
  Session::State& state = *session_.state_;
  Log& log = state.parts.log;
  const std::uint64_t total = total_size(value_parts);
  const std::uint64_t segment_room = state.parts.arena.segment_bytes() - kSegmentHeaderBytes;
  const std::uint64_t least = state.parts.arena.segment_bytes() / kMinChunkShareOfSegment;
  RecordShape chunk;
  chunk.kind = RecordKind::kChunk;
  chunk.flags = static_cast<std::uint8_t>(RecordFlag::kClientFlags);
  chunk.key_bytes = static_cast<std::uint8_t>(key_.bytes.size());
  const std::uint64_t overhead = chunk.record_bytes() + kRecordAlignment;

  if (!found_) (void)state.parts.ghost.take(key_);  // large items stay in the fresh stream, but this one has come back
  // The chunks carry the version that the item is about to have.
  const Version version = log.hold_version(state.appender);
  std::vector<std::uint64_t> directory{total};
  std::vector<RecordShape> shapes;
  const auto take_back = [&] {
    for (std::size_t i = 0; i < shapes.size(); ++i) log.count_dead({directory[i + 1]}, shapes[i]);
    log.release_version(state.appender);
    wants_room(total + total / 8 + 2 * state.parts.arena.segment_bytes());
    return false;
  };
  Gather gather(value_parts);
  for (std::uint64_t done = 0; done < total;) {
    const std::uint64_t open = log.open_room(Stream::kFresh);
    const std::uint64_t room = (open >= least + overhead ? open : segment_room) - overhead;
    chunk.payload_bytes = static_cast<std::uint32_t>(std::min(room, total - done));
    const auto place = log.reserve(Stream::kFresh, chunk, {version}, Purpose::kItem, &state.appender);
    if (!place) return take_back();
    NewItem numbered;
    numbered.client_flags = static_cast<std::uint32_t>(shapes.size());
    char* at = place->record->body();
    std::memcpy(at, &numbered.client_flags, sizeof numbered.client_flags);
    std::memcpy(at + sizeof numbered.client_flags, key_.bytes.data(), key_.bytes.size());
    gather.take(at + sizeof numbered.client_flags + key_.bytes.size(), chunk.payload_bytes);
    place->record->seal_checksum();
    log.count_live(place->address, chunk);
    log.note_expiry(place->address, static_cast<std::uint32_t>(chunk.record_bytes()), item.expiry);
    log.complete(*place);
    directory.push_back(place->address.offset);
    shapes.push_back(chunk);
    done += chunk.payload_bytes;
    state.appended_bytes += chunk.record_bytes();
  }

  out.shape = item_shape(item, key_.bytes, directory.size() * sizeof(std::uint64_t));
  out.shape.flags = static_cast<std::uint8_t>(out.shape.flags | static_cast<std::uint8_t>(RecordFlag::kChunked));
  const auto reservation = log.reserve(Stream::kFresh, out.shape, {version}, Purpose::kItem, &state.appender);
  if (!reservation) return take_back();
  out.reservation = *reservation;
  log.end_hold(state.appender);
  char* payload = write_front(*reservation->record, item, key_.bytes);
  std::memcpy(payload, directory.data(), directory.size() * sizeof(std::uint64_t));
  reservation->record->set_expiry(item.expiry);
  reservation->record->set_access(access_of(item, state.now));
  reservation->record->seal_checksum();
  state.appended_bytes += out.shape.record_bytes();
  return true;
}

void Mutation::publish(const Appended& appended) {
  Store::Parts& parts = session_.state_->parts;
  const LogAddress address = appended.reservation.address;
  if (found_) {
    const LogAddress old = found_.slot.address();
    // Another reader may raise the frequency between this load and the store; one access is lost, no more.
    const Slot present{found_.place->load(std::memory_order_relaxed)};
    parts.index.replace(found_, address, present.frequency());
    account_dead(parts.arena, parts.log, old);
  } else if (!parts.index.insert(key_, lock_.pair(), address)) {
    // Neither bucket nor overflow area has a slot: what was appended is dead.
    wants_room(appended.shape.record_bytes());
    parts.log.count_live(address, appended.shape);
    account_dead(parts.arena, parts.log, address);
    appended.reservation.record->make_void();  // no follower may find room for it either
    parts.log.complete(appended.reservation);
    return;
  }
  parts.log.count_live(address, appended.shape);
  parts.log.note_expiry(address, static_cast<std::uint32_t>(appended.shape.record_bytes()),
                        appended.reservation.record->expiry());
  parts.log.complete(appended.reservation);
  const RecordHeader& record = *appended.reservation.record;
  found_ = parts.index.find_locked(key_, lock_.pair());
  current_ = ItemView(parts.arena, record, found_.place);
}

// Deletes and touches need room in a full log too: they have a reserve of their own, and are dead as soon as they are
// applied, so that their segment is free again with the next compaction.
//
// Complete only when applied here: a follower that is told of a touch is then sure to get the item's bytes with it.
bool Mutation::append_note(RecordKind kind, UnixSeconds expiry, const Access& access, Appended& out) {
  Session::State& state = *session_.state_;
  RecordShape shape;
  shape.kind = kind;
  shape.key_bytes = static_cast<std::uint8_t>(key_.bytes.size());
  const auto reservation = state.parts.log.reserve(Stream::kFresh, shape, {}, Purpose::kNote, &state.appender);
  if (!reservation) {
    wants_room(shape.record_bytes(), Purpose::kNote);
    return false;
  }
  RecordHeader& record = *reservation->record;
  std::memcpy(record.body(), key_.bytes.data(), key_.bytes.size());
  record.set_expiry(expiry);
  record.set_access(access);
  record.seal_checksum();
  state.appended_bytes += shape.record_bytes();
  if (state.parts.log.announcing()) state.parts.log.unsettled().note(key_, record.version());
  out = {*reservation, shape};
  return true;
}

bool Mutation::touch(UnixSeconds expiry) {
  return change_words(expiry, session_.state_->parts.arena.record(found_.slot.address()).access());
}

bool Mutation::set_state(bool stale, bool win_sent) {
  const RecordHeader& record = session_.state_->parts.arena.record(found_.slot.address());
  Access access = record.access();
  access.stale = stale;
  access.win_sent = win_sent;
  return change_words(record.expiry(), access);
}

bool Mutation::change_words(UnixSeconds expiry, const Access& access) {
  Store::Parts& parts = session_.state_->parts;
  const LogAddress address = found_.slot.address();
  if (!parts.log.may_change_in_place(address)) return append_anew(expiry, access);
  Appended note;
  if (!append_note(RecordKind::kTouch, expiry, access, note)) return false;
  if (!parts.log.may_change_in_place(address)) {
    note.reservation.record->make_void();
    parts.log.complete(note.reservation);
    return append_anew(expiry, access);
  }
  RecordHeader& record = parts.arena.record(address);
  const UnixSeconds before = record.expiry();
  record.set_expiry(expiry);
  record.set_state(access.stale, access.win_sent);
  if (before != expiry) account_touched(parts.arena, parts.log, address, before, expiry);
  parts.log.complete(note.reservation);
  return true;
}

bool Mutation::append_anew(UnixSeconds expiry, const Access& access) {
  NewItem item;
  item.client_flags = current_.client_flags();
  item.expiry = expiry;
  item.explicit_cas = current_.cas();
  item.binary_key = current_.binary_key();
  item.stale = access.stale;
  item.win_sent = access.win_sent;
  item.fetched = access.fetched;
  item.last_access = access.time;
  if (current_.contiguous()) {
    const std::string_view value = current_.value();
    return replace(item, {&value, 1});
  }
  std::vector<std::string_view> pieces;
  current_.for_each_piece([&pieces](std::string_view piece) { pieces.push_back(piece); });
  return replace(item, pieces);
}

bool Mutation::erase() {
  if (!found_) return true;
  Store::Parts& parts = session_.state_->parts;
  Appended note;
  if (!append_note(RecordKind::kDelete, kNeverExpires, {}, note)) return false;
  const LogAddress address = found_.slot.address();
  parts.index.erase(found_);
  account_dead(parts.arena, parts.log, address);
  parts.log.complete(note.reservation);
  found_ = {};
  current_ = {};
  return true;
}

}  // namespace lmc::store

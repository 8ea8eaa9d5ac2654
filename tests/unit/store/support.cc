#include "support.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>

#include "server/store/liveness.h"

namespace lmc::store::test {

ScratchFile::ScratchFile() {
  static std::atomic<unsigned> number{0};
  const char* folder = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
  path_ = std::string(folder) + "/lmc-store-test-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
}

ScratchFile::~ScratchFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

StoreOptions options_of(std::uint64_t memory_bytes, const std::string& file) {
  StoreOptions options;
  options.memory_bytes = memory_bytes;
  options.max_item_bytes = memory_bytes / 2;
  options.memory_file = file;
  options.now = kNow;
  return options;
}

std::string text_of(const ItemView& item) {
  std::string text;
  item.for_each_piece([&text](std::string_view piece) { text.append(piece); });
  return text;
}

std::string numbered(std::string_view prefix, std::uint64_t number) {
  std::string text(prefix);
  text += std::to_string(number);
  return text;
}

std::string patterned(std::uint64_t bytes, std::uint64_t seed) {
  std::string text(bytes, '\0');
  std::uint64_t word = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::uint64_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0) word = word * 6364136223846793005ULL + 1442695040888963407ULL;
    text[i] = static_cast<char>(word >> (i % 8 * 8));
  }
  return text;
}

MutateResult Cache::set(std::string_view key, std::string_view value, const NewItem& item) {
  session.begin_turn(now);
  const HashedKey hashed = session.hash(key);
  const MutateResult result = session.mutate(hashed, value.size(), [&](Mutation& mutation) {
    (void)mutation.put(item, {&value, 1});
  });
  session.end_turn();
  return result;
}

std::optional<std::string> Cache::get(std::string_view key) {
  session.begin_turn(now);
  std::optional<std::string> text;
  if (const ItemView item = session.find(session.hash(key))) text = text_of(item);
  session.end_turn();
  return text;
}

bool Cache::read(std::string_view key) {
  session.begin_turn(now);
  const ItemView item = session.find(session.hash(key));
  if (item) session.record_access(item);
  session.end_turn();
  return static_cast<bool>(item);
}

std::uint64_t Cache::cas(std::string_view key) {
  session.begin_turn(now);
  const ItemView item = session.find(session.hash(key));
  const std::uint64_t cas = item ? item.cas() : 0;
  session.end_turn();
  return cas;
}

MutateResult Cache::erase(std::string_view key) {
  session.begin_turn(now);
  const MutateResult result = session.mutate(session.hash(key), 0, [](Mutation& mutation) { (void)mutation.erase(); });
  session.end_turn();
  return result;
}

MutateResult Cache::touch(std::string_view key, UnixSeconds expiry) {
  session.begin_turn(now);
  const MutateResult result = session.mutate(session.hash(key), 0, [expiry](Mutation& mutation) {
    if (mutation.current()) (void)mutation.touch(expiry);
  });
  session.end_turn();
  return result;
}

void Cache::idle(unsigned turns) {
  for (unsigned i = 0; i < turns; ++i) {
    session.begin_turn(now);
    session.end_turn();
  }
}

bool Bench::put(std::string_view key, std::string_view value, Stream stream, UnixSeconds expiry) {
  RecordShape shape;
  shape.key_bytes = static_cast<std::uint8_t>(key.size());
  shape.payload_bytes = static_cast<std::uint32_t>(value.size());
  const auto reservation = log.reserve(stream, shape, {}, Purpose::kItem, &log.appender(0));
  if (!reservation) return false;
  std::memcpy(reservation->record->body(), key.data(), key.size());
  std::memcpy(reservation->record->body() + key.size(), value.data(), value.size());
  reservation->record->set_expiry(expiry);
  reservation->record->seal_checksum();
  const HashedKey hashed = index.hash(key);
  {
    const Index::BucketLock lock(index, hashed);
    if (const Index::Found found = index.find_locked(hashed, lock.pair())) {
      index.replace(found, reservation->address, found.slot.frequency());
      account_dead(arena, log, found.slot.address());
    } else if (!index.insert(hashed, lock.pair(), reservation->address)) {
      return false;
    }
    log.count_live(reservation->address, shape);
    log.note_expiry(reservation->address, static_cast<std::uint32_t>(shape.record_bytes()), expiry);
  }
  log.complete(*reservation);
  return true;
}

bool Bench::erase(std::string_view key) {
  const HashedKey hashed = index.hash(key);
  const Index::BucketLock lock(index, hashed);
  const Index::Found found = index.find_locked(hashed, lock.pair());
  if (!found) return false;
  index.erase(found);
  account_dead(arena, log, found.slot.address());
  return true;
}

std::optional<std::string> Bench::get(std::string_view key) const {
  const Index::Found found = index.find(index.hash(key));
  if (!found) return std::nullopt;
  return std::string(arena.record(found.slot.address()).payload());
}

SegmentId Bench::where(std::string_view key) const {
  return arena.segment_of(index.find(index.hash(key)).slot.address());
}

void Bench::raise(std::string_view key, unsigned times) {
  for (unsigned i = 0; i < times; ++i) Index::raise_frequency(index.find(index.hash(key)));
}

}  // namespace lmc::store::test

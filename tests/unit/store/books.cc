#include "books.h"

#include <cstring>
#include <sstream>
#include <unordered_set>
#include <vector>

#include "server/store/index.h"
#include "server/store/record.h"

namespace lmc::store::test {

namespace {

class Auditor {
 public:
  explicit Auditor(Arena& arena) : arena_(arena), index_(arena), live_(arena.segment_count(), 0) {}

  std::string run() {
    walk_segments();
    std::uint64_t items = 0;
    static const char kEmpty[sizeof(Bucket)] = {};
    for (std::uint64_t bucket = 0; bucket < index_.bucket_count(); ++bucket) {
      if (std::memcmp(reinterpret_cast<const char*>(arena_.buckets() + bucket), kEmpty, sizeof kEmpty) == 0) continue;
      index_.visit_bucket(bucket, [&](const Index::Found& found) {
        ++items;
        check_item(bucket, found);
      });
    }
    if (items != index_.item_count()) wrong("item count", index_.item_count(), items);
    for (std::uint32_t i = 0; i < arena_.segment_count(); ++i)
      if (const std::uint64_t booked = arena_.live({i}).load(); booked != live_[i])
        wrong("living items/bytes of segment " + std::to_string(i), booked, live_[i]);
    return problems_.str();
  }

 private:
  void wrong(const std::string& what, std::uint64_t booked, std::uint64_t counted) {
    if (++count_ <= 10) problems_ << what << ": booked " << booked << ", counted " << counted << "\n";
  }

  void walk_segments() {
    for (std::uint32_t i = 0; i < arena_.segment_count(); ++i) {
      const SegmentEntry& segment = arena_.segment({i});
      const SegmentState state = segment.state.load();
      if (state == SegmentState::kFree) continue;
      const std::uint64_t used = segment.used_bytes.load();
      std::uint64_t at = kSegmentHeaderBytes;
      while (at < used) {
        starts_.insert(arena_.start_of({i}).offset + at);
        at += arena_.record({arena_.start_of({i}).offset + at}).record_bytes();
      }
      if (at != used) wrong("end of segment " + std::to_string(i), used, at);
    }
  }

  bool check_record(LogAddress address) {
    if (!starts_.contains(address.offset)) {
      wrong("an address that starts no record", address.offset, 0);
      return false;
    }
    const RecordHeader& record = arena_.record(address);
    if (!record.checksum_matches()) wrong("checksum at address", address.offset, 0);
    live_[arena_.segment_of(address).value] += live_delta(record.shape());
    return true;
  }

  void check_item(std::uint64_t bucket, const Index::Found& found) {
    if (!check_record(found.slot.address())) return;
    const RecordHeader& record = arena_.record(found.slot.address());
    if (record.kind() != RecordKind::kItem) wrong("kind", static_cast<std::uint64_t>(record.kind()), 1);
    bool belongs = false;
    for (unsigned choice = 0; choice < 2; ++choice)
      index_.visit_places(index_.hash(record.key()), choice,
                          [&](const Index::Found& place) { belongs = belongs || place.place == found.place; });
    if (!belongs) wrong("bucket of " + std::string(record.key()), bucket, 0);
    if (!keys_.insert(std::string(record.key())).second) wrong("twice there: " + std::string(record.key()), 2, 1);
    if (record.version().value > arena_.head().version.load())
      wrong("version", arena_.head().version.load(), record.version().value);
    if (!record.has(RecordFlag::kChunked)) return;
    const ChunkDirectory directory(record.payload());
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < directory.chunks(); ++i) {
      const LogAddress address{directory.chunk_address(i)};
      if (!check_record(address)) continue;
      const RecordHeader& chunk = arena_.record(address);
      if (chunk.kind() != RecordKind::kChunk || chunk.key() != record.key() || chunk.client_flags() != i)
        wrong("chunk of " + std::string(record.key()), i, 0);
      bytes += chunk.payload().size();
    }
    if (bytes != directory.total_bytes())
      wrong("bytes of " + std::string(record.key()), directory.total_bytes(), bytes);
  }

  Arena& arena_;
  Index index_;
  std::vector<std::uint64_t> live_;
  std::unordered_set<std::uint64_t> starts_;
  std::unordered_set<std::string> keys_;
  std::ostringstream problems_;
  unsigned count_ = 0;
};

}  // namespace

std::string audit(Arena& arena) {
  return Auditor(arena).run();
}

std::string audit_file(const std::string& file, std::uint64_t memory_bytes) {
  Arena arena({memory_bytes, file, false, false});
  if (!arena.found()) return "nothing found: " + arena.why_not();
  return audit(arena);
}

}  // namespace lmc::store::test

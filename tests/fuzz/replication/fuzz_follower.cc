// A primary that says anything of its log: what it puts into a backup's ring and memory, and how it describes the copy.
// Either it is refused, or the copy is one: its books agree, and promoted it stores and evicts. In both cases whoever
// reads at that moment finds items or none.
//
// Input: edits of an honest primary's ledger, eight bytes each: u8 what, u8 which step, u8 which of that step's
// entries, records, segments or items, u8 which field or byte, u32 with what. What an edit leaves whole gets its
// checksum here, or the fuzzer would never come past it.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "books.h"
#include "replication/engine/applier.h"
#include "require.h"
#include "server/replica/store_log.h"
#include "server/store/record.h"
#include "support.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using namespace lmc::replication;
using lmc::replica::StoreLog;
using lmc::store::kRecordHeaderBytes;
using lmc::store::RecordHeader;
using lmc::store::test::Cache;
using lmc::testing::require;

constexpr std::uint64_t kMemory = lmc::store::test::kMiB;
constexpr std::size_t kSlots = 1024;
constexpr std::size_t kMostEdits = 32;
constexpr unsigned kKeys = 700;
constexpr unsigned kHotKeys = 60;  // are read, so that the reclaimer moves them
constexpr unsigned kSteps = 48;
constexpr unsigned kReadEvery = 8;  // steps
constexpr Epoch kEpoch{0x10000};

// Bytes as they were when an entry announced them.
struct Landing {
  std::uint64_t offset = 0;
  std::string bytes;
};

// What a chain brings, and what a control connection says behind it.
struct Step {
  std::vector<Landing> landings;
  std::vector<Entry> entries;
  std::vector<LivingItem> living;
  bool last = false;  // of the living items
};

struct Ledger {
  std::vector<Landing> copied;
  std::vector<SegmentState> segments;
  Head head;
  std::vector<Step> steps;
};

const std::vector<std::string>& keys() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made;
    for (unsigned i = 0; i < kKeys; ++i) made.push_back(lmc::store::test::numbered("key", i));
    return made;
  }();
  return all;
}

lmc::store::StoreOptions options_of(const std::string& file = {}) {
  lmc::store::StoreOptions options = lmc::store::test::options_of(kMemory, file);
  options.hash_seed = 1;
  options.max_sessions = 4;
  return options;
}

// --- an honest primary ---

class Primary {
 public:
  Primary() : cache_(options_of()), log_(cache_.store, [] { return lmc::store::test::kNow; }) {
    for (unsigned n = 0; n < kKeys; ++n) change(n);
    log_.lead([this] { announce(); });
    ledger_.head = log_.announce(1000, entries_);
    entries_.clear();
    log_.describe(ledger_.segments);
    for (const SegmentState& segment : ledger_.segments)
      ledger_.copied.push_back(landing_of(segment.segment, 0, segment.used));
    scan_ = log_.scan_living();
    for (unsigned n = 0; n < kSteps; ++n) {
      for (unsigned i = 0; i < 16; ++i) change(kKeys + 16 * n + i);
      announce();
    }
  }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] std::optional<std::string> get(const std::string& key) { return cache_.get(key); }

 private:
  void change(unsigned n) {
    const unsigned number = n * 7919 % kKeys;
    const std::string& key = keys()[number];
    if (n > kKeys && number < kHotKeys) {
      (void)cache_.read(key);
    } else if (n % 11 == 3) {
      (void)cache_.erase(key);
    } else if (n % 13 == 5) {
      (void)cache_.touch(key, lmc::store::test::later(1000 + n));
    } else if (n == kKeys + 600) {
      cache_.session.begin_turn(cache_.now);
      cache_.session.flush_all();
      cache_.session.end_turn();
    } else {
      const std::uint64_t bytes = n % 37 == 7 ? 20'000 + 977 * (n % 31) : 40 + 911 * n % 2500;
      lmc::store::NewItem item;
      item.client_flags = n % 3;
      if (n % 5 == 0) item.expiry = lmc::store::test::later(5000);
      (void)cache_.set(key, lmc::store::test::patterned(bytes, n), item);
    }
    (void)cache_.read(keys()[n % kHotKeys]);
  }
  Landing landing_of(std::uint32_t segment, std::uint32_t from, std::uint32_t to) {
    const std::uint64_t offset = std::uint64_t{segment} * log_.geometry().segment_bytes + from;
    return {offset, std::string(log_.memory().data() + offset, to - from)};
  }
  void announce() {
    Step step;
    const Head head = log_.announce(1000, step.entries);
    for (const Entry& entry : step.entries) {
      if (entry.kind == EntryKind::kOpened || entry.kind == EntryKind::kAppended)
        step.landings.push_back(landing_of(entry.segment, entry.from, entry.to));
      if (entry.kind == EntryKind::kRetired) log_.set_followers_past(entry.number);
    }
    Entry end;
    end.number = head.version.value;
    end.flush_version = head.flush_version;
    end.seconds = head.flush_at;
    step.entries.push_back(end);
    if (scan_) step.last = scan_->next(40, step.living);
    if (step.last) scan_.reset();
    log_.set_landed(log_.told());
    ledger_.steps.push_back(std::move(step));
  }

  Cache cache_;
  StoreLog log_;
  std::vector<Entry> entries_;
  std::unique_ptr<LivingScan> scan_;
  Ledger ledger_;
};

// --- what becomes of it ---

struct Edit {
  std::uint8_t what, step, which, field;
  std::uint32_t with;
};

template <class Number>
void alter(Number& number, std::uint32_t with) {
  number = static_cast<Number>(number ^ with);
}

void edit_entry(Entry& entry, std::uint8_t field, std::uint32_t with) {
  const std::uint64_t far = with % 2 == 0 ? with / 2 : std::uint64_t{with} << 32 | with;
  switch (field % 9) {
    case 0:
      entry.kind = static_cast<EntryKind>(with);
      break;
    case 1:
      alter(entry.stream, with);
      break;
    case 2:
      alter(entry.segment, with);
      break;
    case 3:
      alter(entry.from, with);
      break;
    case 4:
      alter(entry.to, with);
      break;
    case 5:
      alter(entry.seconds, with);
      break;
    case 6:
      entry.number = far;
      break;
    case 7:
      entry.flush_version.value = far;
      break;
    default:
      entry.commit.value = far;
  }
}

void edit_segment(SegmentState& segment, std::uint8_t field, std::uint32_t with) {
  switch (field % 6) {
    case 0:
      alter(segment.segment, with);
      break;
    case 1:
      alter(segment.stream, with);
      break;
    case 2:
      segment.sealed = !segment.sealed;
      break;
    case 3:
      alter(segment.used, with);
      break;
    case 4:
      alter(segment.evicted, with);
      break;
    default:
      alter(segment.sequence, with);
  }
}

void edit_living(LivingItem& item, std::uint8_t field, std::uint32_t with) {
  switch (field % 3) {
    case 0:
      item.address ^= std::uint64_t{with} << (field & 32);
      break;
    case 1:
      item.expiry = with;
      break;
    default:
      item.stale = !item.stale;
  }
}

// Of a record of these bytes, with its checksum made right; if there are none, of these bytes.
void edit_record(std::string& bytes, std::uint8_t which, std::uint8_t field, std::uint32_t with) {
  std::size_t at = 0;
  const auto record = [&]() -> RecordHeader& { return *reinterpret_cast<RecordHeader*>(bytes.data() + at); };
  for (unsigned n = 0; n < which && at + kRecordHeaderBytes <= bytes.size(); ++n) {
    const std::size_t next = at + record().record_bytes();
    if (next + kRecordHeaderBytes > bytes.size()) break;
    at = next;
  }
  for (unsigned i = 0; i < 4 && at + field + i < bytes.size(); ++i)
    bytes[at + field + i] = static_cast<char>(bytes[at + field + i] ^ static_cast<char>(with >> (8 * i)));
  if (at + kRecordHeaderBytes <= bytes.size() && record().record_bytes() <= bytes.size() - at) record().seal_checksum();
}

template <class Element>
Element* pick(std::vector<Element>& from, std::size_t which) {
  return from.empty() ? nullptr : &from[which % from.size()];
}

// False: it makes dead bytes of the copy, which nobody looks at again, such that they cannot be walked.
bool apply_edit(Ledger& ledger, const Edit& edit) {
  Step& step = ledger.steps[edit.step % ledger.steps.size()];
  const std::size_t which = step.entries.size() - 1 - edit.which % step.entries.size();
  const auto at = step.entries.begin() + static_cast<std::ptrdiff_t>(which);
  switch (edit.what % 13) {
    case 0:
      edit_entry(*at, edit.field, edit.with);
      return true;
    case 1:
      if (step.entries.size() > 1) step.entries.erase(at);
      return true;
    case 2:
      step.entries.push_back(*at);
      return true;
    case 3: {
      Step& from = ledger.steps[edit.field % ledger.steps.size()];
      step.entries.insert(at, from.entries[edit.with % from.entries.size()]);
      return true;
    }
    case 12:  // it ends here
      ledger.steps.resize(edit.step % ledger.steps.size() + 1);
      return true;
    case 10:
    case 11: {
      Entry more = *at;
      more.kind = static_cast<EntryKind>(1 + edit.field % 8);
      step.entries.insert(at + (edit.what % 13 == 10 ? 1 : 0), more);
      return true;
    }
    case 4:
      if (Landing* const landing = pick(step.landings, edit.with >> 24))
        edit_record(landing->bytes, edit.which, edit.field, edit.with & 0xffffff);
      return true;
    case 5:
      if (Landing* const landing = pick(step.landings, edit.which))
        landing->bytes[edit.with % landing->bytes.size()] ^= static_cast<char>(edit.field);
      return true;
    case 6:
      step.landings.clear();
      return true;
    case 7:
      if (LivingItem* const item = pick(step.living, edit.which)) edit_living(*item, edit.field, edit.with);
      return true;
    case 8:
      edit_segment(*pick(ledger.segments, edit.which), edit.field, edit.with);
      return false;
    default: {
      Landing& landing = *pick(ledger.copied, edit.which);
      std::string records = landing.bytes.substr(lmc::store::kSegmentHeaderBytes);
      edit_record(records, edit.step, edit.field, edit.with);
      landing.bytes.replace(lmc::store::kSegmentHeaderBytes, records.size(), records);
      return false;
    }
  }
}

// --- a backup ---

class Backup {
 public:
  Backup() : cache_(options_of(file_.path())), log_(cache_.store, [] { return lmc::store::test::kNow; }) {}

  // True: it takes all for a log, and has all of its index. It may have followed before.
  bool follow(const Ledger& ledger) {
    log_.follow();
    std::fill(log_.memory().begin(), log_.memory().end(), '\0');
    ring_.clear();
    indexed_ = false;
    epoch_ = kEpoch;
    last_ = {10};
    for (const Landing& landing : ledger.copied) land(landing);
    if (applier_.begin({epoch_, last_}, ledger.segments, ledger.head)) return false;
    for (std::size_t n = 0; n < ledger.steps.size(); ++n) {
      take(ledger.steps[n]);
      if (applier_.refusal()) return false;
      if (n % kReadEvery == 0) get_all();
    }
    return applier_.sound() && indexed_;
  }

  void get_all() {
    cache_.session.begin_turn(cache_.now);
    for (const std::string& key : keys())
      if (const auto item = cache_.session.find(cache_.session.hash(key))) look_at(item);
    cache_.session.end_turn();
  }
  // Whatever readers, and who joins anew, may come by.
  void read_all() {
    cache_.session.begin_turn(cache_.now);
    lmc::store::Session::Scan scan(cache_.session);
    while (!scan.done()) scan.step(4096, [this](const lmc::store::ItemView& item) { look_at(item); });
    cache_.session.end_turn();
    std::vector<SegmentState> segments;
    log_.inventory(segments);
    for (const SegmentState& segment : segments) (void)log_.digest(segment.segment, segment.used);
  }

  void lead() {
    log_.lead([this] {
      entries_.clear();
      (void)log_.announce(1000, entries_);
      log_.set_followers_past(~std::uint64_t{0});
    });
    const std::string value(1500, 'm');
    for (unsigned i = 0; i < 800; ++i) (void)cache_.set(lmc::store::test::numbered("more", i), value);
    require(cache_.set("last", "v") == lmc::store::MutateResult::kDone && cache_.get("last") == "v",
            "promoted it stores");
    read_all();
  }

  [[nodiscard]] std::optional<std::string> get(const std::string& key) { return cache_.get(key); }
  [[nodiscard]] const std::string& file() const { return file_.path(); }

 private:
  void land(const Landing& landing) {
    std::memcpy(log_.memory().data() + landing.offset, landing.bytes.data(), landing.bytes.size());
  }
  // Who may write here can write over what lives, too, and no check sees that: tried is what goes by the ledger.
  [[nodiscard]] bool is_over_what_lives(const Landing& landing) const {
    std::vector<SegmentState> segments;
    log_.inventory(segments);
    const std::uint64_t segment_bytes = log_.geometry().segment_bytes;
    return std::any_of(segments.begin(), segments.end(), [&](const SegmentState& segment) {
      return landing.offset / segment_bytes == segment.segment && landing.offset % segment_bytes < segment.used;
    });
  }
  void take(const Step& step) {
    for (const Landing& landing : step.landings)
      if (!is_over_what_lives(landing)) land(landing);
    for (const Entry& entry : step.entries) {
      ring_.put(entry, epoch_, {++last_.value});
      if (entry.kind == EntryKind::kEpoch) epoch_ = {entry.number};
    }
    applier_.apply();
    (void)applier_.readers_past();
    if (step.living.empty() && !step.last) return;
    indexed_ = !applier_.add_living(last_, step.living, step.last) && step.last;
  }
  void look_at(const lmc::store::ItemView& item) {
    std::uint64_t bytes = 0;
    item.for_each_piece([&](std::string_view piece) {
      if (!piece.empty()) ends_seen_ += static_cast<unsigned char>(piece.front() ^ piece.back());
      bytes += piece.size();
    });
    require(bytes == item.value_bytes(), "a value is as long as it says");
    require(item.key().size() + bytes <= item.log_bytes(), "an item is within its records");
  }

  const lmc::store::test::ScratchFile file_;
  Cache cache_;
  StoreLog log_;
  LedgerRing ring_{kSlots};
  Applier applier_{ring_, log_};
  bool indexed_ = false;  // has got all that lives
  Epoch epoch_;
  Sequence last_;
  std::vector<Entry> entries_;
  unsigned ends_seen_ = 0;
};

Primary& primary() {
  static Primary one;
  return one;
}

void check_honest_copy(Backup& backup) {
  for (const std::string& key : keys())
    require(backup.get(key) == primary().get(key), "an honest primary's copy answers as it does");
}

// Of a backup that was promoted.
void check_books(std::unique_ptr<Backup> backup) {
  const std::string path = backup->file() + "-closed";
  std::filesystem::create_hard_link(backup->file(), path);
  backup.reset();
  const std::string wrong = lmc::store::test::audit_file(path, kMemory);
  std::filesystem::remove(path);
  require(wrong.empty(), wrong.c_str());
}

Edit any_edit(std::mt19937& random) {
  const auto byte = [&random] { return static_cast<std::uint8_t>(random()); };
  Edit edit{byte(), byte(), byte(), byte(), static_cast<std::uint32_t>(random())};
  const std::uint32_t form = random() % 4;
  if (form == 0) edit.with %= 64;
  if (form >= 2) edit.with = std::uint32_t{1} << edit.with % 32;
  if (random() % 2 == 0) edit.which %= 4;
  return edit;
}

}  // namespace

// One edit more, or another one: what knows nothing of edits seldom makes a good one.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::mt19937 random(seed);
  const std::size_t edits = size / sizeof(Edit);
  const std::size_t at = edits == 0 ? 0 : random() % std::min(edits + 1, kMostEdits);
  if ((at + 1) * sizeof(Edit) > most) return LLVMFuzzerMutate(data, size, most);
  if (at < edits && random() % 2 == 0) {
    (void)LLVMFuzzerMutate(data + at * sizeof(Edit), sizeof(Edit), sizeof(Edit));
  } else {
    const Edit edit = any_edit(random);
    std::memcpy(data + at * sizeof edit, &edit, sizeof edit);
  }
  return std::max(edits, at + 1) * sizeof(Edit);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<Backup> backup;  // the same while it is refused: what is refused leaves nothing behind
  if (!backup) backup = std::make_unique<Backup>();
  Ledger ledger = primary().ledger();
  const std::size_t edits = std::min(size / sizeof(Edit), kMostEdits);
  bool walkable = true;
  for (std::size_t i = 0; i < edits; ++i) {
    Edit edit;
    std::memcpy(&edit, data + i * sizeof edit, sizeof edit);
    walkable = apply_edit(ledger, edit) && walkable;
  }
  const bool sound = backup->follow(ledger);
  require(sound || edits != 0, "an honest primary is believed");
  backup->get_all();
  backup->read_all();
  if (edits == 0) check_honest_copy(*backup);
  if (!sound) return 0;
  backup->lead();
  if (walkable) check_books(std::move(backup));
  return 0;
}

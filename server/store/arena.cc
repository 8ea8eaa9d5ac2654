#include "server/store/arena.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "server/store/index.h"

namespace lmc::store {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;

constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

[[noreturn]] void fail(const std::string& what, int error, const std::string& remedy) {
  throw std::runtime_error(what + ": " + std::strerror(error) + "; " + remedy);
}

// Where everything lies, from the arena's size alone.
struct Layout {
  explicit Layout(std::uint64_t memory_bytes) {
    segment_bytes = std::clamp(std::bit_floor(memory_bytes / kWantedSegments), kMinSegmentBytes, kMaxSegmentBytes);
    segment_count = memory_bytes / segment_bytes;
    // Room for an index over nothing but smallest records; it is address space until it is used.
    const std::uint64_t max_records = memory_bytes / (kRecordHeaderBytes + kRecordAlignment);
    bucket_capacity = std::max<std::uint64_t>(kInitialBuckets, max_records * 4 / kTargetItemsPerFourBuckets + 1);
    overflow_capacity = std::max<std::uint64_t>(1024, bucket_capacity / 4);
    segment_table = round_up(sizeof(Superblock), kPage);
    live_counts = segment_table + round_up(segment_count * sizeof(SegmentEntry), kPage);
    buckets = round_up(live_counts + segment_count * sizeof(LiveCount), kHugePage);
    overflow = buckets + round_up(bucket_capacity * sizeof(Bucket), kHugePage);
    log = overflow + round_up(overflow_capacity * sizeof(Bucket), kHugePage);
    total = log + segment_count * segment_bytes;
  }
  std::uint64_t segment_bytes, segment_count, bucket_capacity, overflow_capacity;
  std::uint64_t segment_table, live_counts, buckets, overflow, log, total;
};

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) fail("cannot draw a hash seed", errno, "check getrandom(2)");
  return seed;
}

}  // namespace

Arena::Arena(const Options& options) : Arena() {  // delegating: if what follows throws, the destructor cleans up
  if (options.memory_bytes < kMinSegments * kMinSegmentBytes)
    throw std::runtime_error("memory limit of " + std::to_string(options.memory_bytes) +
                             " bytes is too small; give at least " + std::to_string(kMinSegments * kMinSegmentBytes) +
                             " (-m 1)");
  if (options.memory_bytes > kMaxArenaBytes)
    throw std::runtime_error("memory limit is too large; the index addresses at most 2 TiB (-m 2097152)");
  const Layout layout(options.memory_bytes);
  mapped_bytes_ = layout.total;
  hash_seed_ = options.hash_seed;
  segment_shift_ = static_cast<unsigned>(std::countr_zero(layout.segment_bytes));
  segment_count_ = static_cast<std::uint32_t>(layout.segment_count);
  bucket_capacity_ = layout.bucket_capacity;
  overflow_capacity_ = layout.overflow_capacity;
  map(options);
  segments_ = reinterpret_cast<SegmentEntry*>(base_ + layout.segment_table);
  live_ = reinterpret_cast<LiveCount*>(base_ + layout.live_counts);
  buckets_ = reinterpret_cast<Bucket*>(base_ + layout.buckets);
  overflow_ = reinterpret_cast<Bucket*>(base_ + layout.overflow);
  log_ = base_ + layout.log;
  advise(options);

  Superblock wanted{};
  wanted.magic = kSuperblockMagic;
  wanted.format_version = kFormatVersion;
  wanted.header_bytes = sizeof(Superblock);
  wanted.segment_bytes = layout.segment_bytes;
  wanted.segment_count = layout.segment_count;
  wanted.bucket_capacity = layout.bucket_capacity;
  wanted.overflow_capacity = layout.overflow_capacity;
  check_found(wanted);
  if (!found_) clear();
  head().in_use.store(1, std::memory_order_release);
}

Arena::~Arena() {
  if (base_ != nullptr) ::munmap(base_, mapped_bytes_);
  if (fd_ >= 0) ::close(fd_);
}

void Arena::map(const Options& options) {
  int flags = MAP_NORESERVE;
  if (options.memory_file.empty()) {
    flags |= MAP_PRIVATE | MAP_ANONYMOUS;
  } else {
    const std::string what = "memory file '" + options.memory_file + "' (-e)";
    fd_ = ::open(options.memory_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) fail("cannot open " + what, errno, "give a path in a directory this user may write to, e.g. on tmpfs");
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) fail("cannot lock " + what, errno, "another process is using it");
    struct stat status {};
    if (::fstat(fd_, &status) != 0) fail("cannot stat " + what, errno, "check the file system");
    if (static_cast<std::uint64_t>(status.st_size) != mapped_bytes_) {
      if (status.st_size != 0) why_not_ = "the memory file was made with another memory limit or by another version";
      // Through zero, so that nothing of another geometry stays behind.
      if (::ftruncate(fd_, 0) != 0 || ::ftruncate(fd_, static_cast<off_t>(mapped_bytes_)) != 0)
        fail("cannot size " + what, errno,
             "the file system must allow files of " + std::to_string(mapped_bytes_) + " bytes (sparse)");
    }
    flags |= MAP_SHARED;
  }
  void* base = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, flags, fd_, 0);
  if (base == MAP_FAILED)
    fail("cannot map " + std::to_string(mapped_bytes_) + " bytes of memory", errno,
         "lower -m or raise the address space limit");
  base_ = static_cast<char*>(base);
}

void Arena::advise(const Options& options) const {
  // Asked for, not needed: where the kernel has no transparent huge pages these calls fail and everything works as
  // before.
  (void)::madvise(base_, mapped_bytes_, MADV_HUGEPAGE);
  (void)::madvise(base_, mapped_bytes_, MADV_DONTDUMP);
  if (options.large_pages) (void)::madvise(log_, segment_count_ * segment_bytes(), MADV_WILLNEED);
  if (options.lock_memory && ::mlock(log_, segment_count_ * segment_bytes()) != 0)
    fail("cannot lock the memory (-k)", errno, "raise the memlock limit (ulimit -l, LimitMEMLOCK=) or drop -k");
}

void Arena::check_found(const Superblock& wanted) {
  const Superblock& present = head();
  if (!persistent() || !why_not_.empty()) return;
  if (present.magic == 0) {
    why_not_ = "the memory file is new";
  } else if (present.magic != kSuperblockMagic) {
    why_not_ = "the memory file holds something else";
  } else if (present.format_version != wanted.format_version || present.header_bytes != wanted.header_bytes) {
    why_not_ = "the memory file has format version " + std::to_string(present.format_version) + ", this program has " +
               std::to_string(wanted.format_version);
  } else if (present.segment_bytes != wanted.segment_bytes || present.segment_count != wanted.segment_count ||
             present.bucket_capacity != wanted.bucket_capacity ||
             present.overflow_capacity != wanted.overflow_capacity) {
    why_not_ = "the memory file was made with another memory limit or by another version";
  } else if (const std::uint64_t in_use = present.buckets.load();
             in_use < kInitialBuckets || in_use > wanted.bucket_capacity) {
    why_not_ = "the memory file's index size is out of bounds";
  } else if (present.version.load() > kMaxVersion) {
    why_not_ = "the memory file's last version is out of bounds";
  } else {
    found_ = true;
    found_in_use_ = present.in_use.load(std::memory_order_acquire) != 0;
  }
}

void Arena::clear() {
  if (persistent()) {
    if (::ftruncate(fd_, 0) != 0 || ::ftruncate(fd_, static_cast<off_t>(mapped_bytes_)) != 0)
      fail("cannot clear the memory file (-e)", errno, "remove it and start again");
  } else if (found_) {
    (void)::madvise(base_, mapped_bytes_, MADV_DONTNEED);
  }
  found_ = false;
  Superblock& super = head();
  super.format_version = kFormatVersion;
  super.header_bytes = sizeof(Superblock);
  super.segment_bytes = segment_bytes();
  super.segment_count = segment_count_;
  super.bucket_capacity = bucket_capacity_;
  super.overflow_capacity = overflow_capacity_;
  super.hash_seed = hash_seed_ != 0 ? hash_seed_ : random_seed();
  super.buckets.store(kInitialBuckets, std::memory_order_relaxed);
  super.magic = kSuperblockMagic;
}

void Arena::close_cleanly() {
  head().in_use.store(0, std::memory_order_release);
}

void Arena::discard(SegmentId id) const {
  char* begin = at(start_of(id));
  if (persistent()) {
    (void)::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin - base_,
                      static_cast<off_t>(segment_bytes()));
  } else {
    (void)::madvise(begin, segment_bytes(), MADV_DONTNEED);
  }
}

}  // namespace lmc::store

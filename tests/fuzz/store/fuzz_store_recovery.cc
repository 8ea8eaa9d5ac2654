// A store's memory file, damaged by the input, is opened: no crash, no value that was never put under its key, and a
// store that works and whose books agree.
//
// Input: damages of six bytes each: u8 area, u32 where (modulo the area's size), u8 what is XORed there.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "books.h"
#include "server/store/store.h"
#include "support.h"

using namespace lmc::store;
using namespace lmc::store::test;

namespace {

constexpr std::uint64_t kMemory = kMiB;
constexpr unsigned kKeys = 200;

std::string key_of(unsigned i) {
  return numbered("key", i);
}
std::string value_of(unsigned key, unsigned n) {
  return numbered(key_of(key), n).append(patterned(key % 40 == 0 ? 20000 : 60, key * 10 + n));
}

void check(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// The sound file that every run starts from.
const std::string& original() {
  static const ScratchFile file;
  static const bool made = [] {
    Cache cache(options_of(kMemory, file.path()));
    for (unsigned n = 0; n < 2; ++n)
      for (unsigned i = 0; i < kKeys; i += n + 1) (void)cache.set(key_of(i), value_of(i, n));
    (void)cache.touch(key_of(1), later(1000));
    (void)cache.erase(key_of(3));
    return true;
  }();
  (void)made;
  return file.path();
}

void damage(const std::string& path, const std::uint8_t* data, std::size_t size) {
  Arena arena({kMemory, path, false, false});
  check(arena.found(), "the sound file was not found");
  std::vector<char*> used_buckets;
  for (std::uint64_t b = 0; b < kInitialBuckets; ++b)
    if (arena.buckets()[b].slots[0].load() != 0) used_buckets.push_back(reinterpret_cast<char*>(&arena.buckets()[b]));
  for (; size >= 6; data += 6, size -= 6) {
    std::uint32_t where = 0;
    std::memcpy(&where, data + 1, sizeof where);
    char* place = nullptr;
    switch (data[0] % 6) {
      case 0:
        place = reinterpret_cast<char*>(&arena.head()) + where % sizeof(Superblock);
        break;
      case 1:
        place = reinterpret_cast<char*>(&arena.segment({0})) + where % (16 * sizeof(SegmentEntry));
        break;
      case 2:
        place = used_buckets[where / 64 % used_buckets.size()] + where % 64;
        break;
      case 3:
        place = reinterpret_cast<char*>(arena.overflow()) + where % (4 * sizeof(Bucket));
        break;
      case 4:
        place = reinterpret_cast<char*>(arena.buckets()) + where % (kInitialBuckets * sizeof(Bucket));
        break;
      default:
        place = arena.at({where % (3 * arena.segment_bytes())});
    }
    *place = static_cast<char>(*place ^ data[5]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ScratchFile file;
  std::filesystem::copy_file(original(), file.path(), std::filesystem::copy_options::overwrite_existing);
  damage(file.path(), data, size);
  {
    Cache cache(options_of(kMemory, file.path()));
    for (unsigned i = 0; i < kKeys; ++i) {
      const auto value = cache.get(key_of(i));
      check(!value || *value == value_of(i, 0) || *value == value_of(i, 1), "a value that was never put: " + key_of(i));
    }
    for (unsigned i = 0; i < 1200; ++i) (void)cache.set(numbered("more", i), std::string(1000, 'm'));
    check(cache.set("last", "v") == MutateResult::kDone && cache.get("last") == "v", "it does not store any more");
  }
  const std::string wrong = audit_file(file.path(), kMemory);
  check(wrong.empty(), wrong);
  return 0;
}

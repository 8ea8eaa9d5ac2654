// `stats detail`: what is asked of the keys that share a prefix (everything before Settings::prefix_delimiter).
//
// Off unless Settings::detail_enabled: callers check that first, for it costs a lock and a map look-up per key. Keys
// without the delimiter are not counted. Threads: any. Limit: kMaxPrefixes distinct prefixes; further ones are not
// counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace lmc::commands {

inline constexpr std::size_t kMaxPrefixes = 100'000;

class PrefixCounters {
 public:
  void count_get(std::string_view key, char delimiter, bool hit);
  void count_set(std::string_view key, char delimiter);
  void count_delete(std::string_view key, char delimiter);

  // `PREFIX x get n hit n set n del n\r\n` for each, by name, then `END\r\n`.
  [[nodiscard]] std::string dump() const;
  void clear();

 private:
  struct Counts {
    std::uint64_t gets = 0;
    std::uint64_t hits = 0;
    std::uint64_t sets = 0;
    std::uint64_t deletes = 0;
  };
  // mutex_ held. Nothing if the key has no prefix or there are too many.
  [[nodiscard]] Counts* counts_of(std::string_view key, char delimiter);

  mutable std::mutex mutex_;
  std::map<std::string, Counts, std::less<>> counts_;  // guarded by mutex_
};

}  // namespace lmc::commands

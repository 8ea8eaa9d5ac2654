#include "server/commands/prefix_counters.h"

namespace lmc::commands {

PrefixCounters::Counts* PrefixCounters::counts_of(std::string_view key, char delimiter) {
  const std::size_t end = key.find(delimiter);
  if (end == std::string_view::npos) return nullptr;
  const std::string_view prefix = key.substr(0, end);
  const auto found = counts_.find(prefix);
  if (found != counts_.end()) return &found->second;
  if (counts_.size() >= kMaxPrefixes) return nullptr;
  return &counts_[std::string(prefix)];
}

void PrefixCounters::count_get(std::string_view key, char delimiter, bool hit) {
  const std::lock_guard lock(mutex_);
  Counts* const counts = counts_of(key, delimiter);
  if (counts == nullptr) return;
  ++counts->gets;
  if (hit) ++counts->hits;
}

void PrefixCounters::count_set(std::string_view key, char delimiter) {
  const std::lock_guard lock(mutex_);
  if (Counts* const counts = counts_of(key, delimiter)) ++counts->sets;
}

void PrefixCounters::count_delete(std::string_view key, char delimiter) {
  const std::lock_guard lock(mutex_);
  if (Counts* const counts = counts_of(key, delimiter)) ++counts->deletes;
}

std::string PrefixCounters::dump() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [prefix, counts] : counts_) {
    text += "PREFIX " + prefix + " get " + std::to_string(counts.gets) + " hit " + std::to_string(counts.hits) +
            " set " + std::to_string(counts.sets) + " del " + std::to_string(counts.deletes) + "\r\n";
  }
  text += "END\r\n";
  return text;
}

void PrefixCounters::clear() {
  const std::lock_guard lock(mutex_);
  counts_.clear();
}

}  // namespace lmc::commands

#include "server/net/reply_gate.h"

namespace lmc::net {

void ReplyGate::depend(std::uint64_t position, store::Version version) {
  if (version <= latest_) return;
  latest_ = version;
  if (!marks_.empty() && marks_.back().position == position) {
    marks_.back().version = version;  // nothing was written behind the earlier mark
  } else {
    marks_.push_back({position, version});
  }
}

void ReplyGate::admit(std::optional<store::Version> committed) {
  shut_ = !committed;
  while (first_ < marks_.size() && marks_[first_].version <= committed) ++first_;
  if (first_ * 2 < marks_.size()) return;
  // A gate that is never open must not collect admitted marks for ever.
  marks_.erase(marks_.begin(), marks_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

}  // namespace lmc::net

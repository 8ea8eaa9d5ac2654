#include "replication/fabric/tcp/chain_decoder.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace lmc::replication::tcp {

namespace {

static_assert(kMaxHeadBytes <= 4096);

// For readers that look at the place meanwhile: in words where words fit, each stored behind the one before.
void publish(char* to, const char* from, std::size_t bytes) {
  while (bytes != 0) {
    std::uint64_t word = 0;
    const bool fits = bytes >= sizeof word && reinterpret_cast<std::uintptr_t>(to) % sizeof word == 0;
    const std::size_t size = fits ? sizeof word : 1;
    if (fits) {
      std::memcpy(&word, from, sizeof word);
      std::atomic_ref(*reinterpret_cast<std::uint64_t*>(to)).store(word, std::memory_order_release);
    } else {
      std::atomic_ref(*to).store(*from, std::memory_order_release);
    }
    to += size;
    from += size;
    bytes -= size;
  }
}

}  // namespace

std::size_t ChainDecoder::where(std::span<iovec> out) {
  std::size_t count = 0;
  for (std::size_t i = target_; i < targets_.size(); ++i) {
    // The buffer is for one staged target at a time, and one piece is kept for what comes next.
    if (count + 1 == out.size() || (targets_[i].staged && i != target_)) return count;
    const std::uint32_t skip = i == target_ ? filled_ : 0;
    out[count++] = {place_of(targets_[i]) + skip, targets_[i].size - skip};
    if (targets_[i].staged && i + 1 != targets_.size()) return count;
  }
  out[count++] = {head_.data() + head_bytes_, head_.size() - head_bytes_};
  return count;
}

// Where its bytes are read to.
char* ChainDecoder::place_of(const Target& target) {
  return target.staged ? staging_.data() : target.to;
}

void ChainDecoder::prepare_target() {
  if (targets_[target_].staged) staging_.resize(targets_[target_].size);
}

void ChainDecoder::finish_target() {
  const Target& done = targets_[target_];
  if (done.staged) publish(done.to, staging_.data(), done.size);
  ++target_;
  filled_ = 0;
  if (target_ != targets_.size()) return prepare_target();
  targets_.clear();
  target_ = 0;
  ++chains_landed_;
}

// Of `bytes` more that have come, how many were for targets. `from`: where they lie, if not yet in their place.
std::size_t ChainDecoder::land(std::size_t bytes, const char* from) {
  std::size_t landed = 0;
  while (landed != bytes && !targets_.empty()) {
    const Target& target = targets_[target_];
    const std::size_t size = std::min<std::size_t>(bytes - landed, target.size - filled_);
    if (from != nullptr) std::memcpy(place_of(target) + filled_, from + landed, size);
    landed += size;
    filled_ += static_cast<std::uint32_t>(size);
    if (filled_ == target.size) finish_target();
  }
  return landed;
}

bool ChainDecoder::took(std::size_t bytes) {
  head_bytes_ += bytes - land(bytes, nullptr);
  std::size_t at = 0;
  while (targets_.empty()) {
    const std::size_t head = begin_frame({head_.data() + at, head_bytes_ - at});
    if (head == 0) break;
    at += head;
    at += land(head_bytes_ - at, head_.data() + at);
  }
  std::memmove(head_.data(), head_.data() + at, head_bytes_ - at);
  head_bytes_ -= at;
  return broken_.empty();
}

// The size of the frame's head with which `bytes` begin; 0: it is not whole yet, or broken.
std::size_t ChainDecoder::begin_frame(std::string_view bytes) {
  FrameHeader header;
  if (bytes.size() < sizeof header) return 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kFrameMagic || header.zero != 0) return fail("bytes that are no frame");
  if (header.writes > kMaxChainWrites) return fail("a chain of too many writes");
  if (header.landed < peer_landed_) return fail("fewer chains landed than before");
  const std::size_t head = sizeof header + header.writes * sizeof(Descriptor);
  if (bytes.size() < head) return 0;
  peer_landed_ = header.landed;
  return begin_chain(bytes.substr(sizeof header, head - sizeof header)) ? head : 0;
}

bool ChainDecoder::begin_chain(std::string_view descriptors) {
  std::size_t total = 0;
  for (std::size_t at = 0; at < descriptors.size(); at += sizeof(Descriptor)) {
    Descriptor descriptor;
    std::memcpy(&descriptor, descriptors.data() + at, sizeof descriptor);
    const char* const objection = objection_to(descriptor);
    total += descriptor.size;
    if (objection != nullptr || total > kMaxChainBytes) {
      targets_.clear();
      fail(objection != nullptr ? objection : "a chain of too many bytes");
      return false;
    }
    const bool staged = descriptor.region != static_cast<std::uint8_t>(Region::kLog);
    targets_.push_back({exposed_[descriptor.region].data() + descriptor.offset, descriptor.size, staged});
  }
  if (!targets_.empty()) prepare_target();
  return true;
}

const char* ChainDecoder::objection_to(const Descriptor& descriptor) const {
  if (descriptor.zero[0] != 0 || descriptor.zero[1] != 0 || descriptor.zero[2] != 0) return "bytes that are no frame";
  if (descriptor.region >= kRegions) return "a write to a region that there is not";
  const std::size_t exposed = exposed_[descriptor.region].size();
  if (descriptor.size == 0 || descriptor.offset > exposed || descriptor.size > exposed - descriptor.offset)
    return "a write outside of what is exposed";
  return nullptr;
}

std::size_t ChainDecoder::fail(const char* why) {
  broken_ = why;
  return 0;
}

}  // namespace lmc::replication::tcp

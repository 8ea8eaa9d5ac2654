#include "replication/fabric/tcp/chain_decoder.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace lmc::replication::tcp {

namespace {

static_assert(kMaxHeadBytes <= 4096);

void publish(char* to, const char* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i, sizeof word);
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(to + i)).store(word, std::memory_order_release);
  }
}

bool is_word_aligned(const char* to, std::uint32_t size) {
  return reinterpret_cast<std::uintptr_t>(to) % 8 == 0 && size % 8 == 0;
}

}  // namespace

std::size_t ChainDecoder::where(std::span<iovec> out) {
  std::size_t count = 0;
  for (std::size_t i = target_; i < targets_.size(); ++i) {
    const Target& target = targets_[i];
    // The buffer is for one staged target at a time, and what is behind it for what comes next.
    if (count + 1 == out.size() || (target.staged && i != target_)) return count;
    const std::uint32_t skip = i == target_ ? filled_ : 0;
    char* const base = target.staged ? reinterpret_cast<char*>(staging_.data()) : target.to;
    out[count++] = {base + skip, target.size - skip};
    if (target.staged && i + 1 != targets_.size()) return count;
  }
  out[count++] = {head_.data() + head_bytes_, head_.size() - head_bytes_};
  return count;
}

void ChainDecoder::finish_target() {
  const Target& done = targets_[target_];
  if (done.staged) publish(done.to, reinterpret_cast<const char*>(staging_.data()), done.size);
  ++target_;
  filled_ = 0;
  if (target_ != targets_.size() && targets_[target_].staged) staging_.resize((targets_[target_].size + 7) / 8);
  if (target_ != targets_.size()) return;
  targets_.clear();
  target_ = 0;
  ++chains_landed_;
}

// Of the bytes read, those that were for targets.
void ChainDecoder::fill(std::size_t& bytes) {
  while (bytes != 0 && !targets_.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes, targets_[target_].size - filled_);
    filled_ += static_cast<std::uint32_t>(size);
    bytes -= size;
    if (filled_ == targets_[target_].size) finish_target();
  }
}

bool ChainDecoder::took(std::size_t bytes) {
  fill(bytes);
  head_bytes_ += bytes;
  return parse();
}

bool ChainDecoder::fail(std::string why) {
  broken_ = std::move(why);
  return false;
}

void ChainDecoder::drop_front(std::size_t bytes) {
  std::memmove(head_.data(), head_.data() + bytes, head_bytes_ - bytes);
  head_bytes_ -= bytes;
}

// Takes the frames that lie whole in the buffer, and the begin of one that does not.
bool ChainDecoder::parse() {
  while (targets_.empty() && head_bytes_ >= sizeof(FrameHeader)) {
    FrameHeader header;
    std::memcpy(&header, head_.data(), sizeof header);
    if (header.magic != kFrameMagic || header.zero != 0) return fail("bytes that are no frame");
    if (header.writes > kMaxChainWrites) return fail("a chain of too many writes");
    if (header.landed < peer_landed_) return fail("fewer chains landed than before");
    const std::size_t head_bytes = sizeof header + header.writes * sizeof(Descriptor);
    if (head_bytes_ < head_bytes) return true;
    peer_landed_ = header.landed;
    if (!begin_chain(header, head_bytes)) return false;
    drop_front(head_bytes);
    // What of the chain's bytes came with its head.
    while (head_bytes_ != 0 && !targets_.empty()) {
      Target& target = targets_[target_];
      const std::size_t size = std::min<std::size_t>(head_bytes_, target.size - filled_);
      char* const base = target.staged ? reinterpret_cast<char*>(staging_.data()) : target.to;
      std::memcpy(base + filled_, head_.data(), size);
      drop_front(size);
      filled_ += static_cast<std::uint32_t>(size);
      if (filled_ == target.size) finish_target();
    }
  }
  return true;
}

bool ChainDecoder::begin_chain(const FrameHeader& header, std::size_t head_bytes) {
  std::size_t total = 0;
  for (std::size_t at = sizeof header; at < head_bytes; at += sizeof(Descriptor)) {
    Descriptor descriptor;
    std::memcpy(&descriptor, head_.data() + at, sizeof descriptor);
    if (descriptor.region >= kRegions) return fail("a write to a region that there is not");
    const std::span<char> region = exposed_[descriptor.region];
    if (descriptor.size == 0 || descriptor.offset > region.size() ||
        descriptor.size > region.size() - descriptor.offset)
      return fail("a write outside of what is exposed");
    total += descriptor.size;
    if (total > kMaxChainBytes) return fail("a chain of too many bytes");
    char* const to = region.data() + descriptor.offset;
    const bool staged = descriptor.region != static_cast<std::uint8_t>(Region::kLog);
    if (staged && !is_word_aligned(to, descriptor.size)) return fail("a write that is not of whole words");
    targets_.push_back({to, descriptor.size, staged});
  }
  if (!targets_.empty() && targets_.front().staged) staging_.resize((targets_.front().size + 7) / 8);
  return true;
}

}  // namespace lmc::replication::tcp

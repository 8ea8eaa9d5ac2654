#include "replication/fabric/tcp/frame_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "replication/fabric/tcp/frames.h"

namespace lmc::replication::tcp {

void FrameQueue::add_hello(std::string_view bytes) {
  Frame hello;
  hello.head.assign(bytes.begin(), bytes.end());
  hello.bytes = bytes.size();
  frames_.push_back(std::move(hello));
}

void FrameQueue::add_frame(std::span<const Write> writes, std::uint64_t landed) {
  Frame frame;
  const FrameHeader header{kFrameMagic, static_cast<std::uint16_t>(writes.size()), 0, landed};
  frame.head.resize(sizeof header + writes.size() * sizeof(Descriptor));
  std::memcpy(frame.head.data(), &header, sizeof header);
  frame.bytes = frame.head.size();
  char* to = frame.head.data() + sizeof header;
  for (const Write& write : writes) {
    const Descriptor descriptor{
        write.offset, static_cast<std::uint32_t>(write.bytes.size()), static_cast<std::uint8_t>(write.region), {}};
    std::memcpy(to, &descriptor, sizeof descriptor);
    to += sizeof descriptor;
    frame.bytes += write.bytes.size();
  }
  frame.writes.assign(writes.begin(), writes.end());
  frames_.push_back(std::move(frame));
}

std::size_t FrameQueue::gather(std::span<iovec> out) const {
  std::size_t count = 0;
  std::size_t skip = sent_of_first_;
  const auto add = [&](const char* base, std::size_t size) {
    const std::size_t skipped = std::min(skip, size);
    skip -= skipped;
    if (skipped != size) out[count++] = {const_cast<char*>(base) + skipped, size - skipped};
    return count < out.size();
  };
  for (const Frame& frame : frames_) {
    if (!add(frame.head.data(), frame.head.size())) return count;
    for (const Write& write : frame.writes)
      if (!add(write.bytes.data(), write.bytes.size())) return count;
  }
  return count;
}

void FrameQueue::consume(std::size_t bytes) {
  sent_of_first_ += bytes;
  while (!frames_.empty() && sent_of_first_ >= frames_.front().bytes) {
    sent_of_first_ -= frames_.front().bytes;
    if (!frames_.front().writes.empty()) ++chains_sent_;
    frames_.pop_front();
  }
}

void FrameQueue::clear() {
  frames_.clear();
  sent_of_first_ = 0;
}

}  // namespace lmc::replication::tcp

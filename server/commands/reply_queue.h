// What a connection still has to send, in order: bytes written here, and pieces of the arena sent from where they lie.
//
// Small replies are formatted straight into blocks (reserve, write, commit); large values are appended as pinned pieces
// and go to the socket without a copy. The network layer takes iovecs out and consumes what the socket took. Blocks
// come from a BlockPool that all connections of a worker share, so an idle connection holds no memory.
//
// Threads: used by the worker that owns the connection only. Ownership: the queue owns its blocks and pins.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "server/store/item.h"

namespace lmc::commands {

inline constexpr std::size_t kReplyBlockBytes = 16 * 1024;
// Values at least this long are sent from the arena; below it a copy is cheaper than an iovec and a pin.
inline constexpr std::size_t kPinnedValueBytes = 8 * 1024;

struct ReplyBlock {
  std::uint32_t users = 0;  // pieces in it, and the queue while it writes to it
  char bytes[kReplyBlockBytes];
};

// Recycles blocks, last used first, so that the hot ones stay in the cache. Keeps at most kept_blocks spare ones.
class BlockPool {
 public:
  explicit BlockPool(std::size_t kept_blocks = 64) : kept_blocks_(kept_blocks) {}
  [[nodiscard]] std::unique_ptr<ReplyBlock> take();
  void give_back(std::unique_ptr<ReplyBlock> block);

 private:
  std::size_t kept_blocks_;
  std::vector<std::unique_ptr<ReplyBlock>> spare_;
};

class ReplyQueue {
 public:
  explicit ReplyQueue(BlockPool& pool) : pool_(pool) {}
  ~ReplyQueue();
  ReplyQueue(const ReplyQueue&) = delete;
  ReplyQueue& operator=(const ReplyQueue&) = delete;

  // Room for at least `bytes` (1..kReplyBlockBytes) contiguous bytes; commit what was written of it before the next
  // call.
  [[nodiscard]] char* reserve(std::size_t bytes) {
    if (static_cast<std::size_t>(limit_ - write_) < bytes) [[unlikely]]
      open_piece(bytes);
    return write_;
  }
  void commit(std::size_t bytes) {
    write_ += bytes;
    pieces_.back().size += bytes;
    pending_bytes_ += bytes;
  }
  // As commit(end - reserve(...)).
  void commit_to(const char* end) { commit(static_cast<std::size_t>(end - write_)); }
  void append(std::string_view bytes) {  // copies, any length
    if (bytes.empty()) return;
    if (bytes.size() > kReplyBlockBytes) [[unlikely]]
      return append_long(bytes);
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  void append_pinned(store::SegmentPin pin, std::string_view piece);

  [[nodiscard]] bool empty() const { return pending_bytes_ == 0; }
  [[nodiscard]] std::size_t pending_bytes() const { return pending_bytes_; }

  // The first pieces to send, in order, `most_bytes` of them at most; returns how many of `out` were filled.
  [[nodiscard]] std::size_t iovecs(std::span<iovec> out, std::size_t most_bytes) const;
  [[nodiscard]] std::size_t iovecs(std::span<iovec> out) const { return iovecs(out, pending_bytes_); }
  // The socket took this many bytes of them.
  void consume(std::size_t bytes);
  // Drops everything from `pending` bytes on: takes back what a request wrote before it turned out to fail.
  void truncate(std::size_t pending);

 private:
  // A run of bytes in a block (which several pieces may share, with pinned ones between them), or in the arena.
  struct Piece {
    ReplyBlock* block = nullptr;  // nullptr: pinned
    store::SegmentPin pin;
    const char* begin = nullptr;  // not yet consumed
    std::size_t size = 0;
  };
  void open_piece(std::size_t bytes);
  void append_long(std::string_view bytes);
  void close_tail();
  void release(ReplyBlock* block);
  void forget_consumed();

  BlockPool& pool_;
  std::vector<Piece> pieces_;
  std::size_t first_ = 0;  // pieces before it are consumed
  std::size_t pending_bytes_ = 0;
  // Where reserve() writes. Invariants: all three are null, or write_ and limit_ lie in the tail block, whose bytes
  // from write_ on are free; write_ < limit_ only while the last piece is one of the tail block and ends at write_.
  ReplyBlock* tail_ = nullptr;
  char* write_ = nullptr;
  char* limit_ = nullptr;
};

// A reply too long to be written at once (dumps, a get of many keys), or without end (watch): asked for more whenever
// the connection has sent what it had. While a connection has a source, none of its further requests is executed, and
// until its source says kWait, the views of the request that made it stay valid.
class ReplySource {
 public:
  enum class State : std::uint8_t {
    kMore,  // ask again when the queue has drained; in a later turn, if nothing was written
    kWait,  // nothing now; ServerControl::wake(connection) is called when there is
    kDone,
  };
  virtual ~ReplySource() = default;
  // Writes about budget_bytes at most.
  [[nodiscard]] virtual State produce(ReplyQueue& replies, std::size_t budget_bytes) = 0;
};

}  // namespace lmc::commands

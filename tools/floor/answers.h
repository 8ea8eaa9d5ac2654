// The constant answers of floor, and the batch of them that one write sends.
//
// Each answer is prepared once, repeated, so that a run of equal answers is one contiguous piece of memory. A batch is
// a list of runs: short pieces are copied next to each other (cheaper than a vector entry for the kernel), long ones go
// out by reference. Threads: one.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lmc::floor {

enum class Answer : std::uint8_t {
  kTextHit,    // VALUE and END: a get of one key
  kTextValue,  // one of a multiget
  kTextEnd,
  kTextStored,
  kTextOk,
  kTextVersion,
  kTextError,
  kMetaValue,
  kMetaNoop,
  kMetaStored,
  kBinaryValue,
  kBinaryNoop,
  kBinaryStored,
  kCount,
};

class Answers {
 public:
  explicit Answers(std::size_t value_bytes);

  [[nodiscard]] std::size_t one_bytes(Answer answer) const { return block(answer).one_bytes; }
  // How many copies lie next to each other: the longest run that is one piece.
  [[nodiscard]] std::size_t copies(Answer answer) const { return block(answer).copies; }
  [[nodiscard]] const char* bytes(Answer answer) const { return block(answer).bytes.data(); }

 private:
  struct Block {
    std::size_t one_bytes = 0;
    std::size_t copies = 0;
    std::string bytes;
  };
  [[nodiscard]] const Block& block(Answer answer) const { return blocks_[static_cast<std::size_t>(answer)]; }
  void prepare(Answer answer, std::string_view one);

  std::array<Block, static_cast<std::size_t>(Answer::kCount)> blocks_;
};

class Batch {
 public:
  explicit Batch(const Answers& answers) : answers_(answers) {}

  void clear() { runs_.clear(); }
  [[nodiscard]] bool empty() const { return runs_.empty(); }

  void add(Answer answer, std::size_t count = 1) {
    if (!runs_.empty() && runs_.back().answer == answer) {
      runs_.back().count += count;
    } else {
      runs_.push_back({answer, count});
    }
  }

  // Sends the batch by one system call. What the socket did not take is appended to `unsent`. False: the peer is gone.
  [[nodiscard]] bool send_to(int socket, std::string& unsent);

 private:
  struct Run {
    Answer answer;
    std::size_t count;
  };
  std::size_t assemble();

  const Answers& answers_;
  std::vector<Run> runs_;
  std::vector<iovec> pieces_;
  std::vector<char> copied_;
};

}  // namespace lmc::floor

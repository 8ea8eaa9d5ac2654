#include "tools/floor/answers.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace lmc::floor {
namespace {

constexpr std::size_t kCopyBelowBytes = 2048;
constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr std::size_t kMaxCopies = 128;
constexpr std::size_t kBinaryHeaderBytes = 24;

std::string binary_answer(char opcode, std::size_t extras_bytes, std::string_view value) {
  std::string answer(kBinaryHeaderBytes + extras_bytes, '\0');
  answer[0] = static_cast<char>(0x81);
  answer[1] = opcode;
  answer[4] = static_cast<char>(extras_bytes);
  const std::size_t body_bytes = extras_bytes + value.size();
  for (std::size_t i = 0; i < 4; ++i) answer[8 + i] = static_cast<char>((body_bytes >> (24 - 8 * i)) & 0xff);
  return answer.append(value);
}

}  // namespace

Answers::Answers(std::size_t value_bytes) {
  const std::string value(value_bytes, 'v');
  const std::string size = std::to_string(value_bytes);
  const std::string text_value = "VALUE key 0 " + size + "\r\n" + value + "\r\n";
  prepare(Answer::kTextHit, text_value + "END\r\n");
  prepare(Answer::kTextValue, text_value);
  prepare(Answer::kTextEnd, "END\r\n");
  prepare(Answer::kTextStored, "STORED\r\n");
  prepare(Answer::kTextOk, "OK\r\n");
  prepare(Answer::kTextVersion, "VERSION 1.6.45\r\n");
  prepare(Answer::kTextError, "ERROR\r\n");
  prepare(Answer::kMetaValue, "VA " + size + " f0\r\n" + value + "\r\n");
  prepare(Answer::kMetaNoop, "MN\r\n");
  prepare(Answer::kMetaStored, "HD\r\n");
  prepare(Answer::kBinaryValue, binary_answer(0x00, 4, value));
  prepare(Answer::kBinaryNoop, binary_answer(0x0a, 0, ""));
  prepare(Answer::kBinaryStored, binary_answer(0x01, 0, ""));
}

void Answers::prepare(Answer answer, std::string_view one) {
  Block& block = blocks_[static_cast<std::size_t>(answer)];
  block.one_bytes = one.size();
  block.copies = std::clamp<std::size_t>(kBlockBytes / one.size(), 1, kMaxCopies);
  for (std::size_t i = 0; i < block.copies; ++i) block.bytes += one;
}

// Turns the runs into pieces; returns their length in all.
std::size_t Batch::assemble() {
  std::size_t copied_bytes = 0;
  for (const Run& run : runs_) copied_bytes += std::min(run.count * answers_.one_bytes(run.answer), kCopyBelowBytes);
  if (copied_.size() < copied_bytes) copied_.resize(copied_bytes);

  pieces_.clear();
  std::size_t total = 0;
  char* copy_to = copied_.data();
  const char* copied_end = nullptr;  // end of the last piece, if that piece is a copied one
  for (const Run& run : runs_) {
    std::size_t left = run.count;
    while (left != 0) {
      const std::size_t n = std::min(left, answers_.copies(run.answer));
      const std::size_t length = n * answers_.one_bytes(run.answer);
      const bool short_run = run.count * answers_.one_bytes(run.answer) <= kCopyBelowBytes;
      left -= n;
      total += length;
      if (!short_run) {
        pieces_.push_back({const_cast<char*>(answers_.bytes(run.answer)), length});
        copied_end = nullptr;
        continue;
      }
      std::memcpy(copy_to, answers_.bytes(run.answer), length);
      if (copied_end == copy_to) {
        pieces_.back().iov_len += length;
      } else {
        pieces_.push_back({copy_to, length});
      }
      copy_to += length;
      copied_end = copy_to;
    }
  }
  return total;
}

bool Batch::send_to(int socket, std::string& unsent) {
  const std::size_t total = assemble();
  ssize_t sent = 0;
  if (pieces_.size() == 1) {
    sent = send(socket, pieces_.front().iov_base, pieces_.front().iov_len, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = pieces_.data();
    message.msg_iovlen = std::min<std::size_t>(pieces_.size(), IOV_MAX);
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  }
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) return false;
    sent = 0;
  }
  auto taken = static_cast<std::size_t>(sent);
  if (taken == total) return true;
  for (const iovec& piece : pieces_) {
    const std::size_t skip = std::min(taken, piece.iov_len);
    taken -= skip;
    unsent.append(static_cast<const char*>(piece.iov_base) + skip, piece.iov_len - skip);
  }
  return true;
}

}  // namespace lmc::floor

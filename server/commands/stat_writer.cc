#include "server/commands/stat_writer.h"

#include <cstdio>

#include "protocol/binary_format.h"
#include "protocol/text_format.h"
#include "protocol/text_replies.h"

namespace lmc::commands {

void StatWriter::text(std::string_view name, std::string_view value) {
  const std::string full = prefix_ + std::string(name);
  if (is_binary()) return packet(full, value);
  std::string line(protocol::kStatLineOverheadBytes + full.size() + value.size(), '\0');
  protocol::write_stat_line(line.data(), full, value);
  replies_->append(line);
}

void StatWriter::number(std::string_view name, std::uint64_t value) {
  char digits[protocol::kMaxU64Bytes];
  const char* const end = protocol::write_u64(digits, value);
  text(name, {digits, static_cast<std::size_t>(end - digits)});
}

void StatWriter::decimal(std::string_view name, double value, int digits) {
  char number[64];
  const int length = std::snprintf(number, sizeof number, "%.*f", digits, value);
  text(name, {number, static_cast<std::size_t>(length)});
}

void StatWriter::end() {
  if (is_binary()) return packet({}, {});
  replies_->append(protocol::reply::kEnd);
}

void StatWriter::packet(std::string_view name, std::string_view value) {
  protocol::BinaryReply reply;
  reply.opcode = opcode_;
  reply.opaque = opaque_;
  reply.key_bytes = static_cast<std::uint16_t>(name.size());
  reply.value_bytes = value.size();
  char* const out = replies_->reserve(protocol::kBinaryHeaderBytes);
  replies_->commit_to(protocol::write_binary_header(out, reply));
  replies_->append(name);
  replies_->append(value);
}

}  // namespace lmc::commands

#include "protocol/binary_format.h"

namespace lmc::protocol {

std::string_view binary_status_text(BinaryStatus status) {
  switch (status) {
    case BinaryStatus::kSuccess:
    case BinaryStatus::kAuthContinue:
      return "";
    case BinaryStatus::kNotFound:
      return "Not found";
    case BinaryStatus::kExists:
      return "Data exists for key.";
    case BinaryStatus::kTooLarge:
      return "Too large.";
    case BinaryStatus::kInvalidArguments:
      return "Invalid arguments";
    case BinaryStatus::kNotStored:
      return "Not stored.";
    case BinaryStatus::kNotNumeric:
      return "Non-numeric server-side value for incr or decr";
    case BinaryStatus::kAuthFailure:
      return "Auth failure.";
    case BinaryStatus::kUnknownCommand:
      return "Unknown command";
    case BinaryStatus::kOutOfMemory:
      return "Out of memory";
    case BinaryStatus::kReadOnly:
      return "Read-only";
    case BinaryStatus::kPrimaryUnreachable:
      return "Primary unreachable";
  }
  return "";
}

char* write_binary_header(char* out, const BinaryReply& reply) {
  out[0] = static_cast<char>(kBinaryReplyMagic);
  out[1] = static_cast<char>(reply.opcode);
  store_be16(out + 2, reply.key_bytes);
  out[4] = static_cast<char>(reply.extras_bytes);
  out[5] = 0;
  store_be16(out + 6, static_cast<std::uint16_t>(reply.status));
  store_be32(out + 8, static_cast<std::uint32_t>(reply.extras_bytes + reply.key_bytes + reply.value_bytes));
  std::memcpy(out + 12, &reply.opaque, sizeof reply.opaque);
  store_be64(out + 16, reply.cas);
  return out + kBinaryHeaderBytes;
}

char* write_binary_get_header(char* out, BinaryReply reply, std::uint32_t client_flags) {
  reply.extras_bytes = sizeof client_flags;
  return store_be32(write_binary_header(out, reply), client_flags);
}

char* write_binary_number_reply(char* out, BinaryReply reply, std::uint64_t number) {
  reply.value_bytes = sizeof number;
  return store_be64(write_binary_header(out, reply), number);
}

char* write_binary_error(char* out, const Request& request, BinaryStatus status) {
  const std::string_view text = binary_status_text(status);
  BinaryReply reply;
  reply.opcode = request.opcode;
  reply.status = status;
  reply.opaque = request.opaque;
  reply.value_bytes = text.size();
  out = write_binary_header(out, reply);
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace lmc::protocol

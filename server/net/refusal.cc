#include "server/net/refusal.h"

#include "protocol/binary_format.h"
#include "protocol/text_replies.h"

namespace lmc::net {
namespace {

void append_binary_error(const protocol::Request& request, protocol::BinaryStatus status,
                         commands::ReplyQueue& replies) {
  char* const out = replies.reserve(protocol::kMaxBinaryErrorBytes);
  replies.commit_to(protocol::write_binary_error(out, request, status));
}

}  // namespace

void append_refusal(const protocol::Parsed& parsed, const protocol::Request& request, commands::ReplyQueue& replies) {
  if (parsed.binary_status == 0) return replies.append(parsed.reply);
  append_binary_error(request, static_cast<protocol::BinaryStatus>(parsed.binary_status), replies);
}

void append_out_of_memory(const protocol::Request& request, commands::ReplyQueue& replies) {
  if (request.dialect != protocol::Dialect::kBinary) return replies.append(protocol::reply::kOutOfMemoryStoring);
  append_binary_error(request, protocol::BinaryStatus::kOutOfMemory, replies);
}

}  // namespace lmc::net

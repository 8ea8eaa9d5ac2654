#include "server/commands/refusals.h"

#include "protocol/binary_format.h"
#include "protocol/text_replies.h"

namespace lmc::commands {
namespace {

using protocol::BinaryStatus;
using protocol::Dialect;
using protocol::Request;

void refuse(const Request& request, std::string_view text, BinaryStatus status, ReplyQueue& replies) {
  if (request.dialect != Dialect::kBinary) {
    if (!request.quiet) replies.append(text);
    return;
  }
  char* const out = replies.reserve(protocol::kMaxBinaryErrorBytes);
  replies.commit_to(protocol::write_binary_error(out, request, status));
}

}  // namespace

void append_read_only(const Request& request, ReplyQueue& replies) {
  refuse(request, protocol::reply::kReadOnly, BinaryStatus::kReadOnly, replies);
}

void append_primary_unreachable(const Request& request, ReplyQueue& replies) {
  refuse(request, protocol::reply::kPrimaryUnreachable, BinaryStatus::kPrimaryUnreachable, replies);
}

}  // namespace lmc::commands

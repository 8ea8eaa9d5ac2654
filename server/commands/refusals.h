// What a client is told whose request changes something, when the node that it asked may not, or cannot have it done.
//
// In the words of the request's dialect; a text request with noreply is told nothing, a quiet binary one is. Of the
// request only dialect, quiet, opcode and opaque are looked at. Threads: the worker that owns the queue.
#pragma once

#include "protocol/request.h"
#include "server/commands/reply_queue.h"

namespace lmc::commands {

// SERVER_ERROR read-only.
void append_read_only(const protocol::Request& request, ReplyQueue& replies);
// SERVER_ERROR primary unreachable: it was not executed.
void append_primary_unreachable(const protocol::Request& request, ReplyQueue& replies);

}  // namespace lmc::commands

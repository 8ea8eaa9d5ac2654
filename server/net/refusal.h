// Answers to requests that are not executed: those the parser refuses, and those that there is no memory for.
//
// Threads: the worker that owns the queue.
#pragma once

#include "protocol/parser.h"
#include "protocol/request.h"
#include "server/commands/reply_queue.h"

namespace lmc::net {

// What the parser says to its kReject or kClose. Text: its own words. Binary: an error reply, made of the header that
// `request` was filled from.
void append_refusal(const protocol::Parsed& parsed, const protocol::Request& request, commands::ReplyQueue& replies);

// SERVER_ERROR out of memory storing object, in the words of the request's dialect.
void append_out_of_memory(const protocol::Request& request, commands::ReplyQueue& replies);

}  // namespace lmc::net

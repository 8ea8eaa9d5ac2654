// The three ways to execute a request, one per dialect, and the admin commands that text has beside them.
//
// `key` is the request's key as sent, hashed ahead of time so that its memory was prefetched; commands without a key
// ignore it. Replies go to context.replies; a quiet request writes none where its dialect says so. Each of these is one
// file (or a few) beside this one. Threads: the worker's, within a turn.
#pragma once

#include "protocol/request.h"
#include "server/commands/context.h"

namespace lmc::commands {

// text_commands.cc
[[nodiscard]] Disposition execute_text(Context& context, const protocol::Request& request, const store::HashedKey& key);
// text_get.cc: get and gets; the hot path.
[[nodiscard]] Disposition execute_get(Context& context, const protocol::Request& request, const store::HashedKey& key);
void execute_get_and_touch(Context& context, const protocol::Request& request, const store::HashedKey& key);

// meta_commands.cc; meta_get.cc has mg.
[[nodiscard]] Disposition execute_meta(Context& context, const protocol::Request& request, const store::HashedKey& key);
// kForward: it would change the item, and Context::policy is not kExecute; nothing was done.
[[nodiscard]] Disposition execute_meta_get(Context& context, const protocol::Request& request,
                                           const store::HashedKey& key);

// binary_commands.cc
[[nodiscard]] Disposition execute_binary(Context& context, const protocol::Request& request,
                                         const store::HashedKey& key);

// admin.cc: the text commands about the server.
[[nodiscard]] Disposition execute_admin(Context& context, const protocol::Request& request);
// lru_commands.cc: lru, lru_crawler, slabs: memcached's words for the parts that a log does not have.
void execute_lru(Context& context, const protocol::Request& request);
[[nodiscard]] Disposition execute_lru_crawler(Context& context, const protocol::Request& request);
void execute_slabs(Context& context, const protocol::Request& request);
// stats.cc: text and binary.
[[nodiscard]] Disposition execute_stats(Context& context, const protocol::Request& request);

// Of the text and binary storage commands.
[[nodiscard]] constexpr StoreMode store_mode(protocol::Command command) {
  using protocol::Command;
  if (command == Command::kAdd) return StoreMode::kAdd;
  if (command == Command::kReplace) return StoreMode::kReplace;
  if (command == Command::kAppend) return StoreMode::kAppend;
  if (command == Command::kPrepend) return StoreMode::kPrepend;
  return command == Command::kCas ? StoreMode::kCas : StoreMode::kSet;
}

// The reply of a text command, unless it asked for none.
inline void answer(Context& context, const protocol::Request& request, std::string_view reply) {
  if (!request.quiet) context.replies.append(reply);
}

}  // namespace lmc::commands

// Text commands about the server. Their words come as Request::arguments and are taken apart here.

#include "protocol/numbers.h"
#include "protocol/text_replies.h"
#include "protocol/words.h"
#include "server/commands/dialects.h"

namespace lmc::commands {
namespace {

using protocol::Command;
using protocol::next_word;
using protocol::Request;
namespace reply = protocol::reply;

constexpr std::uint32_t kMinMemoryLimitMegabytes = 8;
constexpr std::uint32_t kMaxMemoryLimitMegabytes = 1'000'000'000;

std::string_view set_verbosity(Context& context, std::string_view words) {
  std::uint32_t level = 0;
  if (!protocol::strict_u32(next_word(words), level)) return reply::kBadLine;
  context.shared.control.set_verbosity(level);
  return reply::kOk;
}

std::string_view set_memory_limit(Context& context, std::string_view words) {
  std::uint32_t megabytes = 0;
  if (!protocol::strict_u32(next_word(words), megabytes)) return reply::kError;  // what follows is not looked at
  if (megabytes < kMinMemoryLimitMegabytes) return reply::kMemlimitTooSmall;
  if (megabytes > kMaxMemoryLimitMegabytes) return reply::kMemlimitInMegabytes;
  const auto change = context.shared.store.set_memory_limit(std::uint64_t{megabytes} << 20);
  return change == store::Store::LimitChange::kDone ? reply::kOk : reply::kMemlimitNotAdjusted;
}

// Empty: the process is on its way down and says nothing.
std::string_view shut_down(Context& context, std::string_view words) {
  if (!context.shared.settings.shutdown_enabled) return reply::kShutdownNotEnabled;
  const std::string_view mode = next_word(words);
  if (!next_word(words).empty() || (!mode.empty() && mode != "graceful")) return reply::kBadShutdownMode;
  context.shared.control.shutdown(mode.empty() ? Shutdown::kNow : Shutdown::kGraceful);
  return {};
}

// p: stand still, r: go on, a number: shift by so many seconds.
std::string_view set_clock(Context& context, std::string_view words) {
  if (!context.shared.settings.debugtime_enabled) return reply::kError;
  const std::string_view word = next_word(words);
  std::int64_t seconds = 0;
  if (word == "p" || word == "r") {
    context.shared.control.pause_clock(word == "p");
  } else if (protocol::strict_i64(word, seconds)) {
    context.shared.control.shift_clock(seconds);
  } else {
    return reply::kError;
  }
  return reply::kOk;
}

Disposition watch(Context& context, const Request& request) {
  const auto say = [&](std::string_view text) {
    context.replies.append(text);
    return Disposition::kContinue;
  };
  if (!context.shared.settings.watch_enabled) return say(reply::kWatchNotAllowed);
  const std::optional<WatchMask> mask = parse_watch_words(request.arguments);
  if (!mask || context.client.datagram) return say(reply::kError);
  std::unique_ptr<ReplySource> watcher = context.shared.watch.watch(context.client.id, *mask);
  if (watcher == nullptr) return say(reply::kTooManyWatchers);
  context.replies.append(reply::kOk);
  context.client.source = std::move(watcher);
  return Disposition::kSource;
}

void say_version(Context& context) {
  context.replies.append("VERSION ");
  context.replies.append(kVersion);
  context.replies.append(reply::kCrlf);
}

}  // namespace

Disposition execute_admin(Context& context, const Request& request) {
  const std::string_view words = request.arguments;
  if (request.command == Command::kStats) return execute_stats(context, request);
  if (request.command == Command::kLruCrawler) return execute_lru_crawler(context, request);
  if (request.command == Command::kWatch) return watch(context, request);

  if (request.command == Command::kVersion) {
    say_version(context);
  } else if (request.command == Command::kVerbosity) {
    answer(context, request, set_verbosity(context, words));
  } else if (request.command == Command::kShutdown) {
    answer(context, request, shut_down(context, words));
  } else if (request.command == Command::kCacheMemlimit) {
    answer(context, request, set_memory_limit(context, words));
  } else if (request.command == Command::kLru) {
    execute_lru(context, request);
  } else if (request.command == Command::kSlabs) {
    execute_slabs(context, request);
  } else if (request.command == Command::kDebugTime) {
    answer(context, request, set_clock(context, words));
  } else if (request.command == Command::kRefreshCerts) {
    answer(context, request, reply::kTlsNotEnabled);
  } else {
    answer(context, request, reply::kError);
  }
  return Disposition::kContinue;
}

}  // namespace lmc::commands

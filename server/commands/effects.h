// Which requests change what is stored. Only a node that appends to the log executes those; a backup forwards or
// refuses them.
//
// Threads: pure functions.
#pragma once

#include <cstdint>

#include "protocol/request.h"

namespace lmc::commands {

// What this node does with a request that changes what is stored.
enum class ChangePolicy : std::uint8_t {
  kExecute,
  kForward,  // Disposition::kForward: another node is to execute it
  kRefuse,   // it is answered SERVER_ERROR read-only
};

enum class Effect : std::uint8_t {
  kNone,
  kPerhaps,  // the item decides: a meta get, which is executed as far as it takes to know
  kChange,   // whatever it finds
};

[[nodiscard]] constexpr Effect effect_of(protocol::Command command) {
  using protocol::Command;
  switch (command) {
    case Command::kGat:
    case Command::kGats:
    case Command::kSet:
    case Command::kAdd:
    case Command::kReplace:
    case Command::kAppend:
    case Command::kPrepend:
    case Command::kCas:
    case Command::kDelete:
    case Command::kIncrement:
    case Command::kDecrement:
    case Command::kTouch:
    case Command::kFlushAll:
    case Command::kMetaSet:
    case Command::kMetaDelete:
    case Command::kMetaArithmetic:
      return Effect::kChange;
    case Command::kMetaGet:
      return Effect::kPerhaps;
    case Command::kGet:
    case Command::kGets:
    case Command::kMetaNoop:
    case Command::kMetaDebug:
    case Command::kVersion:
    case Command::kVerbosity:
    case Command::kStats:
    case Command::kNoop:
    case Command::kQuit:
    case Command::kShutdown:
    case Command::kCacheMemlimit:
    case Command::kLru:
    case Command::kLruCrawler:
    case Command::kSlabs:
    case Command::kWatch:
    case Command::kRefreshCerts:
    case Command::kDebugTime:
    case Command::kSaslListMechanisms:
    case Command::kSaslAuthenticate:
    case Command::kSaslStep:
    case Command::kUnknown:
      return Effect::kNone;
  }
  return Effect::kNone;
}

// Whether the answer may carry a value, which can be much longer than the request.
[[nodiscard]] constexpr bool answers_values(protocol::Command command) {
  using protocol::Command;
  return command == Command::kGat || command == Command::kGats || command == Command::kMetaGet;
}

}  // namespace lmc::commands

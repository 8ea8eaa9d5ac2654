// `lru_crawler metadump|mgdump|crawl`: walks over the index as ReplySources.
//
// Threads: made and asked by one worker, within its turns. The session must outlive them.
#pragma once

#include <cstdint>
#include <memory>

#include "server/commands/context.h"

namespace lmc::commands {

using ClassMask = std::uint64_t;  // bit n: class n
inline constexpr ClassMask kAllClasses = ~ClassMask{0};

enum class DumpFormat : std::uint8_t { kMetadump, kMgdump };

[[nodiscard]] std::unique_ptr<ReplySource> make_dump(Context& context, DumpFormat format, ClassMask classes);

// Takes back the room of expired and flushed items, then answers OK.
[[nodiscard]] std::unique_ptr<ReplySource> make_crawl(Context& context);

}  // namespace lmc::commands

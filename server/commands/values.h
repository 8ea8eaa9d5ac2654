// Putting an item's value into a reply: copied when small, sent from the arena when large.
//
// Threads: the worker's, within the turn that found the item.
#pragma once

#include <cstddef>

#include "server/commands/context.h"

namespace lmc::commands {

// Whether header and value go into one reservation together.
[[nodiscard]] inline bool is_copied(const store::ItemView& item) {
  return item.contiguous() && item.value().size() < kPinnedValueBytes;
}

// A value that is not copied: its pieces, pinned. Header and line end are the caller's.
inline void append_pieces(Context& context, const store::ItemView& item) {
  item.for_each_piece(
      [&context](std::string_view piece) { context.replies.append_pinned(context.session.pin(piece), piece); });
}

}  // namespace lmc::commands

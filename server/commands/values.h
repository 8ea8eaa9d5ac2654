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

// A value that is not copied with its header: its pieces, pinned. Header and line end are the caller's. In a copy of
// another store nothing is pinned, because that one would wait for a client of this one's that does not read.
inline void append_pieces(Context& context, const store::ItemView& item) {
  const bool pins = context.session.may_pin();
  item.for_each_piece([&context, pins](std::string_view piece) {
    if (pins)
      context.replies.append_pinned(context.session.pin(piece), piece);
    else
      context.replies.append(piece);
  });
}

}  // namespace lmc::commands

// Who is told of evictions: the seam through which somebody above the store watches items go for want of room.
//
// Threads: called by whichever session reclaims, one call at a time (the reclaimer's lock is held), and with the item's
// bucket locked. So an observer must be quick, must not wait for a session's turn, and must not call the store. The
// item is readable during the call only. Lifetime: outlives the store.
#pragma once

#include "server/store/item.h"
#include "server/store/types.h"

namespace lmc::store {

class EvictionObserver {
 public:
  // A living item that is about to be dropped for room; not for expired, flushed or deleted ones.
  virtual void on_eviction(const ItemView& item, UnixSeconds now) = 0;

 protected:
  ~EvictionObserver() = default;
};

}  // namespace lmc::store

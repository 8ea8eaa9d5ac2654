#include "replication/engine/messages.h"

#include <algorithm>

namespace lmc::replication {

bool GroupView::has(const std::string& address) const {
  return address == primary || std::find(in_sync.begin(), in_sync.end(), address) != in_sync.end();
}

}  // namespace lmc::replication

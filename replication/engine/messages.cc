#include "replication/engine/messages.h"

#include <algorithm>

namespace lmc::replication {

bool GroupView::in_set(const std::string& address) const {
  return std::find(in_sync.begin(), in_sync.end(), address) != in_sync.end();
}

}  // namespace lmc::replication

// What a node must not forget over a restart: the highest epoch that it has seen, and the group then.
//
// A small text file, replaced as a whole: whoever reads it finds the old content or the new one, never something
// between (write, fsync, rename, fsync of the directory). Threads: one. Errors: std::runtime_error naming the file.
#pragma once

#include <optional>
#include <string>

#include "replication/engine/messages.h"

namespace lmc::group {

struct GroupState {
  replication::Epoch seen;
  replication::GroupView view;
};

// Nothing: there is no such file.
[[nodiscard]] std::optional<GroupState> read_state(const std::string& path);
void write_state(const std::string& path, const GroupState& state);

}  // namespace lmc::group

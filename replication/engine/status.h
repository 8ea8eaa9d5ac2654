// What a node shows of itself: `stats replication`, and the command `status`.
//
// Threads: the replication thread's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "replication/engine/replicated_log.h"

namespace lmc::replication {

class Node;

using StatusLines = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] StatusLines status_of(const Node& node);
// status_of(), a line each.
[[nodiscard]] std::string describe_status(const Node& node);
// Why a log of the one geometry cannot follow one of the other.
[[nodiscard]] std::string explain_difference(const Geometry& primary, const Geometry& backup, std::size_t primary_slots,
                                             std::size_t backup_slots);

}  // namespace lmc::replication

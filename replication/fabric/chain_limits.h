// The limits of fabric.h, held by whoever implements links. A breach is a bug of who posts and ends the process.
#pragma once

#include "replication/fabric/fabric.h"

namespace lmc::replication {

[[noreturn]] void end_for_breach(std::string_view fabric, const char* what);
// `outstanding`: chains posted before it and not completed.
void require_within_limits(std::span<const Write> chain, std::size_t outstanding, std::string_view fabric);

}  // namespace lmc::replication

// The books of an arena against a recount of what its index holds: the invariant of every quiet store.
#pragma once

#include <cstdint>
#include <string>

#include "server/store/arena.h"

namespace lmc::store::test {

// What does not add up, in words; empty: everything agrees. Checks every indexed record (in bounds, checksum, bucket,
// chunks, no key twice), the item count, every segment's living items and bytes, and that segments can be walked.
// Nobody may use the arena meanwhile.
[[nodiscard]] std::string audit(Arena& arena);

// The same for the memory file of a store that is closed.
[[nodiscard]] std::string audit_file(const std::string& file, std::uint64_t memory_bytes);

}  // namespace lmc::store::test

// The limit of locked memory: registered memory is locked, and where the limit is too low the kernel's answer to a
// registration, "Cannot allocate memory", sends people looking for more memory. So it is looked at before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lmc::replication::verbs {

struct LockedMemoryLimit {
  std::optional<std::uint64_t> bytes;  // empty: no limit
  bool ignored = false;                // by a process with CAP_IPC_LOCK
};

// Of this process, now: look after changing user.
[[nodiscard]] LockedMemoryLimit locked_memory_limit();

// Why `wanted_bytes` cannot be registered under the limit, and what to do; empty if they can.
[[nodiscard]] std::string objection(const LockedMemoryLimit& limit, std::uint64_t wanted_bytes);

// Throws std::runtime_error with the objection, if there is one.
void require_lockable(std::uint64_t wanted_bytes);

// Also for a registration that failed all the same (in a container the capability may count for nothing).
inline constexpr const char* kRaiseTheLimit =
    "raise the limit of locked memory (ulimit -l unlimited; LimitMEMLOCK=infinity in a systemd unit; "
    "--ulimit memlock=-1 for docker)";

}  // namespace lmc::replication::verbs

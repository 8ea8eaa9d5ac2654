#include "replication/fabric/verbs/locked_memory.h"

#include <linux/capability.h>
#include <sys/resource.h>

#include <fstream>
#include <stdexcept>
#include <string_view>

#include "replication/fabric/verbs/outcome.h"

namespace lmc::replication::verbs {
namespace {

bool may_ignore_limit() {
  constexpr std::string_view kName = "CapEff:";
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kName)) continue;
    return ((std::stoull(line.substr(kName.size()), nullptr, 16) >> CAP_IPC_LOCK) & 1) != 0;
  }
  return false;  // no /proc: then the limit counts
}

}  // namespace

LockedMemoryLimit locked_memory_limit() {
  rlimit limit{};
  require(minus_one_and_errno(::getrlimit(RLIMIT_MEMLOCK, &limit)), {"read the limit of locked memory", ""});
  LockedMemoryLimit result;
  if (limit.rlim_cur != RLIM_INFINITY) result.bytes = limit.rlim_cur;
  result.ignored = may_ignore_limit();
  return result;
}

std::string objection(const LockedMemoryLimit& limit, std::uint64_t wanted_bytes) {
  if (limit.ignored || !limit.bytes || wanted_bytes <= *limit.bytes) return {};
  return "cannot register " + std::to_string(wanted_bytes) + " bytes with the RDMA device: this process may lock " +
         std::to_string(*limit.bytes) + "; " + kRaiseTheLimit;
}

void require_lockable(std::uint64_t wanted_bytes) {
  if (const std::string why = objection(locked_memory_limit(), wanted_bytes); !why.empty()) {
    throw std::runtime_error(why);
  }
}

}  // namespace lmc::replication::verbs

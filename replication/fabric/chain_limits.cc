#include "replication/fabric/chain_limits.h"

#include <cstdio>
#include <cstdlib>

namespace lmc::replication {

void end_for_breach(std::string_view fabric, const char* what) {
  std::fprintf(stderr, "bug: %.*s link: %s\n", static_cast<int>(fabric.size()), fabric.data(), what);
  std::abort();
}

void require_within_limits(std::span<const Write> chain, std::size_t outstanding, std::string_view fabric) {
  if (outstanding >= kMaxOutstandingChains) end_for_breach(fabric, "too many chains outstanding");
  if (chain.empty() || chain.size() > kMaxChainWrites) end_for_breach(fabric, "a chain of no or too many writes");
  std::size_t bytes = 0;
  for (const Write& write : chain) {
    if (write.bytes.empty()) end_for_breach(fabric, "a write of nothing");
    if (write.bytes.size() > kMaxChainBytes - bytes) end_for_breach(fabric, "a chain of too many bytes");
    bytes += write.bytes.size();
  }
}

}  // namespace lmc::replication

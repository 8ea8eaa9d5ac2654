// The libraries' descriptors block, as they come.
#pragma once

#include <fcntl.h>

#include "replication/fabric/verbs/outcome.h"

namespace lmc::replication::verbs {

inline void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  const bool set = flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
  require(set ? Outcome() : detail::from_errno(), {"make a descriptor of the RDMA device non-blocking", ""});
}

}  // namespace lmc::replication::verbs

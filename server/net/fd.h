// Fd: one file descriptor, closed when its owner goes; replication's own.
#pragma once

#include "replication/fabric/fd.h"

namespace lmc::net {

using replication::Fd;

}  // namespace lmc::net

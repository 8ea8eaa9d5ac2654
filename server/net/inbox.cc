#include "server/net/inbox.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace lmc::net {

Doorbell::Doorbell() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!event_) {
    throw std::runtime_error(std::string("cannot create an eventfd: ") + std::strerror(errno) +
                             "; raise the limit of open files (ulimit -n)");
  }
}

void Doorbell::ring() const {
  const std::uint64_t one = 1;
  // Only a full counter could refuse, and then the bell has long been ringing.
  if (::write(event_.get(), &one, sizeof(one)) < 0) return;
}

void Doorbell::quiet() const {
  std::uint64_t rings = 0;
  if (::read(event_.get(), &rings, sizeof(rings)) < 0) return;  // was quiet
}

}  // namespace lmc::net

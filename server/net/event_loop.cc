#include "server/net/event_loop.h"

#include <stdexcept>

namespace lmc::net {

EventBase make_event_base() {
  struct ConfigDeleter {
    void operator()(event_config* config) const { event_config_free(config); }
  };
  const std::unique_ptr<event_config, ConfigDeleter> config(event_config_new());
  EventBase base;
  if (config != nullptr) {
    event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config.get(), EVENT_BASE_FLAG_NO_CACHE_TIME);
    // Not EPOLL_USE_CHANGELIST: it would tell epoll of a closed socket's end only after another may have its number.
    base.reset(event_base_new_with_config(config.get()));
  }
  if (base == nullptr) {
    throw std::runtime_error("libevent cannot make an event loop; raise the limit of open files (ulimit -n)");
  }
  return base;
}

}  // namespace lmc::net

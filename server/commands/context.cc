#include "server/commands/context.h"

namespace lmc::commands {

void publish_look(const Context& context, std::string_view key, const store::ItemView& item) {
  if (!context.fetches_watched) return;
  ItemGetEvent event;
  event.key = key;
  event.fd = context.client.fd;
  if (item) {
    event.found = true;
    event.size_class = size_class(item.stream());
    event.value_bytes = item.value_bytes();
  }
  context.shared.watch.publish(event);
}

void count_prefix_get(const Context& context, std::string_view key, bool hit) {
  if (!context.detailed) return;
  context.shared.counters.prefixes().count_get(key, context.shared.settings.prefix_delimiter, hit);
}

void count_miss(const Context& context, store::Session::Miss why) {
  context.counters.add(Counter::kGetMiss);
  switch (why) {
    case store::Session::Miss::kAbsent:
      return;
    case store::Session::Miss::kExpired:
      context.counters.add(Counter::kGetExpired);
      return;
    case store::Session::Miss::kFlushed:
      context.counters.add(Counter::kGetFlushed);
      return;
  }
}

}  // namespace lmc::commands

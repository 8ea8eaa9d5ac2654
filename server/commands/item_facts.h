// An item in the words of `me` and of the dumps.
#pragma once

#include "protocol/text_format.h"
#include "server/commands/context.h"

namespace lmc::commands {

// Times as metadump says them: absolute. The key is a view into the item.
[[nodiscard]] inline protocol::ItemFacts facts_of(const store::ItemView& item, bool use_cas) {
  protocol::ItemFacts facts;
  facts.key = item.key();
  facts.key_is_binary = item.binary_key();
  facts.fetched = item.fetched();
  if (item.expiry() != store::kNeverExpires) facts.expires = item.expiry().value;
  facts.last_access = item.last_access().value;
  facts.cas = use_cas ? item.cas() : 0;
  facts.size_class = size_class(item.stream());
  facts.total_bytes = item.log_bytes();
  facts.client_flags = item.client_flags();
  return facts;
}

}  // namespace lmc::commands

// Links that wait for who shows their ticket.
#pragma once

#include <map>

#include "replication/fabric/fabric.h"

namespace lmc::replication {

template <typename AnyLink>
class WaitingLinks {
 public:
  void add(const Ticket& ticket, AnyLink& link) { links_[ticket] = &link; }
  void remove(const Ticket& ticket, const AnyLink& link) {
    const auto at = links_.find(ticket);
    if (at != links_.end() && at->second == &link) links_.erase(at);
  }
  // Null: nobody waits for that. All are looked at, each to its end: how long it takes says nothing about any ticket.
  [[nodiscard]] AnyLink* find(const Ticket& shown, std::uint8_t traffic) const {
    AnyLink* found = nullptr;
    for (const auto& [ticket, link] : links_) {
      unsigned difference = 0;
      for (std::size_t i = 0; i < ticket.size(); ++i) difference |= static_cast<unsigned>(ticket[i] ^ shown[i]);
      if (difference == 0) found = link;
    }
    return found != nullptr && traffic == static_cast<std::uint8_t>(found->plan().traffic) ? found : nullptr;
  }

 private:
  std::map<Ticket, AnyLink*> links_;
};

}  // namespace lmc::replication

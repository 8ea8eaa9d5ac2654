// What the links of a fabric share: the device's protection domain, the channel by which it tells of completions, the
// memory registered with it, and the news that it is gone.
//
// Threads: the reactor's. Errors: the constructor and add() throw Error or std::runtime_error.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "replication/fabric/reactor.h"
#include "replication/fabric/verbs/handles.h"

namespace lmc::replication::verbs {

class Device {
 public:
  // `lost`: called once at most, when it is found that the device is gone, with the reason.
  Device(ibv_context& context, Reactor& reactor, std::function<void(std::string_view)> lost);

  [[nodiscard]] ibv_context& context() const { return context_; }
  [[nodiscard]] ibv_pd& domain() const { return *domain_; }
  [[nodiscard]] ibv_comp_channel& wake_ups() const { return *wake_ups_; }
  [[nodiscard]] unsigned max_work_requests() const { return max_work_requests_; }  // of one queue

  // What a work request can carry itself: at best what the smallest batch says in the ledger, else a report.
  [[nodiscard]] unsigned inline_bytes() const { return inline_bytes_; }

  // Registers, for peers to write into where a link allows it. What is made known later hides what was before.
  void add(std::span<char> memory);
  // A registration of exactly this memory, or one that has all of these bytes; null: there is none.
  [[nodiscard]] const ibv_mr* exactly(std::span<const char> memory) const;
  [[nodiscard]] const ibv_mr* covering(std::string_view bytes) const;

 private:
  void read_event();
  template <typename Condition>
  [[nodiscard]] const ibv_mr* latest(Condition condition) const;

  ibv_context& context_;
  std::function<void(std::string_view)> lost_;
  ProtectionDomain domain_;
  CompletionChannel wake_ups_;
  std::vector<MemoryRegion> registered_;
  std::uint64_t registered_bytes_ = 0;
  unsigned max_work_requests_ = 0;
  unsigned inline_bytes_ = 0;
  std::unique_ptr<Watch> events_;
};

}  // namespace lmc::replication::verbs

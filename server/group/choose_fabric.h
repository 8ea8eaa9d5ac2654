// Which fabric moves this node's log, by what the operator asks for and what the machine has.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "replication/fabric/fabric.h"
#include "replication/fabric/fd.h"
#include "replication/fabric/reactor.h"
#include "server/group/group_options.h"

namespace lmc::group {

class ChosenFabric {
 public:
  // `address`: where the others reach this node. Throws std::runtime_error if what is asked for is not to be had.
  // `say`: a line for the log, when it has lost its device, is refused one of the options, or refuses a link of another
  // version.
  ChosenFabric(replication::Reactor& reactor, const GroupOptions& options, std::string_view address,
               const std::function<void(const std::string&)>& say);

  [[nodiscard]] replication::Fabric& get() { return *fabric_; }
  [[nodiscard]] const std::string& why() const { return why_; }  // for the log
  // A data connection of the tcp fabric; closed, if that is not the fabric.
  void adopt(replication::Fd socket);

 private:
  void take_tcp(replication::Reactor& reactor, const GroupOptions& options,
                const std::function<void(const std::string&)>& say);

  std::unique_ptr<replication::Fabric> fabric_;
  std::string why_;
};

}  // namespace lmc::group

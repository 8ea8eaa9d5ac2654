// What an operator does who watches: when there is no primary that does its work, one of the in-sync nodes is promoted;
// nodes that ended are started again.
//
// Where no authority decides, the operator sees to it that there are not two primaries: whoever might serve as one has
// ended, or will be fenced; and that somebody can be asked who knows the set.
#pragma once

#include <map>
#include <string>

#include "cluster.h"

namespace lmc::sim {

class Operator {
 public:
  // `impatient`: promotes now and then though a primary works.
  Operator(Cluster& cluster, bool impatient) : cluster_(cluster), impatient_(impatient) {}
  void begin() { look(); }
  void end() { ended_ = true; }
  void calm() { impatient_ = false; }

  // Ends the process, unless the last copy of acknowledged writes would go with it.
  void kill(const std::string& address);
  void restart(const std::string& address);
  // One of the in-sync nodes, whatever the primary does.
  void promote();
  // Where no authority decides, nothing else may go wrong while somebody is being promoted, or has been, and who was
  // primary before has not heard of it: that is the operator's care.
  [[nodiscard]] bool is_careful() const;
  // The authority's view has changed.
  void note_set();

 private:
  // A living process that was in the group's latest set, or its primary, from then on.
  [[nodiscard]] bool holds(const std::string& address) const;
  // And will be, whatever is decided about it at this moment.
  [[nodiscard]] bool will_hold(const std::string& address) const;
  void look();
  void end_process(const std::string& address);
  [[nodiscard]] bool can_be_asked(const std::string& address, SimNode& by);
  [[nodiscard]] bool may_lead(SimNode& node);
  // Or whom it asks does. Who only knows an older one would take back into it who was dropped.
  [[nodiscard]] bool may_know_the_set(SimNode& node);
  [[nodiscard]] bool may_hear_of_the_set(SimNode& node);
  // Somebody who was dropped and has not heard of it: it must find that out by itself.
  void promote_dropped();
  void tell_to_lead(SimNode& node);
  void order(SimNode& node);
  // Who was fenced by a takeover that came to nothing waits to be told whom to follow.
  void add_lost(SimNode& primary);

  Cluster& cluster_;
  bool impatient_;
  bool ended_ = false;
  unsigned missing_ = 0;
  std::string promoted_;  // is being, where no authority decides
  std::map<std::string, replication::Epoch> restarted_;
  std::map<std::string, replication::Epoch> since_;  // the first epoch of which the set has had it throughout
};

}  // namespace lmc::sim

// What goes wrong in a run.
#pragma once

#include <string>

#include "operator.h"

namespace lmc::sim {

struct Faults {
  bool kills = false;   // processes end and are started again
  bool stops = false;   // they stop for a while, and go on
  bool slows = false;   // they get to run now and then only, for a while
  bool cuts = false;    // two nodes do not hear each other
  bool breaks = false;  // links go down
  bool lasting =
      false;  // and for so long that leases end meanwhile; nodes and the authority are parted from each other
  bool impatient = false;  // the operator promotes though a primary works
  bool ambushes = false;   // and just when the group is about to change, or has just changed
  bool joining = false;    // and while the group forms
  bool primaries = false;  // nothing happens to anybody but the primary
  bool indexing = false;   // sessions are lost just while a copy is indexed
  bool full = false;       // and the log is full, so that items are evicted and segments used again
};

inline constexpr Faults kKills{.kills = true};
inline constexpr Faults kCuts{.cuts = true};
inline constexpr Faults kHasty{.cuts = true, .lasting = true, .impatient = true};
inline constexpr Faults kAll{.kills = true, .stops = true, .slows = true, .cuts = true, .breaks = true};
inline constexpr Faults kAllHasty{
    .kills = true, .stops = true, .slows = true, .cuts = true, .breaks = true, .lasting = true, .impatient = true};
inline constexpr Faults kPrimaries{.kills = true, .stops = true, .slows = true, .lasting = true, .primaries = true};
inline constexpr Faults kAllFull{
    .kills = true, .stops = true, .slows = true, .cuts = true, .breaks = true, .full = true};
inline constexpr Faults kIndexing{.kills = true, .indexing = true};
inline constexpr Faults kAmbush{.kills = true,
                                .stops = true,
                                .slows = true,
                                .cuts = true,
                                .breaks = true,
                                .lasting = true,
                                .impatient = true,
                                .ambushes = true};

class Harm {
 public:
  Harm(Cluster& cluster, Operator& watcher, const Faults& faults);
  // From now on changes of the group are ambushed, and copies.
  void begin();
  // One of these faults, or none.
  void do_some();
  // One node from all others; the authority is on either side. An operator may think at once that it has ended.
  void part(const std::string& node, bool authority_too);
  // Nothing goes wrong any more, and what did is over.
  void end();

 private:
  void slow_down(const std::string& address, TimePoint until);
  void watch_copies();
  void on_change(const replication::GroupView& next, bool decided);
  void cut(const std::string& a, const std::string& b);
  [[nodiscard]] std::string victim();
  [[nodiscard]] const std::string& some_node() { return kNodes[cluster_.world.pick(kNodes.size())]; }

  Cluster& cluster_;
  Operator& watcher_;
  Faults faults_;
  bool begun_ = false;
};

}  // namespace lmc::sim

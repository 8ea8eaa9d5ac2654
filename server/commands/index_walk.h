// The part that all replies have in common that must look at every item: some buckets of the index per call.
#pragma once

#include <cstdint>
#include <utility>

#include "server/commands/context.h"

namespace lmc::commands {

// Threads: the worker's, within its turns (as ReplySource::produce). Bounds: a call of step() looks at kBucketsPerStep
// buckets; a produce() ends after kStepsPerTurn of them, so that other connections of the worker go on.
class IndexWalk {
 public:
  static constexpr unsigned kBucketsPerStep = 16;
  static constexpr unsigned kStepsPerTurn = 64;

  IndexWalk(store::Session& session, CrawlerCounters& counters)
      : session_(session), scan_(session), counters_(counters) {
    counters_.starts.fetch_add(1, std::memory_order_relaxed);
    counters_.running.fetch_add(1, std::memory_order_relaxed);
  }
  ~IndexWalk() { counters_.running.fetch_sub(1, std::memory_order_relaxed); }
  IndexWalk(const IndexWalk&) = delete;
  IndexWalk& operator=(const IndexWalk&) = delete;

  [[nodiscard]] bool done() const { return scan_.done(); }
  [[nodiscard]] store::UnixSeconds now() const { return session_.now(); }

  // Calls visit(const ItemView&) for each living item, step by step, until enough() or the turn's bound.
  template <class Visit, class Enough>
  void turn(Visit&& visit, Enough&& enough) {
    for (unsigned step = 0; step < kStepsPerTurn && !done() && !enough(); ++step) {
      scan_.step(kBucketsPerStep, [&](const store::ItemView& item) {
        counters_.items_checked.fetch_add(1, std::memory_order_relaxed);
        visit(item);
      });
    }
  }

 private:
  store::Session& session_;
  store::Session::Scan scan_;
  CrawlerCounters& counters_;
};

}  // namespace lmc::commands

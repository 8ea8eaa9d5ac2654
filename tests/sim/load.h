// Clients: what they ask, and that every answer fits what they know.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster.h"

namespace lmc::sim {

struct LoadOptions {
  std::size_t clients = 3;  // who soon give up, and ask elsewhere
  std::size_t patient = 2;  // and who wait for a lease or two, or for as long as it takes
  std::size_t keys = 10;    // of each client
  std::size_t value_bytes = 200;
  std::size_t pipelined = 4;  // requests that a client sends at most before it waits for their answers
  Micros pause{150};          // usually, between the answers and the next requests
  bool flushes = true;
  std::optional<Micros> most_wait = std::nullopt;  // every answer is there by then
};

class Client;

class Load {
 public:
  // They begin at once.
  Load(Cluster& cluster, const LoadOptions& options);
  ~Load();
  // Until then nothing new is asked.
  void pause(Micros time);
  // Nothing goes wrong any more: from now on nobody gives up.
  void calm() { calm_ = true; }
  // Every request is answered in the end.
  void end();

 private:
  friend class Client;
  void flush_later();
  void flush_when_quiet();
  void flush(SimNode& primary);
  [[nodiscard]] bool all_answered() const;
  // Who waits for what, and since when.
  [[nodiscard]] std::string describe_unanswered() const;

  Cluster& cluster_;
  const LoadOptions options_;
  std::vector<std::unique_ptr<Client>> clients_;
  TimePoint paused_until_{};
  bool calm_ = false;
  bool ended_ = false;
  bool flushing_ = false;    // all keys are to be changed at once: nobody begins to change any
  std::size_t flushes_ = 0;  // of which the answer is awaited
};

}  // namespace lmc::sim

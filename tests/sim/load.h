// Clients: what they ask, and that every answer fits what they know.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster.h"

namespace lmc::sim {

struct LoadOptions {
  std::size_t clients = 4;
  std::size_t keys = 10;  // of each client
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
  // Every request is answered in the end.
  void end();

 private:
  friend class Client;
  void flush_later();
  void flush_when_quiet();
  void flush(SimNode& primary);

  Cluster& cluster_;
  const LoadOptions options_;
  std::vector<std::unique_ptr<Client>> clients_;
  TimePoint paused_until_{};
  bool ended_ = false;
  bool flushing_ = false;    // all keys are to be changed at once: nobody begins to change any
  std::size_t flushes_ = 0;  // of which the answer is awaited
};

}  // namespace lmc::sim

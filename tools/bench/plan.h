// What one run does, in every detail, before it begins: the options made exact. Shared read-only by all threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/request.h"
#include "tools/bench/distribution.h"
#include "tools/bench/key_sequence.h"
#include "tools/bench/values.h"

namespace lmc::bench {

struct Address {
  std::string host = "127.0.0.1";
  std::string port = "11211";
  std::string unix_path;  // not empty: instead of host and port
};

enum class Loop : std::uint8_t {
  kClosed,  // a connection sends its next batch when the last one is answered
  kWindow,  // a connection keeps `pipeline` operations under way
  kOpen,    // batches arrive as a Poisson process of `rate` operations a second, answered or not
};

struct Plan {
  Address address;
  protocol::Dialect dialect = protocol::Dialect::kText;
  bool redis = false;                // RESP instead, sets only
  std::uint32_t redis_replicas = 0;  // and each batch ends with a WAIT for so many; 0: none does
  std::uint32_t connections = 16;
  std::uint32_t threads = 1;
  std::vector<unsigned> cpus;  // thread i runs on cpus[i % size]; empty: anywhere

  Loop loop = Loop::kClosed;
  std::uint32_t pipeline = 1;  // operations of a batch
  double rate = 0;             // kOpen: operations a second, all threads together
  bool busy_poll = true;       // kOpen: never sleep between arrivals
  std::uint32_t keys_per_get = 1;
  double set_share = 1.0 / 11;  // of the operations
  bool cache_aside = false;     // a missed key is set
  bool prefill = false;         // instead of all that: set each key of the main set once

  KeyPopularity popularity;
  KeyNames names{"key:", Distribution("20")};
  Distribution value_bytes{"100"};
  Distribution ttl_s{"0"};
  Values values;
  bool values_change = false;  // a set of a key writes another value (and length) each time
  bool verify = false;

  std::uint64_t operations = 0;         // 0: as long as `duration_s`
  std::uint64_t warmup_operations = 0;  // with `operations`: before them
  double warmup_s = 0;
  double duration_s = 10;
  std::uint64_t seed = 1;
  std::uint64_t hit_window_keys = 0;  // hit ratio over time: keys of one window; 0: not wanted
};

}  // namespace lmc::bench

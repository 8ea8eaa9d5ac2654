// Which keys a connection asks for, one after the other: a function of the seed and of nothing else, so that two
// servers see the same requests whatever they answer.
//
// Keys are numbers (ids); KeyNames spells them. The main set is [key_offset, key_offset + keys): a popular rank is
// scattered over it, so that prefilling in order of ids does not favour popular keys. Scans walk through keys of their
// own from kScanBase on. Drift replaces each key of the main set by a fresh one (id + keys, + 2 keys, ...) once in
// `drift_period` draws, each at a moment of its own: the set moves on without a jump.
//
// Threads: KeySequence belongs to one thread; KeyPopularity and KeyNames are immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tools/bench/distribution.h"
#include "tools/bench/random.h"
#include "tools/bench/zipf.h"

namespace lmc::bench {

struct KeyPopularity {
  enum class Kind : std::uint8_t { kUniform, kZipf, kSequential };

  Kind kind = Kind::kUniform;
  std::uint64_t keys = 10'000;
  std::uint64_t key_offset = 0;
  std::shared_ptr<const Zipf> zipf;     // kZipf
  double scan_share = 0;                // share of draws that belong to scans, 0..0.99
  std::uint64_t scan_length = 1'000;    // draws of one scan in a row
  std::uint64_t scan_keys = 1'000'000;  // keys a scan can meet; then it starts again
  std::uint64_t drift_period = 0;       // draws of all connections until every key was replaced once; 0: no drift
};

class KeySequence {
 public:
  static constexpr std::uint64_t kScanBase = 1'000'000'000'000;

  // The sequence of connection `index` of `connections`.
  struct Place {
    std::uint32_t index = 0;
    std::uint32_t connections = 1;
  };

  KeySequence(const KeyPopularity& popularity, std::uint64_t seed, Place place);

  std::uint64_t next();

 private:
  [[nodiscard]] std::uint64_t next_position();
  [[nodiscard]] std::uint64_t generation_of(std::uint64_t position) const;

  const KeyPopularity& popularity_;
  Random random_;
  std::uint64_t scatter_factor_;  // coprime to the number of keys
  std::uint64_t draws_ = 0;
  std::uint64_t position_;  // kSequential
  std::uint64_t scan_position_;
  std::uint64_t scan_left_ = 0;
  std::uint64_t gap_length_ = 0;  // draws between scans; 0: no scans
  std::uint64_t gap_left_ = 0;
  std::uint64_t drift_period_;  // of this connection's own draws
};

// Spells ids: prefix and decimal digits, padded with zeros to the length that belongs to the id. Different ids have
// different names at any lengths, because a name's digits are its id.
class KeyNames {
 public:
  static constexpr std::size_t kMaxNameBytes = 250;

  // Lengths below prefix and digits are lengthened, above 250 cut.
  KeyNames(std::string prefix, Distribution name_bytes);

  // Valid until the next call with the same buffer.
  struct Buffer {
    char bytes[kMaxNameBytes];
  };
  [[nodiscard]] std::string_view spell(std::uint64_t id, Buffer& buffer) const;

 private:
  std::string prefix_;
  Distribution name_bytes_;
};

}  // namespace lmc::bench

// Takes a link's frames apart, and says where the bytes to come are to be read to: log bytes straight to where they
// belong, without a copy but for what came with a head; ledger entries and reports by way of a buffer, from which they
// are published word by word (ledger.h), because others look at their places meanwhile.
//
// Every descriptor of a chain is checked before a byte of it lands. Whatever is received: nothing outside of the
// exposed memory is written. Pure: no socket. Threads: one.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/fabric/tcp/frames.h"

namespace lmc::replication::tcp {

class ChainDecoder {
 public:
  explicit ChainDecoder(const ExposedMemory& exposed) : exposed_(exposed) {}

  // Where the next bytes are to be read to, in order; how many of `out` (two at least) were filled: never none.
  [[nodiscard]] std::size_t where(std::span<iovec> out);
  // So many bytes have been read there. False: what came is no such frame, broken() says why; nothing more is to be
  // read.
  [[nodiscard]] bool took(std::size_t bytes);

  [[nodiscard]] const std::string& broken() const { return broken_; }
  // Chains landed in all; and of the other direction, as the peer says.
  [[nodiscard]] std::uint64_t chains_landed() const { return chains_landed_; }
  [[nodiscard]] std::uint64_t peer_landed() const { return peer_landed_; }

 private:
  struct Target {
    char* to;
    std::uint32_t size;
    bool staged;  // by way of staging_
  };
  [[nodiscard]] char* place_of(const Target& target);
  void prepare_target();
  void finish_target();
  std::size_t land(std::size_t bytes, const char* from);
  [[nodiscard]] std::size_t begin_frame(std::string_view bytes);
  [[nodiscard]] bool begin_chain(std::string_view descriptors);
  [[nodiscard]] const char* objection_to(const Descriptor& descriptor) const;
  std::size_t fail(const char* why);

  ExposedMemory exposed_;
  std::vector<Target> targets_;  // of the chain that is landing
  std::size_t target_ = 0;       // the first that is not complete
  std::uint32_t filled_ = 0;     // bytes of it
  std::vector<char> staging_;
  std::array<char, 4096> head_{};  // what was read behind the last chain; empty while one lands
  std::size_t head_bytes_ = 0;
  std::uint64_t chains_landed_ = 0;
  std::uint64_t peer_landed_ = 0;
  std::string broken_;
};

}  // namespace lmc::replication::tcp

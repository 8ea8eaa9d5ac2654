// How two ends of a control connection prove to each other that they hold the group secret, without sending it, and
// agree on keys for what follows. ../FORMAT.md has every byte.
//
//   client: "LMCCTRL1" version nonce          server: version nonce proof
//   client: proof
//
// A proof is an HMAC under the secret of a label of its own for each direction, both nonces and both versions: neither
// can be sent back as the other's, nor used on another connection. Keys for each direction are drawn likewise.
//
// Pure: bytes in, bytes out. Threads: one. After an error nothing more is to be fed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/control/group_secret.h"
#include "replication/control/mac.h"

namespace lmc::replication {

inline constexpr std::string_view kControlMagic = "LMCCTRL1";
inline constexpr std::uint16_t kControlVersion = 1;
inline constexpr std::size_t kNonceBytes = 32;

class Handshake {
 public:
  enum class Side { kClient, kServer };
  enum class State { kUnderWay, kDone, kFailed };

  // `nonce`: kNonceBytes, drawn for this connection. The server's input begins behind the magic.
  Handshake(Side side, const GroupSecret& secret, std::string nonce);

  // Takes what it needs of `input` and removes it from there; what is left when it is done belongs to what follows.
  void feed(std::string_view& input);
  // What is to be sent now.
  [[nodiscard]] std::string take_output();
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& error() const { return error_; }

  // When it is done: for what this side sends, and receives.
  [[nodiscard]] const Digest256& send_key() const { return send_key_; }
  [[nodiscard]] const Digest256& receive_key() const { return receive_key_; }

 private:
  [[nodiscard]] std::size_t wanted() const;
  void step();
  void on_first(std::string_view bytes);
  void on_proof(std::string_view proof);
  [[nodiscard]] Digest256 derive(std::string_view label) const;
  void finish();
  void fail(std::string why);

  Side side_;
  const GroupSecret& secret_;
  std::string nonce_;
  std::string peer_nonce_;
  std::string input_;
  std::string output_;
  bool first_done_ = false;
  State state_ = State::kUnderWay;
  std::string error_;
  Digest256 send_key_{};
  Digest256 receive_key_{};
};

}  // namespace lmc::replication

#include "replication/control/handshake.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace lmc::replication {

namespace {

constexpr std::size_t kFirstBytes = sizeof kControlVersion + kNonceBytes;
constexpr std::size_t kProofBytes = sizeof(Digest256);

std::string version_bytes(std::uint16_t version) {
  return {reinterpret_cast<const char*>(&version), sizeof version};
}

}  // namespace

Handshake::Handshake(Side side, const GroupSecret& secret, std::string nonce)
    : side_(side), secret_(secret), nonce_(std::move(nonce)) {
  if (side_ == Side::kClient) output_ = std::string(kControlMagic) + version_bytes(kControlVersion) + nonce_;
}

std::string Handshake::take_output() {
  return std::exchange(output_, {});
}

std::size_t Handshake::wanted() const {
  return first_done_ ? kProofBytes : kFirstBytes;
}

void Handshake::feed(std::string_view& input) {
  while (state_ == State::kUnderWay && !input.empty()) {
    const std::size_t size = std::min(input.size(), wanted() - input_.size());
    input_ += input.substr(0, size);
    input.remove_prefix(size);
    if (input_.size() == wanted()) step();
  }
}

void Handshake::step() {
  const std::string bytes = std::exchange(input_, {});
  if (first_done_) return on_proof(bytes);
  on_first(bytes);
}

void Handshake::on_first(std::string_view bytes) {
  std::uint16_t version = 0;
  std::memcpy(&version, bytes.data(), sizeof version);
  peer_nonce_ = bytes.substr(sizeof version);
  first_done_ = true;
  // The server's answer names its version, so that both sides can say what they saw.
  if (side_ == Side::kServer) output_ = version_bytes(kControlVersion) + nonce_;
  if (version != kControlVersion)
    return fail("control protocol version " + std::to_string(version) + " there, " + std::to_string(kControlVersion) +
                " here");
  if (peer_nonce_ == nonce_) return fail("the peer sends back what it was sent");
  if (side_ == Side::kServer) output_ += view_of(derive("server proves"));
}

void Handshake::on_proof(std::string_view proof) {
  const bool server = side_ == Side::kServer;
  if (!equal_secretly(proof, view_of(derive(server ? "client proves" : "server proves"))))
    return fail("the peer does not hold the group secret");
  if (!server) output_ = view_of(derive("client proves"));
  finish();
}

Digest256 Handshake::derive(std::string_view label) const {
  const bool server = side_ == Side::kServer;
  const std::string version = version_bytes(kControlVersion);
  return hmac_sha256(secret_.bytes(), {"LogMemcached control: ", label, version, version, server ? peer_nonce_ : nonce_,
                                       server ? nonce_ : peer_nonce_});
}

void Handshake::finish() {
  const Digest256 from_client = derive("client sends");
  const Digest256 from_server = derive("server sends");
  const bool server = side_ == Side::kServer;
  send_key_ = server ? from_server : from_client;
  receive_key_ = server ? from_client : from_server;
  state_ = State::kDone;
}

void Handshake::fail(std::string why) {
  error_ = std::move(why);
  state_ = State::kFailed;
}

}  // namespace lmc::replication

// A peer without the group secret says anything, in pieces of any size, to either side: it is never believed, nothing
// is kept of it beyond what one step needs, and it gets no more than one proof out of a server and none out of a
// client.
//
// Input: a byte for the side (even: a server is spoken to), a byte for the size of the pieces, then what the peer says.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "replication/control/handshake.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lmc::replication;
  using lmc::testing::require;
  if (size < 2) return 0;
  static const GroupSecret secret("a secret that no input holds");
  const bool server = data[0] % 2 == 0;
  const std::size_t cut = data[1] + std::size_t{1};
  Handshake handshake(server ? Handshake::Side::kServer : Handshake::Side::kClient, secret,
                      std::string(kNonceBytes, server ? 's' : 'c'));
  (void)handshake.take_output();
  std::size_t said = 0;
  std::string_view left(reinterpret_cast<const char*>(data) + 2, size - 2);
  while (!left.empty() && handshake.state() == Handshake::State::kUnderWay) {
    std::string_view piece = left.substr(0, cut);
    left.remove_prefix(piece.size());
    handshake.feed(piece);
    require(piece.empty() || handshake.state() != Handshake::State::kUnderWay, "it takes all while it is under way");
    said += handshake.take_output().size();
  }
  constexpr std::size_t kFirstBytes = sizeof kControlVersion + kNonceBytes;
  require(handshake.state() != Handshake::State::kDone, "who does not hold the secret is not believed");
  require(said <= (server ? kFirstBytes + sizeof(Digest256) : 0), "nothing more is said to who proves nothing");
  require((handshake.state() == Handshake::State::kFailed) == !handshake.error().empty(), "a failure has its reason");
  return 0;
}

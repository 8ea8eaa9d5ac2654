// The bytes of replication/fabric/verbs/README.md.
#include "replication/fabric/verbs/wire.h"

#include <catch2/catch.hpp>
#include <string>

#include "documented.h"
#include "hex.h"

namespace lmc::replication::verbs {
namespace {

constexpr std::string_view kDocument = "fabric/verbs/README.md";

template <typename T>
std::string hex(const T& value) {
  return hex_of({reinterpret_cast<const char*>(&value), sizeof value});
}

TEST_CASE("what the ends of a link say before its first chain has the bytes that are written down") {
  Hello hello;
  hello.traffic = 1;
  for (std::size_t i = 0; i < hello.ticket.size(); ++i) hello.ticket[i] = static_cast<std::uint8_t>(0x10 + i);
  CHECK(hex(hello) == "4c564831" "0100" "01" "00" "101112131415161718191a1b1c1d1e1f");
  CHECK(documented(kDocument, "\"LVH1\"") == hex(hello));
  CHECK(hex(Refusal{}) == "4c565231" "0100" "0000");
  CHECK(documented(kDocument, "\"LVR1\"") == hex(Refusal{}));
  Keys keys;
  keys.regions[0] = {0x7f0011223344, 0x40000000, 0x00abcdef, 0};
  keys.regions[1] = {0x7f0055667788, 0x10000, 1, 0};
  CHECK(hex(keys) == "4c564b31" "01000000"
                     "443322110" "07f0000" "0000004000000000" "efcdab00" "00000000"
                     "887766550" "07f0000" "0000010000000000" "01000000" "00000000"
                     "0000000000000000" "0000000000000000" "00000000" "00000000");
  CHECK(documented(kDocument, "\"LVK1\"") == hex(keys));
}

}  // namespace
}  // namespace lmc::replication::verbs

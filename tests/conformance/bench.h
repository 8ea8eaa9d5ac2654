// The suite's usual arrangement: one link, whose accepting end exposes memory that its connecting end writes into.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
#include <string_view>
#include <vector>

#include "endpoints.h"

namespace lmc::test {

inline replication::Ticket ticket_of(std::uint8_t number) {
  replication::Ticket ticket{};
  ticket[0] = number;
  ticket[15] = 7;
  return ticket;
}

struct Bench {
  Bench() : fabrics(make_pair(reactor)) {
    fabrics->accepting().prepare(Memory::bytes_of(memory.log));
    fabrics->accepting().prepare(Memory::bytes_of(memory.ledger));
    fabrics->accepting().prepare(Memory::bytes_of(memory.progress));
    fabrics->connecting().prepare({source.data(), source.size()});
    std::iota(source.begin(), source.end(), 0);
  }
  // The accepting end exposes its memory, the connecting one writes.
  void connect(std::uint8_t number = 1) {
    to =
        fabrics->accepting().accept({ticket_of(number), replication::Traffic::kForeground, memory.exposed()}, receiver);
    from = fabrics->connecting().connect(fabrics->address(), {ticket_of(number), replication::Traffic::kForeground, {}},
                                         sender);
    REQUIRE(reactor.run_until([&] { return receiver.ups == 1 && sender.ups == 1; }));
  }
  void post(replication::Region region, std::uint64_t offset, std::string_view bytes) {
    const replication::Write write{region, offset, bytes};
    from->post({&write, 1});
  }
  [[nodiscard]] std::string_view piece(std::size_t offset, std::size_t size) const {
    return {source.data() + offset, size};
  }
  [[nodiscard]] std::string_view log(std::size_t offset, std::size_t size) {
    return {Memory::bytes_of(memory.log).data() + offset, size};
  }

  PollReactor reactor;
  std::unique_ptr<FabricPair> fabrics;
  Memory memory;
  std::vector<char> source = std::vector<char>(1 << 20);
  Observed receiver;
  Observed sender;
  std::unique_ptr<replication::Link> to;
  std::unique_ptr<replication::Link> from;
};

}  // namespace lmc::test

// verbs alone: work requests and doorbells counted; a peer that says what it likes; what is left after an error.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.h"
#include "faulty_device.h"
#include "replication/fabric/verbs/nonblocking.h"
#include "replication/fabric/verbs/verbs_fabric.h"
#include "replication/fabric/verbs/wire.h"

namespace lmc::test {
namespace {

using replication::kMaxChainWrites;
using replication::kMaxOutstandingChains;
using replication::Region;
using replication::Traffic;
using replication::VerbsFabric;
using replication::Write;
using namespace replication::verbs;

replication::FabricCounters counters_of(Bench& bench) {
  return bench.fabrics->connecting().counters();
}

TEST_CASE("verbs: a chain is one doorbell, a write one work request") {
  Bench bench;
  bench.connect();
  const std::vector<Write> chain(kMaxChainWrites, Write{Region::kLog, 0, bench.piece(0, 64)});
  for (std::size_t i = 0; i < 10; ++i) bench.from->post(chain);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 10; }));
  CHECK(counters_of(bench).chains == 10);
  CHECK(counters_of(bench).doorbells == 10);
  CHECK(counters_of(bench).work_requests == 10 * kMaxChainWrites);
  CHECK(counters_of(bench).bytes == 10 * kMaxChainWrites * 64);
  CHECK(counters_of(bench).waits == 0);
}

TEST_CASE("verbs: chains that the send queue has no room for wait, and land in their order") {
  Bench bench;
  bench.connect();
  for (std::size_t i = 0; i < kMaxOutstandingChains; ++i) {
    std::vector<Write> chain;
    for (std::size_t j = 0; j < kMaxChainWrites; ++j)
      chain.push_back({Region::kLog, 100 * (i * kMaxChainWrites + j), bench.piece(i + j, 100)});
    bench.from->post(chain);
  }
  CHECK(counters_of(bench).waits != 0);
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == kMaxOutstandingChains; }));
  CHECK(counters_of(bench).doorbells == kMaxOutstandingChains);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kMaxOutstandingChains; ++i)
    for (std::size_t j = 0; j < kMaxChainWrites; ++j)
      wrong += bench.log(100 * (i * kMaxChainWrites + j), 100) != bench.piece(i + j, 100);
  CHECK(wrong == 0);
}

TEST_CASE("verbs: nothing is posted after a chain that could not be, and the link ends") {
  Bench bench;
  bench.connect();
  FaultyDevice device("rxe2");
  bench.sender.in_completed = [&] { bench.post(Region::kLedger, 0, bench.piece(1, 8)); };
  const std::vector<Write> chain(kMaxChainWrites, Write{Region::kLog, 0, bench.piece(1, 8)});
  const Write last{Region::kLog, 4096, bench.piece(1, 8)};
  while (counters_of(bench).waits == 0) bench.from->post(chain);
  while (counters_of(bench).waits < 8) bench.from->post({&last, 1});
  device.refuse_next_post();
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  CHECK(device.posts_after_refusal() == 0);
  CHECK(bench.sender.cause == "cannot post a chain: Cannot allocate memory");
  CHECK(bench.log(4096, 8) == std::string(8, '\0'));
  CHECK(bench.memory.ledger[0] == 0);
}

TEST_CASE("verbs: more chains than there are receives land while nobody looks at them") {
  Bench bench;
  bench.connect();
  // The receiver's turns are as rare as the sender's; each gives back what it took note of.
  std::size_t posted = 0;
  bench.sender.in_completed = [&] {
    while (posted < 5000 && posted - bench.sender.completed < kMaxOutstandingChains) {
      ++posted;
      bench.post(Region::kLedger, 0, bench.piece(0, 64));
    }
  };
  ++posted;
  bench.post(Region::kLedger, 0, bench.piece(0, 64));
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 5000; }));
  CHECK(bench.receiver.downs + bench.sender.downs == 0);
}

TEST_CASE("verbs: after a refused write, and after a revocation, the next link between the two works") {
  Bench bench;
  bench.connect();
  bench.post(Region::kLedger, 1 << 20, bench.piece(0, 8));
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.downs == 1 && bench.sender.downs == 1; }));
  CHECK(bench.sender.cause == "the other end does not let this node write (any more)");
  for (std::uint8_t number = 2; number < 5; ++number) {
    bench.sender = {};
    bench.receiver = {};
    bench.connect(number);
    bench.post(Region::kLog, 8, bench.piece(1, 8));
    REQUIRE(bench.reactor.run_until([&] { return bench.sender.completed == 1; }));
    bench.to->revoke();
    REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  }
}

TEST_CASE("verbs: a device that does not report what it flushed holds nobody up, and nothing lands") {
  Bench bench;
  bench.connect();
  std::optional<FaultyDevice> device("rxe1");
  device->report_nothing();
  for (std::size_t i = 0; i < 16; ++i) bench.post(Region::kLog, i << 16, bench.piece(1, 1 << 16));
  const auto begin = std::chrono::steady_clock::now();
  bench.to->revoke();
  CHECK(std::chrono::steady_clock::now() - begin < 50 * Connection::kDrainLimit);
  const std::vector<std::uint64_t> fenced = bench.memory.log;
  REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
  CHECK(bench.memory.log == fenced);
  device.reset();
  bench.sender = {};
  bench.receiver = {};
  bench.connect(2);
}

TEST_CASE("verbs: a writer whose packets are lost is told when its retries are over") {
  Bench bench;
  bench.connect();
  REQUIRE(std::system("tc qdisc add dev node2 root netem loss 100%") == 0);
  bench.post(Region::kLog, 0, bench.piece(1, 8));
  const bool told = bench.reactor.run_until([&] { return bench.sender.downs == 1; });
  REQUIRE(std::system("tc qdisc del dev node2 root") == 0);
  CHECK(told);
  CHECK(bench.sender.completed == 0);
  CHECK(bench.sender.cause == "the other end does not answer");
}

TEST_CASE("verbs: a queue pair has the retries, the timeout and the type of service that were asked for") {
  Bench bench;
  std::vector<std::string> said;
  const auto say = [&](const std::string& line) { said.push_back(line); };
  const replication::VerbsOptions options{.type_of_service = 0x68, .connection = {.ack_timeout = 15, .retries = 5}};
  VerbsFabric accepting(bench.reactor, "10.77.0.1:0", options, say);
  VerbsFabric connecting(bench.reactor, "10.77.0.2:0", options, say);
  accepting.prepare(Memory::bytes_of(bench.memory.log));
  accepting.prepare(Memory::bytes_of(bench.memory.ledger));
  accepting.prepare(Memory::bytes_of(bench.memory.progress));
  connecting.prepare({bench.source.data(), bench.source.size()});
  const auto to = accepting.accept({ticket_of(1), Traffic::kForeground, bench.memory.exposed()}, bench.receiver);
  const auto from = connecting.connect("10.77.0.1:" + std::to_string(accepting.port()),
                                       {ticket_of(1), Traffic::kForeground, {}}, bench.sender);
  REQUIRE(bench.reactor.run_until([&] { return bench.receiver.ups == 1 && bench.sender.ups == 1; }));
  const FaultyDevice device("rxe2");
  const Write write{Region::kLog, 0, bench.piece(1, 8)};
  from->post({&write, 1});
  REQUIRE(device.last_posted_to() != nullptr);
  ibv_qp_attr is{};
  ibv_qp_init_attr was_made{};
  REQUIRE(ibv_query_qp(device.last_posted_to(), &is, IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_AV, &was_made) == 0);
  CHECK(is.retry_cnt == 5);
  CHECK(is.timeout == 15);
  CHECK(is.ah_attr.grh.traffic_class == 0x68);
  CHECK(said.empty());
}

TEST_CASE("verbs: which device carries an address") {
  Bench bench;
  std::string why;
  CHECK(VerbsFabric::device_for(bench.fabrics->address(), why) == "rxe1");
  CHECK_FALSE(VerbsFabric::device_for("127.0.0.1:1", why));
  CHECK(why.find("loopback") != std::string::npos);
  CHECK_FALSE(VerbsFabric::device_for("192.0.2.1:1", why));
  CHECK_FALSE(VerbsFabric::device_for("nonsense", why));
  CHECK(why.find("host:port") != std::string::npos);
  PollReactor reactor;
  CHECK_THROWS_AS(VerbsFabric(reactor, "192.0.2.1:1"), std::runtime_error);
  CHECK_THROWS_WITH(VerbsFabric(reactor, bench.fabrics->address()), Catch::Contains("cannot"));
}

// --- a device that goes ---

// Counts how often a descriptor is looked at.
class Counting final : public replication::Reactor {
 public:
  explicit Counting(PollReactor& beneath) : beneath_(beneath) {}
  std::unique_ptr<replication::Watch> watch(int fd, std::function<void(replication::Readiness)> ready) override {
    return beneath_.watch(fd, [this, ready = std::move(ready)](replication::Readiness readiness) {
      ++looks;
      ready(readiness);
    });
  }
  std::unique_ptr<replication::Timer> timer(std::function<void()> due) override {
    return beneath_.timer(std::move(due));
  }
  [[nodiscard]] std::chrono::steady_clock::time_point now() const override { return beneath_.now(); }
  std::size_t looks = 0;

 private:
  PollReactor& beneath_;
};

// The third node's device, which the other tests do without, with a link that is up and one that waits.
struct Leaving {
  Leaving() {
    fabric.prepare(Memory::bytes_of(memory.log));
    fabric.prepare(Memory::bytes_of(memory.ledger));
    fabric.prepare(Memory::bytes_of(memory.progress));
    link = fabric.accept({ticket_of(1), Traffic::kForeground, memory.exposed()}, up);
    other = fabric.accept({ticket_of(2), Traffic::kForeground, {}}, waiting);
    address = "10.77.0.3:" + std::to_string(fabric.port());
    peer = bench.fabrics->connecting().connect(address, {ticket_of(1), Traffic::kForeground, {}}, bench.sender);
    REQUIRE(bench.reactor.run_until([&] { return up.ups == 1 && bench.sender.ups == 1; }));
  }
  // Whatever it was that took the device.
  void check() {
    REQUIRE(bench.reactor.run_until([&] { return said.size() == 1 && up.downs == 1 && waiting.downs == 1; }));
    CHECK(waiting.cause.find("the RDMA device rxe3 is gone: ") == 0);
    CHECK(said[0] == waiting.cause + "; this node can have no links until it is restarted with a device");
    if (bench.sender.downs == 0) peer->post({&write, 1});
    REQUIRE(bench.reactor.run_until([&] { return bench.sender.downs == 1; }));
    Observed late;
    Observed later;
    link = fabric.accept({ticket_of(3), Traffic::kForeground, {}}, late);
    other = fabric.connect(bench.fabrics->address(), {ticket_of(4), Traffic::kForeground, {}}, later);
    CHECK(late.downs + later.downs == 0);
    reactor.looks = 0;
    REQUIRE(bench.reactor.run_until([&] { return late.downs == 1 && later.downs == 1; }));
    CHECK(late.cause == waiting.cause);
    CHECK(later.cause == waiting.cause);
    bench.reactor.run_for(std::chrono::milliseconds(50));
    CHECK(reactor.looks == 0);
    CHECK(said.size() == 1);
  }

  Bench bench;
  Counting reactor{bench.reactor};
  Memory memory;
  std::vector<std::string> said;
  VerbsFabric fabric{reactor, "10.77.0.3:0", {}, [this](const std::string& line) { said.push_back(line); }};
  Observed up;
  Observed waiting;
  std::string address;
  Write write{Region::kLedger, 0, bench.piece(0, 8)};
  std::unique_ptr<replication::Link> link;
  std::unique_ptr<replication::Link> other;
  std::unique_ptr<replication::Link> peer;
};

TEST_CASE("verbs: a device whose events cannot be read any more ends its fabric's links, and nothing spins") {
  Leaving leaving;
  FaultyDevice device("rxe3");
  device.fail_events();
  leaving.check();
}

// The last of this device. soft-RoCE's goes when no process has it open any more: the command waits for this one.
TEST_CASE("verbs: the removal of a device ends its fabric's links, and nothing spins") {
  Leaving leaving;
  REQUIRE(std::system("rdma link delete rxe3 >/dev/null 2>&1 &") == 0);
  leaving.check();
  CHECK(leaving.waiting.cause == "the RDMA device rxe3 is gone: it was removed");
}

// --- a peer that says what it likes ---

class RawPeer {
 public:
  RawPeer(PollReactor& reactor, const std::string& address, std::string private_data)
      : reactor_(reactor), channel_(make_event_channel()), id_(make_id(*channel_)) {
    std::string why;
    auto to = replication::look_up(address, why);
    set_nonblocking(channel_->fd);
    require(minus_one_and_errno(rdma_resolve_addr(id_.get(), nullptr, reinterpret_cast<sockaddr*>(&to->storage), 2000)),
            {"resolve", ""});
    await(RDMA_CM_EVENT_ADDR_RESOLVED);
    require(minus_one_and_errno(rdma_resolve_route(id_.get(), 2000)), {"resolve", ""});
    await(RDMA_CM_EVENT_ROUTE_RESOLVED);
    domain_ = make_protection_domain(*id_->verbs);
    completions_ = make_completion_queue(*id_->verbs, 64, nullptr);
    region_ = register_memory(*domain_, bytes_, RemoteAccess::kNone);
    queue_pair_ = make_queue_pair(*id_, *domain_, *completions_, {16, 16, 0});
    std::uint8_t ack_timeout = 14;
    require(
        minus_one_and_errno(rdma_set_option(id_.get(), RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &ack_timeout, 1)),
        {"set an option", ""});
    rdma_conn_param wanted{};
    wanted.private_data = private_data.data();
    wanted.private_data_len = static_cast<std::uint8_t>(private_data.size());
    wanted.retry_count = 6;
    wanted.rnr_retry_count = 7;
    require(minus_one_and_errno(rdma_connect(id_.get(), &wanted)), {"connect", ""});
  }
  ~RawPeer() { (void)rdma_disconnect(id_.get()); }

  // What the other end answers; of a rejection what it said is kept.
  [[nodiscard]] rdma_cm_event_type answer() { return next(); }
  [[nodiscard]] const std::string& said() const { return said_; }

  void send(std::string_view bytes) { post(bytes, IBV_WR_SEND, {}); }
  void write(const Key& key, std::string_view bytes) { post(bytes, IBV_WR_RDMA_WRITE_WITH_IMM, key); }
  void post_receive() {
    ibv_sge piece{reinterpret_cast<std::uintptr_t>(bytes_.data() + 512), 256, region_->lkey};
    ibv_recv_wr request{};
    request.sg_list = &piece;
    request.num_sge = 1;
    ibv_recv_wr* refused = nullptr;
    require(errno_value(ibv_post_recv(&queue_pair_.get(), &request, &refused)), {"receive", ""});
  }
  [[nodiscard]] Keys keys() {
    ibv_wc done{};
    REQUIRE(reactor_.run_until([&] { return ibv_poll_cq(completions_.get(), 1, &done) == 1; }));
    REQUIRE(done.status == IBV_WC_SUCCESS);
    Keys keys;
    REQUIRE(done.byte_len == sizeof keys);
    std::memcpy(&keys, bytes_.data() + 512, sizeof keys);
    return keys;
  }
  [[nodiscard]] ibv_wc_status outcome() {
    ibv_wc done{};
    REQUIRE(reactor_.run_until([&] { return ibv_poll_cq(completions_.get(), 1, &done) == 1; }));
    return done.status;
  }

 private:
  void post(std::string_view bytes, ibv_wr_opcode opcode, const Key& key) {
    std::memcpy(bytes_.data(), bytes.data(), bytes.size());
    ibv_sge piece{reinterpret_cast<std::uintptr_t>(bytes_.data()), static_cast<std::uint32_t>(bytes.size()),
                  region_->lkey};
    ibv_send_wr request{};
    request.sg_list = &piece;
    request.num_sge = 1;
    request.opcode = opcode;
    request.send_flags = IBV_SEND_SIGNALED;
    request.wr.rdma.remote_addr = key.address;
    request.wr.rdma.rkey = key.key;
    ibv_send_wr* refused = nullptr;
    require(errno_value(ibv_post_send(&queue_pair_.get(), &request, &refused)), {"send", ""});
  }
  rdma_cm_event_type next() {
    NextEvent event;
    if (!reactor_.run_until([&] { return (event = next_event(*channel_)).event != nullptr; }))
      throw std::runtime_error("no event came");
    const rdma_cm_event_type type = event.event->event;
    if (type == RDMA_CM_EVENT_REJECTED)
      said_.assign(static_cast<const char*>(event.event->param.conn.private_data),
                   event.event->param.conn.private_data_len);
    return type;
  }
  void await(rdma_cm_event_type expected) {
    if (next() != expected) throw std::runtime_error(rdma_event_str(expected));
  }

  PollReactor& reactor_;
  std::vector<char> bytes_ = std::vector<char>(1024);
  std::string said_;
  EventChannel channel_;
  CmId id_;
  ProtectionDomain domain_;
  CompletionQueue completions_;
  MemoryRegion region_;
  QueuePair queue_pair_;
};

std::string hello(std::uint8_t ticket, std::uint8_t traffic = 0, std::uint16_t version = kVersion) {
  Hello hello;
  hello.version = version;
  hello.traffic = traffic;
  hello.ticket = ticket_of(ticket);
  return {reinterpret_cast<const char*>(&hello), sizeof hello};
}

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A link that waits for the test to be its other end.
struct Victim : Bench {
  Victim() { to = fabrics->accepting().accept({ticket_of(1), Traffic::kForeground, memory.exposed()}, receiver); }
  [[nodiscard]] bool goes_down() {
    return reactor.run_until([&] { return receiver.downs == 1; });
  }
};

// Such a link and its other end, connected; neither has said its keys.
struct Met : Victim {
  Met() {
    peer.post_receive();
    REQUIRE(peer.answer() == RDMA_CM_EVENT_ESTABLISHED);
  }
  RawPeer peer{reactor, fabrics->address(), hello(1)};
};

TEST_CASE("verbs: a request that shows no ticket waited for is refused, with this node's version") {
  Victim victim;
  for (const std::string& said :
       {hello(2), hello(1, 1), hello(1, 0, kVersion + 1), hello(1).substr(0, 7), std::string(), std::string(56, 'x')}) {
    RawPeer peer(victim.reactor, victim.fabrics->address(), said);
    CHECK(peer.answer() == RDMA_CM_EVENT_REJECTED);
    Refusal refusal;
    REQUIRE(peer.said().size() >= sizeof refusal);
    std::memcpy(&refusal, peer.said().data(), sizeof refusal);
    CHECK(refusal.magic == Refusal::kMagic);
    CHECK(refusal.version == kVersion);
  }
  CHECK(victim.receiver.calls() == 0);
  RawPeer peer(victim.reactor, victim.fabrics->address(), hello(1));
  CHECK(peer.answer() == RDMA_CM_EVENT_ESTABLISHED);
  // A ticket is good once.
  RawPeer late(victim.reactor, victim.fabrics->address(), hello(1));
  CHECK(late.answer() == RDMA_CM_EVENT_REJECTED);
}

TEST_CASE("verbs: a peer that does not begin with its keys has no link") {
  for (const std::string& said : {std::string(80, 'x'), bytes_of(Keys{}).substr(0, 79), bytes_of(Keys{}) + "x"}) {
    Met met;
    met.peer.send(said);
    CHECK(met.goes_down());
    CHECK(met.receiver.ups + met.receiver.arrivals == 0);
  }
}

TEST_CASE("verbs: a peer that says nothing has no link for long") {
  Victim victim;
  RawPeer peer(victim.reactor, victim.fabrics->address(), hello(1));
  REQUIRE(peer.answer() == RDMA_CM_EVENT_ESTABLISHED);
  CHECK(victim.goes_down());
  CHECK(victim.receiver.ups == 0);
}

TEST_CASE("verbs: what is written before the own keys are said ends the link; so does what is no write") {
  Met met;
  const Keys keys = met.peer.keys();
  CHECK(keys.magic == Keys::kMagic);
  met.peer.write(keys.regions[0], "too early");
  CHECK(met.goes_down());
  CHECK(met.receiver.ups + met.receiver.arrivals == 0);
}

TEST_CASE("verbs: a key of one link is worth nothing on another once that is revoked") {
  Met met;
  const Keys keys = met.peer.keys();
  met.peer.send(bytes_of(Keys{}));
  REQUIRE(met.reactor.run_until([&] { return met.receiver.ups == 1; }));
  REQUIRE(met.peer.outcome() == IBV_WC_SUCCESS);
  met.peer.write(keys.regions[0], "in time");
  REQUIRE(met.peer.outcome() == IBV_WC_SUCCESS);
  met.to->revoke();
  const std::vector<std::uint64_t> fenced = met.memory.log;
  met.peer.write(keys.regions[0], "late");
  CHECK(met.peer.outcome() != IBV_WC_SUCCESS);
  CHECK(met.memory.log == fenced);
  CHECK(met.log(0, 7) == "in time");
}

}  // namespace
}  // namespace lmc::test

#include "conversation.h"

#include <catch2/catch.hpp>

#include "protocol/binary_format.h"
#include "protocol/parser.h"

namespace lmc::commands::test {

store::StoreOptions Process::small_store() {
  store::StoreOptions options;
  options.memory_bytes = std::uint64_t{16} << 20;
  options.max_item_bytes = std::uint64_t{1} << 20;
  options.max_sessions = 4;
  options.now = {1'800'000'000};
  return options;
}

store::StoreOptions Process::observed(store::StoreOptions options) {
  options.evictions = &evictions;
  return options;
}

Process::Process(store::StoreOptions options) : store(observed(std::move(options))), session(store) {}

Conversation::Conversation(Process& process)
    : process_(process),
      executor_(Shared{process.store, process.settings, process.counters, process.watch, process.control},
                process.session, 0),
      replies_(process.blocks) {
  client_.id = {7};
  client_.fd = 33;
}

std::string Conversation::ask(std::string_view bytes) {
  process_.session.begin_turn(process_.control.time);
  protocol::ParseLimits limits;
  limits.max_value_bytes = process_.settings.max_item_bytes;
  std::vector<protocol::Request> batch;
  while (!bytes.empty() && !closed_) {
    protocol::Request request;
    const bool binary = protocol::is_binary(bytes.front());
    const protocol::Parsed parsed =
        binary ? protocol::parse_binary(bytes, limits, request) : protocol::parse_text(bytes, limits, request);
    REQUIRE(parsed.status != protocol::Parsed::Status::kIncomplete);
    if (parsed.status == protocol::Parsed::Status::kRequest) {
      batch.push_back(request);
      if (batch.size() == kMaxBatch) run(batch);
    } else {
      run(batch);
      replies_.append(parsed.reply);
      closed_ = parsed.status == protocol::Parsed::Status::kClose;
    }
    bytes.remove_prefix(std::min<std::uint64_t>(bytes.size(), parsed.consumed + parsed.swallow));
  }
  run(batch);
  std::string answer = take_replies();
  process_.session.end_turn();
  return answer;
}

std::string Conversation::more() {
  process_.session.begin_turn(process_.control.time);
  run_source();
  std::string answer = take_replies();
  process_.session.end_turn();
  return answer;
}

void Conversation::run(std::vector<protocol::Request>& batch) {
  std::span<const protocol::Request> rest(batch);
  while (!rest.empty() && !closed_) {
    const BatchResult result = executor_.run(rest, client_, replies_);
    REQUIRE(result.executed >= 1);
    rest = rest.subspan(result.executed);
    closed_ = result.disposition == Disposition::kClose;
    if (result.disposition == Disposition::kSource) run_source();
  }
  batch.clear();
}

void Conversation::run_source() {
  constexpr std::size_t kBudgetBytes = 4096;
  for (;;) {
    const ReplySource::State state = client_.source->produce(replies_, kBudgetBytes);
    if (state == ReplySource::State::kWait) return;
    if (state == ReplySource::State::kDone) return client_.source.reset();
  }
}

std::string Conversation::take_replies() {
  std::string bytes;
  while (!replies_.empty()) {
    iovec pieces[8];
    const std::size_t count = replies_.iovecs(pieces);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count; ++i) {
      bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      taken += pieces[i].iov_len;
    }
    replies_.consume(taken);
  }
  return bytes;
}

std::string be32(std::uint32_t value) {
  std::string bytes(4, '\0');
  protocol::store_be32(bytes.data(), value);
  return bytes;
}

std::string be64(std::uint64_t value) {
  std::string bytes(8, '\0');
  protocol::store_be64(bytes.data(), value);
  return bytes;
}

std::string request_bytes(const Packet& packet) {
  std::string bytes(protocol::kBinaryHeaderBytes, '\0');
  bytes[0] = static_cast<char>(protocol::kBinaryRequestMagic);
  bytes[1] = static_cast<char>(packet.opcode);
  protocol::store_be16(&bytes[2], static_cast<std::uint16_t>(packet.key.size()));
  bytes[4] = static_cast<char>(packet.extras.size());
  protocol::store_be32(&bytes[8],
                       static_cast<std::uint32_t>(packet.key.size() + packet.extras.size() + packet.value.size()));
  protocol::store_be32(&bytes[12], 0xcafe);
  protocol::store_be64(&bytes[16], packet.cas);
  return bytes + packet.extras + packet.key + packet.value;
}

std::vector<Packet> read_replies(std::string_view bytes) {
  std::vector<Packet> packets;
  while (!bytes.empty()) {
    REQUIRE(bytes.size() >= protocol::kBinaryHeaderBytes);
    CHECK(static_cast<unsigned char>(bytes[0]) == protocol::kBinaryReplyMagic);
    CHECK(protocol::load_be32(&bytes[12]) == 0xcafe);
    Packet packet;
    packet.opcode = static_cast<std::uint8_t>(bytes[1]);
    packet.status = protocol::load_be16(&bytes[6]);
    packet.cas = protocol::load_be64(&bytes[16]);
    const std::size_t key = protocol::load_be16(&bytes[2]);
    const std::size_t extras = static_cast<unsigned char>(bytes[4]);
    const std::size_t body = protocol::load_be32(&bytes[8]);
    bytes.remove_prefix(protocol::kBinaryHeaderBytes);
    REQUIRE(bytes.size() >= body);
    packet.extras = bytes.substr(0, extras);
    packet.key = bytes.substr(extras, key);
    packet.value = bytes.substr(extras + key, body - extras - key);
    bytes.remove_prefix(body);
    packets.push_back(std::move(packet));
  }
  return packets;
}

std::string stat(std::string_view reply, std::string_view name) {
  const std::string start = "STAT " + std::string(name) + " ";
  const std::size_t at = reply.find(start);
  if (at == std::string_view::npos) return "(missing)";
  const std::size_t begin = at + start.size();
  return std::string(reply.substr(begin, reply.find("\r\n", begin) - begin));
}

}  // namespace lmc::commands::test

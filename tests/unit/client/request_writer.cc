#include "protocol/request_writer.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/parser.h"

namespace {

using namespace lmc::protocol;
using namespace std::string_view_literals;

constexpr Dialect kDialects[] = {Dialect::kText, Dialect::kMeta, Dialect::kBinary};

// What the server's own parser understands of `bytes`.
std::vector<Request> understood(Dialect dialect, std::string_view bytes) {
  std::vector<Request> requests;
  while (!bytes.empty()) {
    Request request;
    const Parsed parsed =
        dialect == Dialect::kBinary ? parse_binary(bytes, {}, request) : parse_text(bytes, {}, request);
    REQUIRE(parsed.status == Parsed::Status::kRequest);
    REQUIRE(parsed.consumed > 0);
    bytes.remove_prefix(parsed.consumed);
    requests.push_back(request);
  }
  return requests;
}

std::string written(Dialect dialect, void (*write)(RequestWriter&)) {
  std::string out;
  RequestWriter writer(dialect, out);
  write(writer);
  return out;
}

}  // namespace

TEST_CASE("text requests are spelled as memcached's protocol document spells them") {
  const auto text = [](void (*write)(RequestWriter&)) { return written(Dialect::kText, write); };
  CHECK(text([](RequestWriter& w) { w.get("k"); }) == "get k\r\n");
  CHECK(text([](RequestWriter& w) { w.get("k", true); }) == "gets k\r\n");
  CHECK(text([](RequestWriter& w) { w.multiget(std::vector{"a"sv, "b"sv}); }) == "get a b\r\n");
  CHECK(text([](RequestWriter& w) { w.store(StoreMode::kSet, {"k", "abc", 7, 60, {}}); }) == "set k 7 60 3\r\nabc\r\n");
  CHECK(text([](RequestWriter& w) {
          w.store(StoreMode::kPrepend, {"k", "", 0, -1, {}});
        }) == "prepend k 0 -1 0\r\n\r\n");
  CHECK(text([](RequestWriter& w) { w.store(StoreMode::kSet, {"k", "v", 0, 0, 9}); }) == "cas k 0 0 1 9\r\nv\r\n");
  CHECK(text([](RequestWriter& w) { w.remove("k"); }) == "delete k\r\n");
  CHECK(text([](RequestWriter& w) { w.arithmetic({"k", 5, true}); }) == "decr k 5\r\n");
  CHECK(text([](RequestWriter& w) { w.touch("k", 10); }) == "touch k 10\r\n");
  CHECK(text([](RequestWriter& w) { w.flush_all(0); }) == "flush_all\r\n");
  CHECK(text([](RequestWriter& w) { w.flush_all(3); }) == "flush_all 3\r\n");
  CHECK(text([](RequestWriter& w) { w.stats("items"); }) == "stats items\r\n");
}

TEST_CASE("meta requests ask for what text would answer") {
  const auto meta = [](void (*write)(RequestWriter&)) { return written(Dialect::kMeta, write); };
  CHECK(meta([](RequestWriter& w) { w.get("k"); }) == "mg k v f\r\n");
  CHECK(meta([](RequestWriter& w) {
          w.multiget(std::vector{"a"sv, "b"sv});
        }) == "mg a k v f q\r\nmg b k v f q\r\nmn\r\n");
  CHECK(meta([](RequestWriter& w) {
          w.store(StoreMode::kAdd, {"k", "abc", 7, 60, 5});
        }) == "ms k 3 T60 F7 C5 ME\r\nabc\r\n");
  CHECK(meta([](RequestWriter& w) { w.arithmetic({"k", 5, true}); }) == "ma k v MD D5\r\n");
}

TEST_CASE("the server's parser understands every request of the writer, in every dialect") {
  for (const Dialect dialect : kDialects) {
    std::string out;
    RequestWriter writer(dialect, out);
    writer.set_opaque(0x01020304);
    writer.get("key-1");
    writer.store(StoreMode::kSet, {"key-2", "value", 3, 100, {}});
    writer.remove("key-3");
    writer.arithmetic({"key-4", 17, false});
    writer.touch("key-5", 50);
    writer.flush_all(2);
    writer.version();
    writer.noop();
    writer.stats("items");
    const auto requests = understood(dialect, out);
    REQUIRE(requests.size() == 9);
    CHECK(requests[0].key == "key-1");
    CHECK(requests[1].key == "key-2");
    CHECK(requests[1].value == "value");
    CHECK(requests[1].value_state == ValueState::kPresent);
    CHECK(requests[2].key == "key-3");
    CHECK(requests[3].key == "key-4");
    CHECK(requests[4].key == "key-5");
    CHECK(requests[5].command == Command::kFlushAll);
    CHECK(requests[5].exptime == 2);
    CHECK(requests[6].command == Command::kVersion);
    CHECK(requests[8].command == Command::kStats);
    if (dialect != Dialect::kMeta) {
      CHECK(requests[1].client_flags == 3);
      CHECK(requests[1].exptime == 100);
      CHECK(requests[3].delta == 17);
      CHECK(requests[4].exptime == 50);
    }
  }
}

TEST_CASE("a key is valid exactly when it cannot become another request") {
  CHECK(is_valid_key("a"));
  CHECK(is_valid_key(std::string(250, 'k')));
  CHECK(is_valid_key("\xc3\xa4"));
  CHECK_FALSE(is_valid_key(""));
  CHECK_FALSE(is_valid_key(std::string(251, 'k')));
  CHECK_FALSE(is_valid_key("a b"));
  CHECK_FALSE(is_valid_key("a\r\nquit"));
}

// What nodes say to each other, byte by byte: the worked examples of replication/FORMAT.md.
#include "replication/engine/messages.h"

#include <catch2/catch.hpp>

#include "documented.h"
#include "hex.h"
#include "replication/engine/report.h"

namespace lmc::replication {
namespace {

const std::string kPrimary = "10.0.0.1:21211";
const std::string kBackup = "10.0.0.2:21211";
const GroupView kView{{0x10002}, kPrimary, {kBackup}};
constexpr Position kPosition{{0x10002}, {0x0102}};
constexpr Head kHead{{0x0a0b0c}, {0x0a0000}, 1800000060};

Ticket ticket_from(std::uint8_t first) {
  Ticket ticket;
  for (std::size_t i = 0; i < ticket.size(); ++i) ticket[i] = static_cast<std::uint8_t>(first + i);
  return ticket;
}

// The message has these bytes, which FORMAT.md shows; they are that message, and nothing shorter or longer is.
template <class Message>
void check_bytes(std::string_view comment, const Message& message, const std::string& hex) {
  const std::string bytes = encode_message(message);
  CHECK(hex_of(bytes) == hex);
  CHECK(documented("FORMAT.md", comment) == hex);
  const std::optional<Message> read = decode_message<Message>(bytes);
  REQUIRE(read);
  CHECK(encode_message(*read) == bytes);
  CHECK_FALSE(decode_message<Message>(bytes + "x"));
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_message<Message>(bytes.substr(0, size)));
}

TEST_CASE("the bytes of what a backup asks for, and is answered, are those of FORMAT.md") {
  Join join;
  join.address = kBackup;
  join.fabric = "tcp";
  join.geometry = {64 << 20, 65536, 2, 1 << 20};
  join.ring_slots = 65536;
  join.has_copy = true;
  join.position = kPosition;
  join.seen = {0x10003};
  check_bytes("Join;", join,
              "0101000000010000000e00000031302e302e302e323a3231323131030000007463700000000400000000000001000200"
              "00000000100000000000000001000000000001020001000000000002010000000000000300010000000000");
  check_bytes("Refused;", Refused{"not the primary", kPrimary, kView},
              "020f0000006e6f7420746865207072696d6172790e00000031302e302e302e313a3231323131"
              "02000100000000000e00000031302e302e302e313a3231323131010000000e00000031302e302e302e323a3231323131");
  check_bytes("Welcome;", Welcome{true, ticket_from(0xa0), ticket_from(0xb0), 1000000, 100000, kView},
              "0301a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf40420f0000000000a08601000000"
              "000002000100000000000e00000031302e302e302e313a3231323131010000000e00000031302e302e302e323a323132"
              "3131");
}

TEST_CASE("the bytes of a copy's messages are those of FORMAT.md") {
  check_bytes("Inventory;", Inventory{{{17, 4096, 9, {0x1111111111111111, 0x2222222222222222}}}, true},
              "0401000000110000000010000009000000000000001111111111111111222222222222222201");
  check_bytes("Copying;", Copying{131072, 4096}, "0a00000200000000000010000000000000");
  check_bytes("Segments;", Segments{{{17, 1, false, 4096, 64, 9, 1800000000}}},
              "05010000001100000001000010000040000000090000000000000000d2496b");
  check_bytes("Begin", Begin{kPosition, kHead},
              "06020001000000000002010000000000000c0b0a000000000000000a00000000003cd2496b");
  check_bytes("Living;", Living{{0x0102}, true, {{0x110040, 0, false, false}, {0x1100c0, 1800000060, true, false}}},
              "0702010000000000000102000000400011000000000000000000"
              "0000c0001100000000003cd2496b0100");
  check_bytes("LivingAdded;", LivingAdded{{0x0102}}, "080201000000000000");
}

TEST_CASE("the bytes of views, commands and answers are those of FORMAT.md") {
  check_bytes("View;", View{kView},
              "0902000100000000000e00000031302e302e302e313a3231323131010000000e00000031302e302e302e323a32313231"
              "31");
  check_bytes("Command;", Command{"fence 131072"}, "0b0c00000066656e636520313331303732");
  check_bytes("Answer;", Answer{true, "65538"}, "0c01050000003635353338");
}

TEST_CASE("a view in words is the one of FORMAT.md, and is read again") {
  CHECK(describe_view(kView) == "epoch 65538 primary 10.0.0.1:21211 in_sync 10.0.0.2:21211");
  CHECK(is_documented("FORMAT.md", describe_view({kView.epoch, kPrimary, {kBackup, "10.0.0.3:21211"}})));
  CHECK(describe_view({}) == "epoch 0 primary none in_sync none");
  for (const GroupView& view : {kView, GroupView{}, GroupView{{3}, kPrimary, {kBackup, "10.0.0.3:21211"}}})
    CHECK(parse_view(describe_view(view)) == view);
  for (const char* wrong : {"", "epoch", "epoch x primary none in_sync none", "65538 10.0.0.1:21211 none",
                            "epoch 3 primary none in_sync ,10.0.0.2:21211", "epoch 3 primary none in_sync a,,b",
                            "epoch 3 primary none in_sync none,"})
    CHECK_FALSE(parse_view(wrong));
}

TEST_CASE("a truth that is neither 0 nor 1 is none") {
  std::string bytes = encode_message(Answer{true, ""});
  bytes[1] = 2;
  CHECK_FALSE(decode_message<Answer>(bytes));
}

TEST_CASE("a list longer than what was received is none, and nothing is kept for it") {
  std::string bytes = encode_message(Living{{1}, false, {}});
  bytes.replace(bytes.size() - 4, 4, "\xff\xff\xff\xff");
  CHECK_FALSE(decode_message<Living>(bytes));
}

TEST_CASE("a report's bytes are those of FORMAT.md") {
  const Report report{{0x10002}, 5, 7, {0x0102}, {0x0100}, {0x0a0b0c}};
  const ReportBytes bytes = encode(report);
  CHECK(hex_of({reinterpret_cast<const char*>(bytes.data()), kReportBytes}) ==
        "e271dc804c50523102000100000000000500000000000000070000000000000002010000000000000001000000000000"
        "0c0b0a00000000000000000000000000");
  CHECK(documented("FORMAT.md", "checksum; \"LPR1\"") ==
        hex_of({reinterpret_cast<const char*>(bytes.data()), kReportBytes}));
  CHECK(read_report(bytes) == report);
}

TEST_CASE("a report with a wrong bit is none") {
  const ReportBytes whole = encode(Report{{3}, 5, 7, {9}, {8}, {11}});
  for (std::size_t bit = 0; bit < kReportBytes * 8; ++bit) {
    ReportBytes bytes = whole;
    bytes[bit / 64] ^= std::uint64_t{1} << bit % 64;
    CHECK_FALSE(read_report(bytes));
  }
  CHECK_FALSE(read_report(ReportBytes{}));
}

}  // namespace
}  // namespace lmc::replication

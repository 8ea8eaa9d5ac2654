#include "protocol/binary_format.h"

#include <catch2/catch.hpp>
#include <initializer_list>
#include <string>

namespace lmc::protocol {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

template <typename Write>
std::string written(std::size_t max_bytes, Write write) {
  std::string out(max_bytes, '?');
  char* const end = write(out.data());
  REQUIRE(end <= out.data() + out.size());
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out;
}

constexpr std::uint32_t kOpaque = 0xdeadbeef;  // as it lay in memory

std::string opaque_bytes() {
  return {reinterpret_cast<const char*>(&kOpaque), sizeof kOpaque};
}

}  // namespace

TEST_CASE("a binary get reply: golden bytes") {
  BinaryReply reply;
  reply.opcode = 0x0c;
  reply.opaque = kOpaque;
  reply.cas = 0x0102030405060708;
  reply.key_bytes = 0x0103;
  reply.value_bytes = 0x010000;
  const std::string header =
      written(kBinaryGetHeaderBytes, [&](char* out) { return write_binary_get_header(out, reply, 0xa0b0c0d0); });
  CHECK(header == bytes({0x81, 0x0c, 0x01, 0x03, 0x04, 0, 0, 0, 0, 0x01, 0x01, 0x07}) + opaque_bytes() +
                      bytes({1, 2, 3, 4, 5, 6, 7, 8, 0xa0, 0xb0, 0xc0, 0xd0}));
}

TEST_CASE("a binary number reply: golden bytes") {
  BinaryReply reply;
  reply.opcode = 0x05;
  reply.opaque = kOpaque;
  reply.cas = 9;
  const std::string whole = written(
      kBinaryNumberReplyBytes, [&](char* out) { return write_binary_number_reply(out, reply, 0x1122334455667788); });
  CHECK(whole == bytes({0x81, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8}) + opaque_bytes() +
                     bytes({0, 0, 0, 0, 0, 0, 0, 9, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}));
}

TEST_CASE("a binary error carries opcode, opaque, status and its text") {
  Request request;
  request.opcode = 0x42;
  request.opaque = kOpaque;
  const std::string whole = written(
      kMaxBinaryErrorBytes, [&](char* out) { return write_binary_error(out, request, BinaryStatus::kUnknownCommand); });
  CHECK(whole == bytes({0x81, 0x42, 0, 0, 0, 0, 0, 0x81, 0, 0, 0, 15}) + opaque_bytes() +
                     bytes({0, 0, 0, 0, 0, 0, 0, 0}) + "Unknown command");
}

TEST_CASE("every binary status has memcached's text, and every text fits") {
  using enum BinaryStatus;
  CHECK(binary_status_text(kNotFound) == "Not found");
  CHECK(binary_status_text(kExists) == "Data exists for key.");
  CHECK(binary_status_text(kTooLarge) == "Too large.");
  CHECK(binary_status_text(kInvalidArguments) == "Invalid arguments");
  CHECK(binary_status_text(kNotStored) == "Not stored.");
  CHECK(binary_status_text(kNotNumeric) == "Non-numeric server-side value for incr or decr");
  CHECK(binary_status_text(kAuthFailure) == "Auth failure.");
  CHECK(binary_status_text(kOutOfMemory) == "Out of memory");
  CHECK(binary_status_text(kSuccess).empty());
  CHECK(binary_status_text(kAuthContinue).empty());
  for (const BinaryStatus status : {kNotFound, kExists, kTooLarge, kInvalidArguments, kNotStored, kNotNumeric,
                                    kAuthFailure, kUnknownCommand, kOutOfMemory}) {
    CHECK(kBinaryHeaderBytes + binary_status_text(status).size() <= kMaxBinaryErrorBytes);
  }
}

TEST_CASE("big endian loads and stores are each other's inverse") {
  char buffer[8];
  CHECK(store_be16(buffer, 0x0102) == buffer + 2);
  CHECK(buffer[0] == 1);
  CHECK(load_be16(buffer) == 0x0102);
  CHECK(store_be32(buffer, 0x01020304) == buffer + 4);
  CHECK(buffer[3] == 4);
  CHECK(load_be32(buffer) == 0x01020304);
  CHECK(store_be64(buffer, 0x0102030405060708) == buffer + 8);
  CHECK(buffer[7] == 8);
  CHECK(load_be64(buffer) == 0x0102030405060708);
}

}  // namespace lmc::protocol

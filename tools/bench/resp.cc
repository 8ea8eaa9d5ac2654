#include "tools/bench/resp.h"

#include <charconv>

namespace lmc::bench::resp {
namespace {

void append_bulk(std::string_view bytes, std::string& out) {
  out += '$';
  out += std::to_string(bytes.size());
  out += "\r\n";
  out += bytes;
  out += "\r\n";
}

}  // namespace

void append_set(std::string_view key, std::string_view value, std::string& out) {
  out += "*3\r\n$3\r\nSET\r\n";
  append_bulk(key, out);
  append_bulk(value, out);
}

void append_wait(std::uint32_t replicas, std::string& out) {
  out += "*3\r\n$4\r\nWAIT\r\n";
  append_bulk(std::to_string(replicas), out);
  append_bulk("0", out);  // no limit
}

Reply parse_reply(std::string_view input) {
  Reply reply;
  const std::size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return reply;
  const std::string_view line = input.substr(0, end);
  reply.consumed = end + 2;
  reply.kind = Reply::Kind::kMalformed;
  if (line == "+OK") reply.kind = Reply::Kind::kOk;
  if (line.starts_with('-')) {
    reply.kind = Reply::Kind::kError;
    reply.text = line.substr(1);
  }
  if (line.starts_with(':')) {
    const auto [stop, error] = std::from_chars(line.data() + 1, line.data() + line.size(), reply.integer);
    if (error == std::errc() && stop == line.data() + line.size()) reply.kind = Reply::Kind::kInteger;
  }
  return reply;
}

}  // namespace lmc::bench::resp

#include "server/net/listen_address.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace lmc::net {
namespace {

using commands::ProtocolChoice;

[[noreturn]] void fail(const std::string& element, const std::string& why_and_remedy) {
  throw std::invalid_argument("-l " + element + ": " + why_and_remedy);
}

bool take_prefix(std::string_view& rest, std::string_view prefix) {
  if (!rest.starts_with(prefix)) return false;
  rest.remove_prefix(prefix.size());
  return true;
}

void take_protocol(std::string_view& rest, ListenAddress& out) {
  const std::size_t end = rest.find("]:");
  if (end == std::string_view::npos) fail(out.given, "proto[ is not closed; write proto[ascii]:HOST:PORT");
  const std::string_view name = rest.substr(0, end);
  if (name == "ascii") {
    out.protocol = ProtocolChoice::kText;
  } else if (name == "binary") {
    out.protocol = ProtocolChoice::kBinary;
  } else if (name == "auto" || name == "negotiating") {
    out.protocol = ProtocolChoice::kNegotiate;
  } else {
    fail(out.given, "unknown protocol '" + std::string(name) + "'; use ascii, binary or auto");
  }
  rest.remove_prefix(end + 2);
}

void take_tag(std::string_view& rest, const ListenAddress& out) {
  const std::size_t end = rest.find("_:");
  if (end == std::string_view::npos) fail(out.given, "the tag is not closed; write tag_NAME_:HOST:PORT");
  rest.remove_prefix(end + 2);
}

std::string_view without_prefixes(std::string_view rest, ListenAddress& out) {
  while (true) {
    if (take_prefix(rest, "notls:")) continue;
    if (rest.starts_with("btls:") || rest.starts_with("mtls:")) {
      fail(out.given, "TLS is not available yet; remove the prefix to listen without it");
    }
    if (take_prefix(rest, "proto[")) {
      take_protocol(rest, out);
    } else if (take_prefix(rest, "tag_")) {
      take_tag(rest, out);
    } else {
      return rest;
    }
  }
}

std::uint16_t parse_port(const std::string& element, std::string_view digits) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port > 65535) {
    fail(element, "Invalid port number: \"" + std::string(digits) + "\"; use 0 to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

void parse_host_and_port(std::string_view rest, ListenAddress& out) {
  if (take_prefix(rest, "[")) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) fail(out.given, "'[' is not closed; write [IPV6]:PORT");
    out.host = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (take_prefix(rest, ":")) {
      out.port = parse_port(out.given, rest);
    } else if (!rest.empty()) {
      fail(out.given, "unexpected text behind ']'; write [IPV6]:PORT");
    }
    return;
  }
  const std::size_t colon = rest.find(':');
  const bool bare_ipv6 = colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos;
  if (colon == std::string_view::npos || bare_ipv6) {
    out.host = rest;
  } else {
    out.host = rest.substr(0, colon);
    out.port = parse_port(out.given, rest.substr(colon + 1));
  }
  if (out.host == "*") out.host.clear();
}

}  // namespace

std::vector<ListenAddress> parse_listen_addresses(const std::vector<std::string>& arguments) {
  std::vector<ListenAddress> addresses;
  for (const std::string& argument : arguments) {
    std::size_t begin = 0;
    while (begin <= argument.size()) {
      const std::size_t end = std::min(argument.find_first_of(",;", begin), argument.size());
      const std::string given = argument.substr(begin, end - begin);
      const bool repeated = std::any_of(addresses.begin(), addresses.end(),
                                        [&given](const ListenAddress& known) { return known.given == given; });
      if (!given.empty() && !repeated) {
        ListenAddress& address = addresses.emplace_back();
        address.given = given;
        parse_host_and_port(without_prefixes(address.given, address), address);
      }
      begin = end + 1;
    }
  }
  if (addresses.empty()) addresses.emplace_back();
  return addresses;
}

}  // namespace lmc::net

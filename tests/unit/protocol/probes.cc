// The recorded probes of memcached 1.6.45 (replies.md), as far as the parser decides them: what is sent, and the
// replies the parser itself gives; `*` stands for a request that it accepts.

#include <catch2/catch.hpp>
#include <string>

#include "parse_stream.h"
#include "protocol/meta_flags.h"
#include "protocol/text_replies.h"

namespace lmc::protocol {
namespace {

struct Probe {
  const char* name;
  std::string sent;
  std::string_view answered;
};

std::string key_of(std::size_t bytes) {
  return std::string(bytes, 'k');
}

bool is_meta_with_flags(const Request& request) {
  return request.dialect == Dialect::kMeta && request.command != Command::kMetaNoop;
}

// What would be sent to the client when every accepted request were answered with `*`.
std::string transcript(std::string_view input) {
  std::string out;
  while (!input.empty()) {
    Request request;
    const Parsed parsed = parse_text(input, ParseLimits{1048576}, request);
    if (parsed.status == Parsed::Status::kIncomplete) return out + "...";
    if (parsed.status == Parsed::Status::kClose) return out + "closed";
    if (parsed.status == Parsed::Status::kReject) out += parsed.reply;
    if (parsed.status == Parsed::Status::kRequest) {
      MetaFlags flags;
      std::string_view error = is_meta_with_flags(request) ? flags.parse(request) : std::string_view{};
      if (error.empty() && request.value_state == ValueState::kBadChunk) error = reply::kBadChunk;
      if (error.empty() && request.value_state == ValueState::kTooLarge) error = reply::kTooLarge;
      if (!request.quiet) out += error.empty() ? "*" : error;
    }
    input.remove_prefix(parsed.consumed);
    input.remove_prefix(std::min<std::size_t>(input.size(), parsed.swallow));
  }
  return out;
}

#define BAD_LINE "CLIENT_ERROR bad command line format\r\n"

const Probe kProbes[] = {
    {"get (no key)", "get\r\n", BAD_LINE},
    {"gets (no key)", "gets\r\n", BAD_LINE},
    {"get 251-byte key, without the doubled CRLF", "get " + key_of(251) + "\r\n", BAD_LINE},
    {"get k + 251-byte key", "get k " + key_of(251) + "\r\n", BAD_LINE},
    {"gat (no args)", "gat\r\n", BAD_LINE},
    {"gat 0 (no key)", "gat 0\r\n", BAD_LINE},
    {"gat x a", "gat x a\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
    {"gats 0 a", "gats 0 a\r\n", "*"},
    {"set too few tokens", "set a 0 0\r\n", BAD_LINE},
    {"set bytes=-1", "set a 0 0 -1\r\n", BAD_LINE},
    {"set bytes=abc", "set a 0 0 abc\r\n", BAD_LINE},
    {"set flags=x", "set a x 0 1\r\nx\r\n", BAD_LINE},
    {"set flags=2^32", "set a 4294967296 0 1\r\nx\r\n", "*"},
    {"set flags=-1", "set a -1 0 1\r\nx\r\n", BAD_LINE},
    {"set exptime=x", "set a 0 x 1\r\nx\r\n", BAD_LINE},
    {"set exptime=-1 then get", "set a 0 -1 1\r\nx\r\nget a\r\n", "**"},
    {"set 251-byte key", "set " + key_of(251) + " 0 0 1\r\nx\r\n", BAD_LINE},
    {"set 250-byte key", "set " + key_of(250) + " 0 0 1\r\nx\r\n", "*"},
    {"set data too long", "set a 0 0 3\r\nabcde\r\n", "CLIENT_ERROR bad data chunk\r\n" BAD_LINE},
    {"set data too short (pipelined next)", "set a 0 0 5\r\nabc\r\nget abcd\r\n",
     "CLIENT_ERROR bad data chunk\r\nERROR\r\n"},
    {"set 2 MiB noreply then get", "set a 0 0 2097152 noreply\r\n" + std::string(2097152, 'x') + "\r\nget a\r\n", "*"},
    {"set noreply bad flags", "set a x 0 1 noreply\r\nx\r\nmn\r\n", "*"},
    {"cas missing unique", "cas a 0 0 1\r\nx\r\n", BAD_LINE},
    {"cas bad unique", "cas a 0 0 1 x\r\nx\r\n", BAD_LINE},
    {"delete (no key)", "delete\r\n", BAD_LINE},
    {"delete a 0", "delete a 0\r\n", "*"},
    {"delete a 10 (1.6.18)", "delete a 10\r\n",
     "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"},
    {"delete a b c d e (1.6.18)", "delete a b c d e\r\n", "ERROR\r\n"},
    {"delete 251-byte key", "delete " + key_of(251) + "\r\n", BAD_LINE},
    {"incr non-numeric delta", "incr a x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n"},
    {"incr missing arg", "incr a\r\n", BAD_LINE},
    {"incr -1", "incr a -1\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n"},
    {"touch missing arg", "touch a\r\n", BAD_LINE},
    {"touch bad exp", "touch a x\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
    {"flush_all bad", "flush_all x\r\n", "*"},
    {"flush_all -1", "flush_all -1\r\n", "*"},
    {"bogus", "bogus\r\n", "ERROR\r\n"},
    {"one char", "a\r\n", BAD_LINE},
    {"empty line", "\r\n", BAD_LINE},
    {"uppercase GET a", "GET a\r\n", "ERROR\r\n"},
    {"bare \\n terminator", "version\n", "*"},
    {"HTTP", "GET / HTTP/1.1\r\n\r\n", "closed"},
    {"misbehave", "misbehave\r\n", "ERROR\r\n"},
    {"mn", "mn\r\n", "*"},
    {"mg (no key)", "mg\r\n", BAD_LINE},
    {"mg bad b64", "mg YQ b\r\n", "CLIENT_ERROR error decoding key\r\n"},
    {"mg dup flag", "mg a v v\r\n", "CLIENT_ERROR duplicate flag\r\n"},
    {"mg unknown flag", "mg a !\r\n", BAD_LINE},
    {"mg bad T", "mg a Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"},
    {"mg opaque 33", "mg a O" + key_of(32) + "\r\n", "CLIENT_ERROR opaque token too long\r\n"},
    {"mg 251 key", "mg " + key_of(251) + "\r\n", BAD_LINE},
    {"ms (no len)", "ms a\r\n", BAD_LINE},
    {"ms bad len", "ms a x\r\n", BAD_LINE},
    {"ms old S syntax", "ms a S1\r\nx\r\n", BAD_LINE BAD_LINE},
    {"ms bad chunk", "ms a 3\r\nabcde\r\n", "CLIENT_ERROR bad data chunk\r\n" BAD_LINE},
    {"ms bad mode", "ms a 1 MX\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n"},
    {"ms too large", "ms a 2097152\r\n" + std::string(2097152, 'x') + "\r\nmn\r\n",
     "SERVER_ERROR object too large for cache\r\n*"},
    {"ma bad mode", "ma a MX\r\n", "CLIENT_ERROR invalid mode for ma M token\r\n"},
    {"ma bad D", "ma a Dx\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
    {"me (no key)", "me\r\n", BAD_LINE},
};

}  // namespace

TEST_CASE("malformed lines are answered as memcached 1.6.45 was recorded to answer them") {
  for (const Probe& probe : kProbes) {
    INFO(probe.name);
    CHECK(transcript(probe.sent) == probe.answered);
  }
}

}  // namespace lmc::protocol

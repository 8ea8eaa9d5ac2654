// parse_text(): lines, and the word they begin with.

#include <catch2/catch.hpp>
#include <string>

#include "parse_stream.h"
#include "protocol/text_replies.h"

namespace lmc::protocol {

using testing::is_reject;
using testing::is_request;
using testing::text;
using Status = Parsed::Status;

TEST_CASE("a line ends in CRLF or in a bare line feed") {
  CHECK(is_request(text("version\r\n"), Command::kVersion));
  CHECK(is_request(text("version\n"), Command::kVersion));
  CHECK(is_request(text("mn\n"), Command::kMetaNoop));
  CHECK(text("get a\nget b\n").request.key == "a");
  CHECK(text("get a\nget b\n").parsed.consumed == 6);
}

TEST_CASE("only one carriage return belongs to the line end") {
  CHECK(text("get a\r\r\n").request.key == "a\r");
}

TEST_CASE("without a line end more bytes are needed") {
  for (const char* input : {"", "g", "get a", "get a\r"}) {
    INFO(input);
    CHECK(text(input).parsed.status == Status::kIncomplete);
  }
}

TEST_CASE("spaces may be repeated and trail") {
  CHECK(text("get a \r\n").request.key == "a");
  CHECK(text("get   a\r\n").request.key == "a");
  CHECK(is_request(text("stats \r\n"), Command::kStats));
  CHECK(text("stats \r\n").request.arguments.empty());
  CHECK(is_request(text("flush_all \r\n"), Command::kFlushAll));
  CHECK(is_request(text("set a 16 100 1 \r\nx\r\n"), Command::kSet));
  CHECK(text("stats  items  \r\n").request.arguments == "items");
}

TEST_CASE("a line of less than two characters is a bad line") {
  for (const char* input : {"\r\n", "\n", "a\r\n", "a\n", " \r\n"}) {
    INFO(input);
    CHECK(is_reject(text(input), reply::kBadLine));
  }
}

TEST_CASE("what is no command is an ERROR") {
  for (const char* input : {"bogus\r\n", "GET a\r\n", "Get a\r\n", "getx a\r\n", "ge a\r\n", "mx a\r\n", "  \r\n",
                            "a b\r\n", " get a\r\n", "misbehave\r\n", "extstore item_age 1\r\n", "mg2 a\r\n"}) {
    INFO(input);
    CHECK(is_reject(text(input), reply::kError));
  }
}

TEST_CASE("an unknown command that wants no reply gets none") {
  CHECK(is_reject(text("bogus a noreply\r\n"), ""));
  CHECK(is_reject(text("noreply\r\n"), reply::kError));
}

TEST_CASE("a browser is hung up on without a word") {
  for (const char* input : {"GET / HTTP/1.1\r\n", "POST /x HTTP/1.0\r\n", "x HTTP/2\r\n"}) {
    INFO(input);
    CHECK(text(input).parsed.status == Status::kClose);
    CHECK(text(input).parsed.reply.empty());
  }
  CHECK(is_reject(text("GET / HTTP/1.0 x\r\n"), reply::kError));
  CHECK(is_reject(text("HTTP/1.1\r\n"), reply::kError));
  CHECK(is_request(text("get HTTP/1.1\r\n"), Command::kGet));
}

TEST_CASE("a line of more than 2048 bytes without its end closes the connection") {
  const std::string start = "set ";
  CHECK(text(start + std::string(kMaxLineBytes - start.size(), 'a')).parsed.status == Status::kIncomplete);
  CHECK(text(start + std::string(kMaxLineBytes + 1 - start.size(), 'a')).parsed.status == Status::kClose);
  CHECK(text(std::string(kMaxLineBytes + 1, 'a')).parsed.status == Status::kClose);
}

TEST_CASE("what was searched for a line end before is not searched again, and changes nothing") {
  const std::string line = "get" + std::string(kMaxLineBytes, ' ') + "a\r\nget b\r\n";
  const std::size_t end = line.find('\n');
  for (const std::size_t searched : {std::size_t{0}, std::size_t{1}, kMaxLineBytes, kMaxLineBytes + 1, end}) {
    Request request;
    const Parsed parsed = parse_text(line, {}, request, searched);
    CHECK(parsed.status == Status::kRequest);
    CHECK(parsed.consumed == end + 1);
    CHECK(request.key == "a");
    CHECK(parse_text(line.substr(0, end), {}, request, searched).status == Status::kIncomplete);
  }
}

TEST_CASE("whether a long line is closed does not depend on how much of it is there") {
  const std::string line = "mg a O" + std::string(kMaxLineBytes, 'x') + "\r\n";
  CHECK(text(line).parsed.status == Status::kClose);
  CHECK(text(line.substr(0, kMaxLineBytes + 1)).parsed.status == Status::kClose);
}

TEST_CASE("the multi-key gets have no limit") {
  for (const std::string word : {"get", "gets"}) {
    std::string line = word;
    for (int i = 0; i < 1000; ++i) line += " some-key-" + std::to_string(i);
    CHECK(text(line).parsed.status == Status::kIncomplete);
    line += "\r\n";
    const testing::Outcome outcome = text(line);
    REQUIRE(outcome.parsed.status == Status::kRequest);
    CHECK(outcome.parsed.consumed == line.size());
    CHECK(outcome.request.key == "some-key-0");
  }
  CHECK(text("getx " + std::string(kMaxLineBytes, 'a')).parsed.status == Status::kClose);
}

TEST_CASE("every command word is known") {
  struct Word {
    const char* line;
    Command command;
  };
  for (const Word& word : {Word{"get a", Command::kGet},
                           {"gets a", Command::kGets},
                           {"gat 0 a", Command::kGat},
                           {"gats 0 a", Command::kGats},
                           {"set a 0 0 0", Command::kSet},
                           {"add a 0 0 0", Command::kAdd},
                           {"replace a 0 0 0", Command::kReplace},
                           {"append a 0 0 0", Command::kAppend},
                           {"prepend a 0 0 0", Command::kPrepend},
                           {"cas a 0 0 0 1", Command::kCas},
                           {"delete a", Command::kDelete},
                           {"incr a 1", Command::kIncrement},
                           {"decr a 1", Command::kDecrement},
                           {"touch a 1", Command::kTouch},
                           {"flush_all", Command::kFlushAll},
                           {"mg a", Command::kMetaGet},
                           {"ms a 0", Command::kMetaSet},
                           {"md a", Command::kMetaDelete},
                           {"ma a", Command::kMetaArithmetic},
                           {"mn", Command::kMetaNoop},
                           {"me a", Command::kMetaDebug},
                           {"version", Command::kVersion},
                           {"verbosity 1", Command::kVerbosity},
                           {"stats", Command::kStats},
                           {"quit", Command::kQuit},
                           {"shutdown", Command::kShutdown},
                           {"cache_memlimit 64", Command::kCacheMemlimit},
                           {"lru mode flat", Command::kLru},
                           {"lru_crawler enable", Command::kLruCrawler},
                           {"slabs automove 1", Command::kSlabs},
                           {"watch", Command::kWatch},
                           {"refresh_certs", Command::kRefreshCerts},
                           {"debugtime 1", Command::kDebugTime}}) {
    INFO(word.line);
    const testing::Outcome outcome = text(std::string(word.line) + "\r\n\r\n");
    CHECK(is_request(outcome, word.command));
    const bool is_meta = word.line[0] == 'm';
    CHECK(outcome.request.dialect == (is_meta ? Dialect::kMeta : Dialect::kText));
  }
}

}  // namespace lmc::protocol

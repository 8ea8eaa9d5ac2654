#include <catch2/catch.hpp>

#include "parse_stream.h"
#include "protocol/text_replies.h"

namespace lmc::protocol {

using testing::is_reject;
using testing::is_request;
using testing::text;

TEST_CASE("flush_all has an optional delay and an optional noreply") {
  CHECK(is_request(text("flush_all\r\n"), Command::kFlushAll));
  CHECK_FALSE(text("flush_all\r\n").request.has_exptime);
  CHECK(text("flush_all 0\r\n").request.has_exptime);
  CHECK(text("flush_all -1\r\n").request.exptime == -1);
  CHECK(text("flush_all 10 noreply\r\n").request.exptime == 10);
  CHECK(text("flush_all 10 noreply\r\n").request.quiet);
  CHECK_FALSE(text("flush_all noreply\r\n").request.has_exptime);
  CHECK(text("flush_all noreply\r\n").request.quiet);
}

TEST_CASE("flush_all with a delay that is no number is a request, so that it can be counted and refused") {
  CHECK(text("flush_all x\r\n").request.exptime == Request::kBadExptime);
  CHECK_FALSE(text("flush_all x\r\n").request.quiet);
  CHECK(text("flush_all x noreply\r\n").request.exptime == Request::kBadExptime);
  CHECK(text("flush_all x noreply\r\n").request.quiet);
  CHECK(text("flush_all noreply x\r\n").request.exptime == Request::kBadExptime);
}

TEST_CASE("admin commands hand on their words") {
  CHECK(text("lru_crawler  metadump all \r\n").request.arguments == "metadump all");
  CHECK(text("verbosity\r\n").request.arguments.empty());
  CHECK(text("verbosity 1 noreply\r\n").request.arguments == "1 noreply");
  CHECK(text("shutdown graceful\r\n").request.arguments == "graceful");
}

TEST_CASE("noreply quiets the commands for which memcached knows it") {
  for (const char* line : {"verbosity 1 noreply\r\n", "cache_memlimit 64 noreply\r\n", "lru mode flat noreply\r\n",
                           "slabs automove 1 noreply\r\n", "lru_crawler enable noreply\r\n"}) {
    INFO(line);
    CHECK(text(line).request.quiet);
  }
  for (const char* line : {"stats noreply\r\n", "version noreply\r\n", "watch noreply\r\n", "mn noreply\r\n"}) {
    INFO(line);
    CHECK_FALSE(text(line).request.quiet);
  }
}

}  // namespace lmc::protocol

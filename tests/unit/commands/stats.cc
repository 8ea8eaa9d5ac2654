#include "server/commands/stats.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

namespace {

std::vector<std::string> names(const std::string& reply) {
  std::vector<std::string> found;
  std::istringstream lines(reply);
  for (std::string word, name, line; lines >> word && word == "STAT";) {
    lines >> name;
    std::getline(lines, line);
    found.push_back(name);
  }
  return found;
}

}  // namespace

TEST_CASE("stats has memcached's names, in its order") {
  Process process;
  Conversation c(process);
  const std::string reply = c.ask("stats\r\n");
  const std::vector<std::string> found = names(reply);
  CHECK(found.size() == 93);
  CHECK(found.front() == "pid");
  CHECK(found.back() == "lru_bumps_dropped");
  CHECK(reply.substr(reply.size() - 5) == "END\r\n");
  CHECK(stat(reply, "version") == "1.6.45");
  CHECK(stat(reply, "uptime") == "100");
  CHECK(stat(reply, "time") == "1800000100");
  CHECK(stat(reply, "rusage_user").find('.') != std::string::npos);
  CHECK(stat(reply, "idle_kicks") == "(missing)");
}

TEST_CASE("optional rows appear with their options") {
  Process process;
  process.settings.idle_timeout_s = 5;
  process.settings.max_connections_fast = false;
  process.settings.slab_reassign = false;
  Conversation c(process);
  const std::string reply = c.ask("stats\r\n");
  CHECK(stat(reply, "idle_kicks") == "0");
  CHECK(stat(reply, "rejected_connections") == "(missing)");
  CHECK(stat(reply, "slabs_moved") == "(missing)");
}

TEST_CASE("without crawler and maintainer there are the 84 names that memcached's own tests count") {
  Process process;
  process.settings.lru_crawler_enabled = false;
  process.settings.lru_maintainer_enabled = false;
  Conversation c(process);
  CHECK(names(c.ask("stats\r\n")).size() == 84);
}

TEST_CASE("a trailing space after stats is nothing; an unknown group is an error") {
  Process process;
  Conversation c(process);
  CHECK(names(c.ask("stats \r\n")).size() == 93);
  CHECK(c.ask("stats bogus\r\n") == "ERROR\r\n");
  CHECK(c.ask("stats malloc\r\n") == "ERROR\r\n");
  CHECK(c.ask("stats extstore\r\n") == "END\r\n");
}

TEST_CASE("stats tells what is stored") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n1\r\nget a\r\nget x\r\n");
  const std::string reply = c.ask("stats\r\n");
  CHECK(stat(reply, "curr_items") == "2");
  CHECK(stat(reply, "total_items") == "2");
  CHECK(stat(reply, "cmd_get") == "2");
  CHECK(stat(reply, "get_hits") == "1");
  CHECK(stat(reply, "cmd_set") == "2");
  CHECK(std::stoull(stat(reply, "bytes")) >= 2 * (24 + 2));
  CHECK(stat(reply, "limit_maxbytes") == std::to_string(16 << 20));
}

TEST_CASE("stats reset starts counting anew, and leaves the items") {
  Process process;
  Conversation c(process);
  c.ask("set a 0 0 1\r\n1\r\nget a\r\n");
  CHECK(c.ask("stats reset\r\n") == "RESET\r\n");
  const std::string reply = c.ask("stats\r\n");
  CHECK(stat(reply, "cmd_get") == "0");
  CHECK(stat(reply, "total_items") == "0");
  CHECK(stat(reply, "curr_items") == "1");
}

TEST_CASE("stats items and slabs have a class per stream that holds something") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("stats items\r\n") == "END\r\n");
  c.ask("set a 0 0 1\r\n1\r\nget a\r\n");
  const std::string items = c.ask("stats items\r\n");
  CHECK(stat(items, "items:1:number") == "1");
  CHECK(stat(items, "items:1:hits_to_hot") == "1");
  CHECK(items.find("items:2:") == std::string::npos);
  const std::string slabs = c.ask("stats slabs\r\n");
  CHECK(stat(slabs, "1:used_chunks") == "1");
  CHECK(stat(slabs, "1:cmd_set") == "1");
  CHECK(stat(slabs, "1:cas_badval") == "0");
  CHECK(std::stoull(stat(slabs, "1:total_chunks")) == 1 + std::stoull(stat(slabs, "1:free_chunks")));
  CHECK(stat(slabs, "active_slabs") != "0");
}

TEST_CASE("stats settings shows options in memcached's words") {
  Process process;
  process.settings.listen_addresses = {"127.0.0.1", "::1"};
  process.settings.unix_socket_mask = 0700;
  Conversation c(process);
  const std::string reply = c.ask("stats settings\r\n");
  CHECK(stat(reply, "maxbytes") == std::to_string(16 << 20));
  CHECK(stat(reply, "inter") == "127.0.0.1,::1");
  CHECK(stat(reply, "umask") == "700");
  CHECK(stat(reply, "lru_crawler") == "yes");
  CHECK(stat(reply, "hot_max_factor") == "0.20");
  CHECK(stat(reply, "binding_protocol") == "auto-negotiate");
  CHECK(names(reply).back() == "client_flags_size");
}

TEST_CASE("stats conns has rows for each connection") {
  Process process;
  process.control.connections = {{22, "tcp:127.0.0.1:11211", "", "conn_listening", 9},
                                 {23, "tcp:127.0.0.1:4711", "tcp:127.0.0.1:11211", "conn_parse_cmd", 0}};
  Conversation c(process);
  CHECK(c.ask("stats conns\r\n") ==
        "STAT 22:addr tcp:127.0.0.1:11211\r\nSTAT 22:state conn_listening\r\nSTAT 22:secs_since_last_cmd 9\r\n"
        "STAT 23:addr tcp:127.0.0.1:4711\r\nSTAT 23:listen_addr tcp:127.0.0.1:11211\r\n"
        "STAT 23:state conn_parse_cmd\r\nSTAT 23:secs_since_last_cmd 0\r\nEND\r\n");
}

TEST_CASE("stats detail counts by prefix while it is on") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("stats detail\r\n") == "CLIENT_ERROR usage: stats detail on|off|dump\r\n");
  CHECK(c.ask("stats detail on\r\n") == "OK\r\n");
  c.ask("get x:1\r\nset x:1 0 0 1\r\n1\r\nmg x:1 v\r\ngat 0 x:1\r\ndelete x:1\r\n");
  CHECK(c.ask("stats detail dump\r\n") == "PREFIX x get 3 hit 2 set 1 del 1\r\nEND\r\n");
  CHECK(c.ask("stats detail off\r\n") == "OK\r\n");
  c.ask("get x:1\r\n");
  CHECK(c.ask("stats detail dump\r\n") == "PREFIX x get 3 hit 2 set 1 del 1\r\nEND\r\n");
}

TEST_CASE("stats detail counts from the next request on, pipelined or not") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("stats detail on\r\nget x:1\r\nstats detail off\r\nget x:1\r\nstats detail dump\r\n") ==
        "OK\r\nEND\r\nOK\r\nEND\r\nPREFIX x get 1 hit 0 set 0 del 0\r\nEND\r\n");
}

TEST_CASE("stats sizes counts items by the log bytes they take") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("stats sizes\r\n") == "END\r\n");
  c.ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n1\r\nset c 0 0 100\r\n" + std::string(100, 'x') + "\r\n");
  CHECK(c.ask("stats sizes\r\n") == "STAT 32 2\r\nSTAT 128 1\r\nEND\r\n");
}

TEST_CASE("stats cachedump lists a class's items that have come to rest") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("stats cachedump\r\n") == "CLIENT_ERROR bad command line\r\n");
  CHECK(c.ask("stats cachedump 99 0\r\n") == "CLIENT_ERROR Illegal slab id\r\n");
  c.ask("set a 0 0 3\r\nabc\r\nset b 0 0 3\r\nabc\r\n");
  CHECK(c.ask("stats cachedump 1 0\r\n") == "END\r\n");
  c.advance(5);
  const std::string all = c.ask("stats cachedump 1 0\r\n");
  CHECK(all.find("ITEM a [3 b; 0 s]\r\n") != std::string::npos);
  CHECK(all.find("ITEM b [3 b; 0 s]\r\n") != std::string::npos);
  CHECK(c.ask("stats cachedump 1 1\r\n").size() < all.size());
  CHECK(c.ask("stats cachedump 2 0\r\n") == "END\r\n");
  process.settings.dump_enabled = false;
  CHECK(c.ask("stats cachedump 1 0\r\n") == "CLIENT_ERROR stats cachedump not allowed\r\n");
}

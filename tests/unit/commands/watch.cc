#include "server/commands/watch.h"

#include <catch2/catch.hpp>
#include <regex>
#include <sstream>
#include <thread>

#include "conversation.h"

using namespace lmc::commands;
using namespace lmc::commands::test;

namespace {

// Without what changes from run to run.
std::string untimed(const std::string& lines) {
  return std::regex_replace(lines, std::regex("ts=[0-9]+\\.[0-9]{6} gid=[0-9]+ "), "");
}

}  // namespace

TEST_CASE("the words of watch") {
  CHECK(parse_watch_words("") == static_cast<WatchMask>(WatchKind::kFetchers));
  CHECK(parse_watch_words("mutations evictions") ==
        (static_cast<WatchMask>(WatchKind::kMutations) | static_cast<WatchMask>(WatchKind::kEvictions)));
  CHECK_FALSE(parse_watch_words("fetchers bogus"));
}

TEST_CASE("a watcher of fetchers sees every look at a key, its own connection's last") {
  Process process;
  Conversation watcher(process);
  watcher.client().id = {1};
  Conversation c(process);
  CHECK(watcher.ask("watch fetchers\r\n") == "OK\r\n");
  CHECK(watcher.has_source());
  c.ask("get a%\r\nset a 0 0 3\r\nabc\r\nget a\r\n");
  CHECK(process.control.woken == std::vector<ConnectionId>{{1}});
  CHECK(untimed(watcher.more()) ==
        "type=item_get key=a%25 status=not_found clsid=0 cfd=33 size=0\n"
        "type=item_get key=a status=not_found clsid=0 cfd=33 size=0\n"
        "type=item_get key=a status=found clsid=1 cfd=33 size=3\n");
}

TEST_CASE("a watcher of mutations and deletions sees what was done and how it went") {
  Process process;
  Conversation watcher(process);
  Conversation c(process);
  watcher.ask("watch mutations deletions\r\n");
  c.ask(
      "set a 0 100 3\r\nabc\r\nadd a 0 0 1\r\n1\r\nappend a 0 0 1\r\n1\r\ncas a 0 0 1 5\r\n1\r\ndelete a\r\nmd a\r\n");
  CHECK(untimed(watcher.more()) ==
        "type=item_store key=a status=stored cmd=set ttl=100 clsid=1 cfd=33 size=3\n"
        "type=item_store key=a status=not_stored cmd=add ttl=0 clsid=1 cfd=33 size=1\n"
        "type=item_store key=a status=stored cmd=append ttl=100 clsid=1 cfd=33 size=4\n"
        "type=item_store key=a status=exists cmd=cas ttl=0 clsid=1 cfd=33 size=1\n"
        "type=deleted key=a cmd=delete clsid=1 size=4\n");
}

TEST_CASE("a stored item is shown with the time it has left, whoever set it") {
  Process process;
  Conversation watcher(process);
  Conversation c(process);
  watcher.ask("watch mutations\r\n");
  c.ask("set a 0 100 3\r\nabc\r\nappend a 0 0 1\r\n1\r\nset gone 0 -1 1\r\n1\r\nma n N50 J42\r\nma n\r\n");
  CHECK(untimed(watcher.more()) ==
        "type=item_store key=a status=stored cmd=set ttl=100 clsid=1 cfd=33 size=3\n"
        "type=item_store key=a status=stored cmd=append ttl=100 clsid=1 cfd=33 size=4\n"
        "type=item_store key=gone status=stored cmd=set ttl=-1 clsid=1 cfd=33 size=1\n"
        "type=item_store key=n status=stored cmd=add ttl=50 clsid=1 cfd=33 size=2\n");
}

TEST_CASE("a watcher of evictions sees which items had to go, and stats count them by class") {
  Process process;
  Conversation watcher(process);
  Conversation c(process);
  watcher.ask("watch evictions\r\n");
  const std::string value(100'000, 'x');
  c.ask("set read 0 0 3\r\nabc\r\nget read\r\n");
  std::string lines;
  for (int i = 0; i < 600; ++i) {
    c.advance(1);
    c.ask("set k" + std::to_string(i) + " 0 10000 100000\r\n" + value + "\r\n");
    lines += watcher.more();
  }
  const std::regex shape("type=eviction key=k[0-9]+ fetch=no ttl=([0-9]+) la=([0-9]+) clsid=1 size=100000");
  std::istringstream all(untimed(lines));
  std::uint64_t seen = 0;
  for (std::string line; std::getline(all, line); ++seen) {
    std::smatch parts;
    INFO(line);
    REQUIRE(std::regex_match(line, parts, shape));
    CHECK(std::stoi(parts[1]) + std::stoi(parts[2]) == 10000);
  }
  CHECK(seen > 100);
  CHECK(seen == process.store.counters().evictions);
  const std::string items = c.ask("stats items\r\n");
  CHECK(stat(items, "items:1:evicted") == std::to_string(seen));
  CHECK(stat(items, "items:1:evicted_nonzero") == std::to_string(seen));
  CHECK(stat(items, "items:1:evicted_unfetched") == std::to_string(seen));
  CHECK(std::stoi(stat(items, "items:1:evicted_time")) > 100);
  CHECK(c.ask("get read\r\n") != "END\r\n");
  CHECK(stat(items, "items:2:evicted") == "0");
}

TEST_CASE("connections are announced by the network layer") {
  Process process;
  Conversation watcher(process);
  watcher.ask("watch connevents\r\n");
  ConnectionEvent event{"127.0.0.1", 4711, "tcp", 12};
  process.watch.publish_connection_new(event);
  process.watch.publish_connection_close(event, "normal");
  CHECK(untimed(watcher.more()) ==
        "type=conn_new rip=127.0.0.1 rport=4711 transport=tcp cfd=12\n"
        "type=conn_close rip=127.0.0.1 rport=4711 transport=tcp reason=normal cfd=12\n");
}

TEST_CASE("a watcher that does not read is told how much it missed, and no more memory is spent on it") {
  FakeControl control;
  WatchHub hub(control, 150);
  const auto watcher = hub.watch({1}, static_cast<WatchMask>(WatchKind::kSystem));
  for (int i = 0; i < 10; ++i) hub.publish_system("type=test text=" + std::string(50, 'x'));
  CHECK(control.woken.size() == 1);
  BlockPool pool;
  ReplyQueue replies(pool);
  CHECK(watcher->produce(replies, 10'000) == ReplySource::State::kWait);
  iovec piece[1];
  REQUIRE(replies.iovecs(piece) == 1);
  const std::string lines(static_cast<const char*>(piece[0].iov_base), piece[0].iov_len);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  CHECK(lines.find("skipped=9\n") != std::string::npos);
  CHECK(hub.totals().skipped == 9);
  CHECK(hub.totals().sent == 1);
}

TEST_CASE("nothing is wanted when nobody watches, and the number of watchers is limited") {
  FakeControl control;
  WatchHub hub(control, 1000);
  CHECK_FALSE(hub.wants(WatchKind::kFetchers));
  std::vector<std::unique_ptr<ReplySource>> watchers;
  for (std::size_t i = 0; i < kMaxWatchers; ++i) watchers.push_back(hub.watch({i}, 1));
  CHECK(hub.wants(WatchKind::kFetchers));
  CHECK(hub.watch({99}, 1) == nullptr);
  watchers.clear();
  CHECK_FALSE(hub.wants(WatchKind::kFetchers));
}

TEST_CASE("watch is refused when forbidden, unknown or one too many") {
  Process process;
  Conversation c(process);
  CHECK(c.ask("watch bogus\r\n") == "ERROR\r\n");
  process.settings.watch_enabled = false;
  CHECK(c.ask("watch\r\n") == "CLIENT_ERROR watch commands not allowed\r\n");
}

TEST_CASE("watchers may come, read and go while others publish") {
  class Deaf final : public ServerControl {
   public:
    void shutdown(Shutdown) override {}
    void set_verbosity(unsigned) override {}
    [[nodiscard]] unsigned verbosity() const override { return 0; }
    [[nodiscard]] NetCounters net_counters() const override { return {}; }
    void reset_net_counters() override {}
    void visit_connections(const std::function<void(const ConnectionInfo&)>&) override {}
    void wake(ConnectionId) override { woken.fetch_add(1, std::memory_order_relaxed); }
    void shift_clock(std::int64_t) override {}
    void pause_clock(bool) override {}
    [[nodiscard]] lmc::store::UnixSeconds now() const override { return {}; }
    [[nodiscard]] lmc::store::UnixSeconds started() const override { return {}; }
    std::atomic<std::uint64_t> woken{0};
  };
  Deaf control;
  WatchHub hub(control, 4096);
  std::atomic<bool> stop{false};
  std::vector<std::thread> publishers;
  for (int i = 0; i < 2; ++i) {
    publishers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        if (hub.wants(WatchKind::kSystem)) hub.publish_system("type=test");
      }
    });
  }
  BlockPool pool;
  std::uint64_t lines = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto watcher = hub.watch({i}, static_cast<WatchMask>(WatchKind::kSystem));
    while (hub.totals().sent + hub.totals().skipped < i) std::this_thread::yield();
    ReplyQueue replies(pool);
    (void)watcher->produce(replies, 1 << 20);
    lines += replies.pending_bytes();
  }
  stop = true;
  for (std::thread& publisher : publishers) publisher.join();
  CHECK(lines > 0);
  CHECK(hub.totals().watchers == 0);
  CHECK(control.woken > 0);
}

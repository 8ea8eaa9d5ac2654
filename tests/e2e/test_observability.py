"""What dashboards read: memcached-tool, and a scrape as the public Prometheus exporter does it."""

import re
import unittest

from harness import settings
from harness.case import ServerCase, only_ours
from harness.server import poll, run

_TOOL = "/usr/share/memcached/scripts/memcached-tool"

# Plain `stats` of 1.6.45. 1.6.18 has the first list instead of the second.
_ONLY_1_6_18 = {"slab_reassign_evictions_nomem"}
_ONLY_1_6_45 = {"slab_reassign_busy_nomem", "slab_reassign_last_busy_status"}
STATS = set("""
pid uptime time version libevent pointer_size rusage_user rusage_system max_connections curr_connections total_connections
rejected_connections connection_structures response_obj_oom response_obj_count response_obj_bytes read_buf_count
read_buf_bytes read_buf_bytes_free read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits
get_misses get_expired get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits
cas_badval touch_hits touch_misses store_too_large store_no_memory auth_cmds auth_errors bytes_read bytes_written
limit_maxbytes accepting_conns listen_disabled_num time_in_listen_disabled_us threads conn_yields hash_power_level
hash_bytes hash_is_expanding slab_reassign_rescues slab_reassign_chunk_rescues slab_reassign_inline_reclaim
slab_reassign_busy_items slab_reassign_busy_deletes slab_reassign_running slabs_moved lru_crawler_running
lru_crawler_starts lru_maintainer_juggles malloc_fails log_worker_dropped log_worker_written log_watcher_skipped
log_watcher_sent log_watchers unexpected_napi_ids round_robin_fallback bytes curr_items total_items slab_global_page_pool
expired_unfetched evicted_unfetched evicted_active evictions reclaimed crawler_reclaimed crawler_items_checked
lrutail_reflocked moves_to_cold moves_to_warm moves_within_lru direct_reclaims lru_bumps_dropped
""".split())

# What makes a scrape fail if it is missing, and what it wants besides. See prometheus/memcached_exporter.
EXPORTER_REQUIRED = ["cmd_set", "cas_misses", "cas_hits", "cas_badval"]
EXPORTER_CLASS_REQUIRED = ["cmd_set", "cas_hits", "cas_badval"]
EXPORTER_WANTED = """
uptime time get_hits get_misses delete_hits delete_misses incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses
touch_hits touch_misses cmd_flush bytes limit_maxbytes curr_items total_items bytes_read bytes_written curr_connections
total_connections rejected_connections conn_yields listen_disabled_num evictions reclaimed store_too_large store_no_memory
lru_crawler_starts direct_reclaims crawler_items_checked crawler_reclaimed moves_to_cold moves_to_warm moves_within_lru
total_malloced accepting_conns rusage_user rusage_system""".split()
EXPORTER_ITEMS = """
number age hits_to_hot hits_to_warm hits_to_cold hits_to_temp evicted evicted_nonzero evicted_time evicted_unfetched
expired_unfetched outofmemory reclaimed tailrepairs mem_requested number_hot number_warm number_cold number_temp age_hot
age_warm""".split()
EXPORTER_SLABS = """
get_hits cmd_set delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits chunk_size chunks_per_page total_pages
total_chunks used_chunks free_chunks free_chunks_end""".split()
EXPORTER_SETTINGS_NUMBERS = ["maxconns", "lru_crawler_sleep", "lru_crawler_tocrawl", "hot_lru_pct", "warm_lru_pct",
                             "hot_max_factor", "warm_max_factor"]
EXPORTER_SETTINGS_FLAGS = ["lru_crawler", "lru_maintainer_thread"]


class Observability(ServerCase):
    options = ("-o", "maxconns_fast")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.server.connect() as connection:
            for number in range(100):
                connection.set(b"small%d" % number, b"x" * 10)
                connection.set(b"large%d" % number, b"x" * 10_000)
                connection.get(b"small%d" % number)
            connection.ask(b"incr small0 x\r\n")
            connection.get(b"missing")
            connection.ask(b"set will-expire 0 -1 1\r\n1\r\n")

    def test_plain_stats_have_memcached_s_keys_and_no_others(self):
        names = set(self.server.stats())
        expected = STATS | (_ONLY_1_6_18 if settings.is_memcached() else _ONLY_1_6_45)
        self.assertEqual(expected, names, f"missing {expected - names}, extra {names - expected}")

    def test_the_exporter_finds_what_it_reads(self):
        stats = self.server.stats()
        for name in EXPORTER_REQUIRED:
            self.assertIn(name, stats)
        for name in EXPORTER_WANTED:
            if name in stats:
                float(stats[name])
        for name in ("rusage_user", "rusage_system"):
            self.assertRegex(stats[name], r"^\d+\.\d{6}$")
        self.assertRegex(stats["version"], r"^1\.6\.\d+$")

    def test_the_exporter_can_read_every_class(self):
        slabs = self.server.stats(b"slabs")
        classes = {name.split(":")[0] for name in slabs if ":" in name}
        self.assertTrue(classes)
        for number in classes:
            for name in EXPORTER_CLASS_REQUIRED:
                self.assertIn(f"{number}:{name}", slabs)
            for name in EXPORTER_SLABS:
                float(slabs[f"{number}:{name}"])
        float(slabs["total_malloced"])
        float(slabs["active_slabs"])

    def test_the_exporter_can_read_the_items(self):
        items = self.server.stats(b"items")
        numbers = [re.fullmatch(r"items:(\d+):(\w+)", name) for name in items]
        self.assertTrue(numbers and all(numbers), items)
        by_class = {}
        for match in numbers:
            by_class.setdefault(match[1], {})[match[2]] = float(items[match[0]])
        for values in by_class.values():
            # memcached itself has number_temp only with temporary_ttl.
            self.assertLessEqual(set(EXPORTER_ITEMS) - set(values), {"number_temp"})
        self.assertEqual(int(self.server.stats()["curr_items"]), sum(int(values["number"]) for values in by_class.values()))

    def test_settings_are_numbers_and_yes_or_no(self):
        values = self.server.stats(b"settings")
        for name in EXPORTER_SETTINGS_NUMBERS:
            float(values[name])
        for name in EXPORTER_SETTINGS_FLAGS:
            self.assertIn(values[name], ("yes", "no"))
        self.assertEqual("yes", values["maxconns_fast"])

    def test_counters_say_what_happened(self):
        before = self.server.stats()
        with self.server.connect() as connection:
            connection.set(b"counted", b"5")
            connection.get(b"counted")
            connection.get(b"counted-missing")
            connection.ask(b"incr counted 1\r\n")
            connection.ask(b"decr missing 1\r\n")
            connection.ask(b"touch counted 0\r\n")
            connection.ask(b"delete counted\r\n")
            connection.ask(b"cas missing 0 0 1 1\r\n1\r\n")
        after = self.server.stats()
        grown = {name: int(after[name]) - int(before[name]) for name in (
            "cmd_get", "cmd_set", "cmd_touch", "get_hits", "get_misses", "incr_hits", "decr_misses", "touch_hits",
            "delete_hits", "cas_misses", "curr_items")}
        # memcached counts each touch as a get too (cmd_get does not), and a cas as a set.
        self.assertEqual({"cmd_get": 2, "cmd_set": 2, "cmd_touch": 1, "get_hits": 1, "get_misses": 1, "incr_hits": 1,
                          "decr_misses": 1, "touch_hits": 1, "delete_hits": 1, "cas_misses": 1, "curr_items": 0}, grown)
        self.assertGreater(int(after["bytes_read"]), int(before["bytes_read"]))
        self.assertGreater(int(after["bytes_written"]), int(before["bytes_written"]))

    def test_bytes_follow_what_is_stored(self):
        before = self.server.stats()
        with self.server.connect() as connection:
            for number in range(50):
                connection.set(b"bytes%d" % number, b"x" * 5000)
        after = self.server.stats()
        grown = int(after["bytes"]) - int(before["bytes"])
        self.assertGreater(grown, 50 * 5000)
        self.assertLess(grown, 50 * 5000 * 1.1)
        self.assertEqual(50, int(after["curr_items"]) - int(before["curr_items"]))
        self.assertEqual(64 << 20, int(after["limit_maxbytes"]))

    def test_reset_clears_counters_but_not_items(self):
        with self.server.connect() as connection:
            self.assertEqual(b"RESET\r\n", connection.ask(b"stats reset\r\n"))
            stats = connection.stats()
        self.assertEqual("0", stats["get_hits"])
        self.assertGreater(int(stats["curr_items"]), 100)

    def test_a_value_on_its_way_is_seen_in_the_read_buffers(self):
        with self.server.connect() as slow, self.server.connect() as connection:
            slow.send(b"set slow 0 0 900000\r\n" + b"x" * 500_000)
            poll(lambda: int(connection.stats()["read_buf_bytes"]) > 0, "read_buf_bytes to show it")

    def test_stats_conns_names_this_connection(self):
        with self.server.connect() as connection:
            values = connection.stats(b"conns")
        states = {value for name, value in values.items() if name.endswith(":state")}
        self.assertIn("conn_listening", states)
        self.assertLessEqual(states, {"conn_listening", "conn_new_cmd", "conn_waiting", "conn_read", "conn_parse_cmd",
                                      "conn_write", "conn_nread", "conn_swallow", "conn_closing", "conn_mwrite",
                                      "conn_closed", "conn_watch", "conn_io_queue", "conn_io_resume", "conn_io_pending"})
        self.assertTrue(any(name.endswith(":addr") and value.startswith("tcp:127.0.0.1:") for name, value in values.items()))


class FullServer(ServerCase):
    """A cache that has to let go of what it holds."""

    options = ("-m", "64")
    ITEMS, VALUE_BYTES = 24_000, 8000  # three times what fits

    # Per class in `stats items`, in all in `stats`.
    COUNTED_TWICE = ("evicted_unfetched", "reclaimed", "expired_unfetched")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.server.connect(60) as watcher, cls.server.connect(60) as connection:
            assert watcher.ask(b"watch evictions\r\n") == b"OK\r\n"
            connection.set(b"will-expire", b"1", exptime=-1)
            connection.get(b"will-expire")
            for first in range(0, cls.ITEMS, 100):
                for number in range(first, first + 100):
                    connection.send(b"set full%%%d 0 %d %d noreply\r\n%s\r\n" % (
                        number, 100_000 if number % 2 else 0, cls.VALUE_BYTES, b"x" * cls.VALUE_BYTES))
                connection.get(b"full%%%d" % (first + 1))
                assert connection.ask(b"mn\r\n") == b"MN\r\n"
            connection.set(b"will-stay", b"1")  # memcached shows no class that is empty
            cls.seen = watcher.read_until(b"type=eviction") + watcher.read_until(b"\n")
            cls.stats, cls.items = connection.stats(), connection.stats(b"items")

    def of_all_classes(self, name):
        return sum(int(value) for key, value in self.items.items() if key.endswith(":" + name))

    def test_a_watcher_is_told_what_was_evicted(self):
        line = self.seen.split(b"\n")[-2].decode()
        self.assertRegex(line, r"^ts=\d+\.\d+ gid=\d+ type=eviction key=full%25\d+ fetch=(yes|no) ttl=(-1|\d+) la=\d+ clsid=\d+ "
                               rf"size={self.VALUE_BYTES}$")

    def test_what_the_classes_count_adds_up_to_what_the_server_counts(self):
        self.assertGreater(int(self.stats["evictions"]), self.ITEMS // 2)
        self.assertEqual(int(self.stats["evictions"]), self.of_all_classes("evicted"))
        for name in self.COUNTED_TWICE:
            self.assertEqual(int(self.stats[name]), self.of_all_classes(name), name)
        self.assertAlmostEqual(self.of_all_classes("evicted") / 2, self.of_all_classes("evicted_nonzero"), delta=self.ITEMS / 20)
        self.assertLessEqual(self.of_all_classes("evicted_unfetched"), self.of_all_classes("evicted"))

    def test_who_was_not_evicted_is_still_counted(self):
        self.assertEqual(int(self.stats["curr_items"]), self.of_all_classes("number"))


class MemcachedTool(ServerCase):
    def tool(self, *arguments):
        result = run(["perl", _TOOL, self.server.host_port, *arguments])
        self.assertEqual(0, result.returncode, result.stdout)
        return result.stdout

    def setUp(self):
        self.flush()
        with self.server.connect() as connection:
            for number in range(30):
                connection.set(b"key%d" % number, b"value %d" % number, flags=number)
            connection.set(b"with%percent", b"1")

    def test_display(self):
        lines = self.tool("display").splitlines()
        self.assertIn("Item_Size", lines[0])
        self.assertTrue(lines[1:], "one line per class at least")
        self.assertEqual(31, sum(int(line.split()[4]) for line in lines[1:]))

    def test_stats_settings_and_sizes(self):
        self.assertRegex(self.tool("stats"), r"curr_items\s+31")
        self.assertRegex(self.tool("settings"), r"maxconns\s+1024")
        self.assertIn("Size", self.tool("sizes"))

    def test_keys_lists_every_key(self):
        listed = re.findall(r"key=(\S+)", self.tool("keys"))
        self.assertEqual({f"key{n}" for n in range(30)} | {"with%25percent"}, set(listed))

    def test_dump_can_be_played_back(self):
        dump = run(["bash", "-c", f"perl {_TOOL} {self.server.host_port} dump 2>/dev/null"]).stdout
        adds = re.findall(r"^add (\S+) (\d+) \d+ (\d+)\r?\n(.*)\r?$", dump, re.MULTILINE)
        found = {key: (int(flags), value.rstrip("\r")) for key, flags, _, value in adds}
        for number in range(30):
            self.assertEqual((number, f"value {number}"), found.get(f"key{number}"), dump[:500])


@only_ours("the line has no `flags` and no OK before it")
class Dumps(ServerCase):
    def test_metadump_lines(self):
        with self.server.connect() as connection:
            connection.set(b"plain", b"12345", flags=7)
            connection.set(b"expiring", b"1", exptime=1000)
            connection.get(b"plain")
            connection.send(b"ms AAEC 1 b\r\n1\r\n")
            connection.read_line()
            answer = connection.ask_until(b"lru_crawler metadump all\r\n", b"END\r\n").decode()
        lines = answer.split("\n")
        self.assertEqual(["OK\r", "END\r", ""], [lines[0], lines[-2], lines[-1]])
        items = {}
        for line in lines[1:-2]:
            match = re.fullmatch(r"key=(\S+) exp=(-?\d+) la=(\d+) cas=(\d+) fetch=(yes|no) cls=(\d+) size=(\d+) flags=(\d+) ?", line)
            self.assertIsNotNone(match, repr(line))
            items[match[1]] = match
        self.assertEqual(3, len(items), answer)
        self.assertEqual(("-1", "yes", "7"), (items["plain"][2], items["plain"][5], items["plain"][8]))
        self.assertGreater(int(items["expiring"][2]), 1_000_000_000)
        self.assertIn("%00%01%02", items)

    def test_mgdump_can_be_piped_back_as_requests(self):
        with self.server.connect() as connection:
            connection.ask(b"flush_all\r\n")
            for number in range(20):
                connection.set(b"mg%d" % number, b"1")
            answer = connection.ask_until(b"lru_crawler mgdump all\r\n", b"EN\r\n")
            lines = answer.split(b"\r\n")
            self.assertEqual((b"OK", b"EN"), (lines[0], lines[-2]))
            self.assertEqual({b"mg mg%d" % number for number in range(20)}, set(lines[1:-2]))
            for line in lines[1:-2]:
                self.assertEqual(b"HD\r\n", connection.ask(line + b"\r\n"))


if __name__ == "__main__":
    unittest.main()

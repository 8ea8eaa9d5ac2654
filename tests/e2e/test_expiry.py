"""Items that expire: in real seconds where they are few, by moving our server's clock where they are many."""

import time
import unittest

from harness import settings
from harness.case import ServerCase, only_ours
from harness.server import Server, poll


class RealTime(ServerCase):
    def test_an_item_expires_and_not_before(self):
        connection = self.connect()
        connection.set(b"two", b"1", exptime=2)
        absolute = int(time.time()) + 2
        connection.set(b"absolute", b"1", exptime=absolute)
        connection.set(b"touched", b"1", exptime=2)
        connection.ask(b"touch touched 1000\r\n")
        connection.set(b"gat", b"1", exptime=1000)
        connection.ask_until(b"gat 2 gat\r\n")
        connection.set(b"flags", b"1", exptime=2592000)
        self.assertEqual(4, connection.ask_until(b"get two absolute touched gat\r\n").count(b"VALUE"))
        start = time.monotonic()
        poll(lambda: connection.ask_until(b"get two absolute gat\r\n") == b"END\r\n", "three items to expire", within=10)
        self.assertGreater(time.monotonic() - start, 0.5, "too early")
        self.assertEqual(b"1", connection.get(b"touched"))
        self.assertEqual(b"1", connection.get(b"flags"))

    def test_a_delayed_flush(self):
        with Server() as server, server.connect() as connection:
            connection.set(b"old", b"1")
            self.assertEqual(b"OK\r\n", connection.ask(b"flush_all 2\r\n"))
            self.assertEqual(b"1", connection.get(b"old"))
            poll(lambda: connection.get(b"old") is None, "the flush to happen", within=10)
            # The flush goes by whole seconds: what is stored in its very second may die with the old.
            poll(lambda: connection.set(b"new", b"1") and connection.get(b"new"), "a new item to stay", within=5)


@only_ours("debugtime exists in debug builds only")
class MovedClock(unittest.TestCase):
    def setUp(self):
        server = Server("--enable-debugtime")
        self.addCleanup(server.finish)
        self.server = server
        self.connection = server.connect()
        self.addCleanup(self.connection.close)

    def move(self, seconds):
        self.assertEqual(b"OK\r\n", self.connection.ask(b"debugtime %d\r\n" % seconds))

    def test_times_to_live(self):
        for name, exptime, lives in ((b"absolute", int(time.time()) + 5000, 5000), (b"minute", 60, 60), (b"hour", 3600, 3600),
                                     (b"month", 2592000, 2592000)):
            self.connection.set(name, b"1", exptime=exptime)
            self.move(lives - 3)
            self.assertEqual(b"1", self.connection.get(name), name)
            self.move(6)
            self.assertIsNone(self.connection.get(name), name)

    def test_touch_and_gat_move_the_end(self):
        self.connection.set(b"touched", b"1", exptime=100)
        self.connection.ask(b"touch touched 1000\r\n")
        self.move(500)
        self.assertEqual(b"1", self.connection.get(b"touched"))
        self.connection.ask_until(b"gat 1000 touched\r\n")
        self.move(900)
        self.assertEqual(b"1", self.connection.get(b"touched"))
        self.move(200)
        self.assertIsNone(self.connection.get(b"touched"))

    def test_meta_shows_the_time_left_and_the_age(self):
        self.connection.ask(b"ms m 1 T1000\r\n1\r\n")
        self.move(300)
        self.assertRegex(self.connection.ask(b"mg m t l h\r\n"), rb"^HD t(699|700) l30[01] h0\r\n$")
        self.assertRegex(self.connection.ask(b"mg m t l h\r\n"), rb"^HD t(699|700) l[01] h1\r\n$")

    def test_recache_before_the_end(self):
        self.connection.ask(b"ms r 1 T100\r\n1\r\n")
        self.assertEqual(b"HD\r\n", self.connection.ask(b"mg r R30\r\n"))
        self.move(80)
        self.assertEqual(b"HD W\r\n", self.connection.ask(b"mg r R30\r\n"))
        self.assertEqual(b"HD Z\r\n", self.connection.ask(b"mg r R30\r\n"))

    def test_a_delayed_flush_kills_only_what_is_older(self):
        self.connection.set(b"old", b"1")
        self.connection.ask(b"flush_all 100\r\n")
        self.move(50)
        self.assertEqual(b"1", self.connection.get(b"old"))
        self.move(100)
        self.assertIsNone(self.connection.get(b"old"))
        self.connection.set(b"new", b"1")
        self.assertEqual(b"1", self.connection.get(b"new"))

    def test_the_last_delayed_flush_wins(self):
        self.connection.set(b"k", b"1")
        self.connection.ask(b"flush_all 100\r\n")
        self.connection.ask(b"flush_all 1000\r\n")
        self.move(500)
        self.assertEqual(b"1", self.connection.get(b"k"))
        self.move(600)
        self.assertIsNone(self.connection.get(b"k"))

    def test_add_succeeds_where_an_item_expired(self):
        self.connection.set(b"gone", b"1", exptime=10)
        self.move(20)
        self.assertEqual(b"NOT_STORED\r\n", self.connection.ask(b"replace gone 0 0 1\r\n2\r\n"))
        self.assertEqual(b"NOT_FOUND\r\n", self.connection.ask(b"incr gone 1\r\n"))
        self.assertEqual(b"NOT_FOUND\r\n", self.connection.ask(b"touch gone 100\r\n"))
        self.assertEqual(b"NOT_FOUND\r\n", self.connection.ask(b"delete gone\r\n"))
        self.assertEqual(b"STORED\r\n", self.connection.ask(b"add gone 0 0 1\r\n3\r\n"))

    def test_an_expired_fetch_is_counted(self):
        self.connection.set(b"gone", b"1", exptime=10)
        self.move(20)
        self.connection.get(b"gone")
        stats = self.connection.stats()
        self.assertEqual(("1", "1"), (stats["get_expired"], stats["get_misses"]))


if __name__ == "__main__":
    unittest.main()

"""pymemcache: writes are noreply by default, so many commands ride in one segment."""

import unittest

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheIllegalInputError
from pymemcache.serde import pickle_serde

from harness.case import ServerCase
from harness.server import Server


class Pymemcache(ServerCase):
    def setUp(self):
        self.client = Client(self.server.address, timeout=10)
        self.addCleanup(self.client.close)
        self.client.flush_all(noreply=False)

    def test_storage_commands(self):
        client = self.client
        self.assertTrue(client.set("a", b"1"))
        self.assertEqual(b"1", client.get("a"))
        self.assertFalse(client.add("a", b"2", noreply=False))
        self.assertTrue(client.add("b", b"2", noreply=False))
        self.assertTrue(client.replace("b", b"3", noreply=False))
        self.assertFalse(client.replace("missing", b"3", noreply=False))
        self.assertTrue(client.append("b", b"4", noreply=False))
        self.assertTrue(client.prepend("b", b"2", noreply=False))
        self.assertEqual(b"234", client.get("b"))
        self.assertEqual({"a": b"1", "b": b"234"}, client.get_many(["a", "b", "missing"]))

    def test_noreply_writes_are_seen_by_the_read_behind_them(self):
        for number in range(2000):
            self.client.set(f"key{number}", b"%d" % number)
        self.client.delete("key7")
        self.client.touch("key8", 100)
        self.assertEqual({f"key{n}": b"%d" % n for n in range(2000) if n != 7},
                         self.client.get_many([f"key{n}" for n in range(2000)]))

    def test_cas(self):
        self.client.set("a", b"1")
        value, unique = self.client.gets("a")
        self.assertEqual(b"1", value)
        self.assertTrue(self.client.cas("a", b"2", unique))
        self.assertFalse(self.client.cas("a", b"3", unique))
        self.assertIsNone(self.client.cas("missing", b"3", unique))
        self.assertEqual({"a"}, set(self.client.gets_many(["a", "missing"])))

    def test_counting_and_expiry(self):
        self.client.set("n", b"10")
        self.assertEqual(15, self.client.incr("n", 5))
        self.assertEqual(0, self.client.decr("n", 100))
        self.assertIsNone(self.client.incr("missing", 1))
        self.assertTrue(self.client.touch("n", 100, noreply=False))
        self.assertFalse(self.client.touch("missing", 100, noreply=False))
        self.assertTrue(self.client.set("gone", b"1", expire=-1, noreply=False))
        self.assertIsNone(self.client.get("gone"))

    def test_about_the_server(self):
        self.assertRegex(self.client.version(), rb"^1\.6\.\d+$")
        stats = self.client.stats()
        self.assertIn(b"curr_items", stats)
        self.assertIn(b"maxconns", self.client.stats("settings"))
        self.assertTrue(self.client.cache_memlimit(64))
        with self.assertRaises(MemcacheIllegalInputError):
            self.client.get("k" * 251)
        self.client.quit()

    def test_serialised_values_keep_their_type(self):
        client = Client(self.server.address, serde=pickle_serde, timeout=10)
        self.addCleanup(client.close)
        value = {"list": [1, 2.5, None], "bytes": bytes(range(256))}
        client.set("object", value)
        self.assertEqual(value, client.get("object"))
        client.set("integer", 123456789)
        self.assertEqual(123456789, client.get("integer"))

    def test_pool_and_hash_clients(self):
        pool = PooledClient(self.server.address, max_pool_size=4, timeout=10)
        self.addCleanup(pool.close)
        pool.set("p", b"1")
        self.assertEqual(b"1", pool.get("p"))
        with Server() as other:
            ring = HashClient([self.server.address, other.address], timeout=10)
            values = {f"h{n}": b"%d" % n for n in range(100)}
            self.assertEqual([], ring.set_many(values, noreply=False))
            self.assertEqual(values, ring.get_many(list(values)))
            ring.close()


if __name__ == "__main__":
    unittest.main()

"""python3-memcache (python-memcached): text, with its trailing spaces."""

import unittest

import memcache

from harness.case import ServerCase


class PythonMemcache(ServerCase):
    def setUp(self):
        self.client = memcache.Client([self.server.host_port], debug=0, cache_cas=True)
        self.addCleanup(self.client.disconnect_all)
        self.client.flush_all()

    def test_storage_commands(self):
        client = self.client
        self.assertTrue(client.set("a", "one"))
        self.assertEqual("one", client.get("a"))
        self.assertFalse(client.add("a", "two"))
        self.assertTrue(client.add("b", "2"))
        self.assertTrue(client.replace("b", "3"))
        self.assertFalse(client.replace("missing", "3"))
        self.assertTrue(client.append("b", "4"))
        self.assertTrue(client.prepend("b", "2"))
        self.assertEqual("234", client.get("b"))
        self.assertTrue(client.delete("b"))
        self.assertIsNone(client.get("b"))

    def test_multi_types_and_compression(self):
        values = {"integer": 5, "text": "ä" * 50000, "object": [1, {"x": 2}]}
        self.assertEqual([], self.client.set_multi(values, min_compress_len=100))
        self.assertEqual(values, self.client.get_multi(list(values) + ["missing"]))
        self.assertTrue(self.client.delete_multi(list(values)))

    def test_cas(self):
        self.client.set("a", "1")
        self.assertEqual("1", self.client.gets("a"))
        self.assertTrue(self.client.cas("a", "2"))
        other = memcache.Client([self.server.host_port], cache_cas=True)
        self.addCleanup(other.disconnect_all)
        other.gets("a")
        self.client.set("a", "3")
        self.assertFalse(other.cas("a", "4"))
        self.assertEqual("3", self.client.get("a"))

    def test_counting_and_touch(self):
        self.client.set("n", "10")
        self.assertEqual(12, self.client.incr("n", 2))
        self.assertEqual(11, self.client.decr("n"))
        self.assertIsNone(self.client.incr("missing"))
        self.assertTrue(self.client.touch("n", 100))

    def test_stats(self):
        self.client.set("a", "1")
        (_, stats), = self.client.get_stats()
        self.assertGreaterEqual(int(stats["curr_items"]), 1)  # flushed ones may still be counted
        self.assertEqual(1, len(self.client.get_stats("items")))


if __name__ == "__main__":
    unittest.main()

"""python3-binary-memcached: the binary protocol only."""

import unittest

import bmemcached

from harness.case import ServerCase


class PythonBinaryMemcached(ServerCase):
    def setUp(self):
        self.client = bmemcached.Client([self.server.host_port])
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
        self.assertEqual("3", client.get("b"))
        self.assertTrue(client.delete("b"))
        self.assertIsNone(client.get("b"))

    def test_multi(self):
        values = {f"key{n}": f"value{n}" for n in range(300)}
        self.client.set_multi(values)
        self.assertEqual(values, self.client.get_multi([*values, "missing"]))
        self.assertTrue(self.client.delete_multi(values))

    def test_types_and_compression(self):
        value = {"n": 5, "text": "ä" * 100000}
        self.assertTrue(self.client.set("object", value))
        self.assertEqual(value, self.client.get("object"))

    def test_cas(self):
        self.client.set("a", "1")
        value, unique = self.client.gets("a")
        self.assertEqual("1", value)
        self.assertTrue(self.client.cas("a", "2", unique))
        self.assertFalse(self.client.cas("a", "3", unique))

    def test_counting(self):
        self.assertEqual(5, self.client.incr("n", 1, default=5))
        self.assertEqual(7, self.client.incr("n", 2))
        self.assertEqual(0, self.client.decr("n", 100))

    def test_stats(self):
        self.assertIn("curr_items", self.client.stats()[self.server.host_port])


if __name__ == "__main__":
    unittest.main()

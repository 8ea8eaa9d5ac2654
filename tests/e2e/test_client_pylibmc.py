"""pylibmc (libmemcached 1.1): text and binary, with and without CAS behaviour."""

import unittest

import pylibmc

from harness.case import ServerCase


def found(operation, *arguments):
    """libmemcached reports a missing key as NOT_STORED in text and as NOT_FOUND, which pylibmc raises, in binary."""
    try:
        return operation(*arguments)
    except pylibmc.NotFound:
        return False


class PylibmcChecks:
    """The same operations in both protocols; a subclass says which."""

    binary = False

    def setUp(self):
        self.client = self.connect_client()
        self.client.flush_all()

    def connect_client(self, **behaviors):
        return pylibmc.Client([self.server.host_port], binary=self.binary, behaviors={"tcp_nodelay": True, **behaviors})

    def test_storage_commands(self):
        client = self.client
        self.assertTrue(client.set("a", "one"))
        self.assertEqual("one", client.get("a"))
        self.assertFalse(client.add("a", "two"))
        self.assertTrue(client.add("b", "2"))
        self.assertTrue(client.replace("b", "3"))
        self.assertFalse(found(client.replace, "missing", "3"))
        self.assertTrue(client.append("b", "4"))
        self.assertTrue(client.prepend("b", "2"))
        self.assertEqual("234", client.get("b"))
        self.assertTrue(client.delete("b"))
        self.assertFalse(client.delete("b"))
        self.assertIsNone(client.get("b"))

    def test_multi(self):
        values = {f"key{n}": n for n in range(500)}
        self.assertEqual([], client_failures := self.client.set_multi(values), client_failures)
        self.assertEqual(values, self.client.get_multi([*values, "missing"]))
        self.assertTrue(self.client.delete_multi(list(values)[:10]))
        self.assertEqual(490, len(self.client.get_multi(list(values))))

    def test_types_and_compression(self):
        value = {"n": 5, "text": "ä" * 100000}
        self.assertTrue(self.client.set("object", value, min_compress_len=1000))
        self.assertEqual(value, self.client.get("object"))
        self.assertTrue(self.client.set("flag", True))
        self.assertEqual(True, self.client.get("flag"))

    def test_cas(self):
        client = self.connect_client(cas=True)
        client.set("a", "1")
        value, unique = client.gets("a")
        self.assertEqual("1", value)
        self.assertTrue(client.cas("a", "2", unique))
        self.assertFalse(client.cas("a", "3", unique))
        self.assertEqual("2", client.get("a"))

    def test_counting(self):
        self.client.set("n", 10)
        self.assertEqual(15, self.client.incr("n", 5))
        self.assertEqual(14, self.client.decr("n"))
        with self.assertRaises(pylibmc.NotFound):
            self.client.incr("missing")

    def test_expiry(self):
        if self.binary:
            self.assertTrue(self.client.touch("missing", 5) in (False, None))
        self.client.set("t", "1", time=100)
        self.assertTrue(self.client.touch("t", 200))
        self.assertEqual("1", self.client.get("t"))

    def test_stats(self):
        (_, stats), = self.client.get_stats()
        self.assertIn("curr_items", {name.decode() if isinstance(name, bytes) else name for name in stats})

    def test_unacknowledged_writes_arrive_before_the_read_behind_them(self):
        client = self.connect_client(no_block=True, **({} if self.binary else {"_noreply": True}))
        for number in range(200):
            client.set(f"q{number}", number)
        self.assertEqual(199, client.get("q199"))
        self.assertEqual(200, len(client.get_multi([f"q{n}" for n in range(200)])))


class PylibmcText(PylibmcChecks, ServerCase):
    binary = False


class PylibmcBinary(PylibmcChecks, ServerCase):
    binary = True


if __name__ == "__main__":
    unittest.main()

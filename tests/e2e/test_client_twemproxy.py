"""nutcracker (twemproxy) in front of two servers: pymemcache through it, and its own reading of our answers."""

import os
import subprocess
import tempfile
import unittest

from pymemcache.client.base import Client

from harness import settings
from harness.server import Server, free_port, poll

_CONFIGURATION = """pool:
  listen: 127.0.0.1:{port}
  hash: fnv1a_64
  distribution: modula
  auto_eject_hosts: false
  timeout: 5000
  servers:
   - 127.0.0.1:{first}:1
   - 127.0.0.1:{second}:1
"""


class Twemproxy(unittest.TestCase):
    def start_proxy(self, first, second):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        port, stats_port = free_port(), free_port()
        path = os.path.join(directory.name, "nutcracker.yml")
        with open(path, "w") as file:
            file.write(_CONFIGURATION.format(port=port, first=first, second=second))
        log = os.path.join(directory.name, "log")
        proxy = subprocess.Popen(["/usr/sbin/nutcracker", "-c", path, "-o", log, "-s", str(stats_port), "-a", "127.0.0.1"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(proxy.wait)
        self.addCleanup(proxy.terminate)
        return ("127.0.0.1", port), proxy

    def test_operations_through_the_proxy(self):
        with Server() as first, Server() as second:
            address, proxy = self.start_proxy(first.port, second.port)
            client = Client(address, timeout=settings.seconds(10), default_noreply=False)

            def connected():
                self.assertIsNone(proxy.poll(), "nutcracker ended")
                try:
                    return client.set("ready", b"1")
                except OSError:
                    return False
            poll(connected, "nutcracker to accept")
            values = {f"key{n}": b"value%d" % n * (n + 1) for n in range(300)}
            for key, value in values.items():
                self.assertTrue(client.set(key, value))
            self.assertEqual(values, client.get_many([*values, "missing"]))
            self.assertTrue(client.add("fresh", b"1"))
            self.assertFalse(client.add("fresh", b"2"))
            self.assertTrue(client.append("fresh", b"0"))
            self.assertEqual(15, client.incr("fresh", 5))
            value, unique = client.gets("fresh")
            self.assertEqual(b"15", value)
            self.assertTrue(client.cas("fresh", b"16", unique))
            self.assertFalse(client.cas("fresh", b"17", unique))
            self.assertTrue(client.touch("fresh", 100))
            self.assertTrue(client.delete("fresh"))
            self.assertIsNone(client.get("fresh"))
            client.close()
            both = [int(server.stats()["curr_items"]) for server in (first, second)]
            self.assertGreater(min(both), 30, "both servers hold a part")


if __name__ == "__main__":
    unittest.main()

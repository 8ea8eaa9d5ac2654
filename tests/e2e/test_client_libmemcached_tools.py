"""libmemcached's command line tools: copying files in and out, listing, counting, and two load generators, bounded."""

import os
import tempfile
import unittest

from harness.case import ServerCase
from harness.server import run


class LibmemcachedTools(ServerCase):
    def setUp(self):
        self.flush()
        self.servers = f"--servers={self.server.host_port}"

    def tool(self, name, *arguments, code=0):
        result = run([name, self.servers, *arguments])
        self.assertEqual(code, result.returncode, f"{name} {arguments}: {result.stdout}")
        return result.stdout

    def test_a_file_copied_in_comes_out_the_same(self):
        with tempfile.TemporaryDirectory() as directory:
            for binary in ([], ["--binary"]):
                for size in (0, 1, 100_000, 1_000_000):
                    name = f"file{size}"
                    path = os.path.join(directory, name)
                    with open(path, "w") as file:
                        file.write("0123456789" * (size // 10) + "x" * (size % 10))
                    self.tool("memccp", *binary, path)
                    copy = os.path.join(directory, "copy")
                    self.tool("memccat", *binary, f"--file={copy}", name)
                    with open(path) as original, open(copy) as copied:
                        self.assertEqual(original.read(), copied.read(), f"{size} bytes {binary}")

    def test_exist_touch_remove_flush(self):
        with self.server.connect() as connection:
            for key in (b"one", b"two", b"three"):
                connection.set(key, b"value")
        self.tool("memcexist", "one")
        self.tool("memcexist", "missing", code=1)
        self.tool("memctouch", "--expire=100", "one")
        self.tool("memcrm", "one")
        self.tool("memcexist", "one", code=1)
        self.tool("memcflush")
        self.tool("memcexist", "two", code=1)

    def test_ping_and_stat(self):
        self.tool("memcping")
        stats = self.tool("memcstat")
        for name in ("pid", "uptime", "version", "pointer_size", "rusage_user", "curr_items", "limit_maxbytes", "threads",
                     "connection_structures"):
            self.assertIn(name, stats)
        self.tool("memcstat", "--args=settings")

    def test_dump_ends(self):
        with self.server.connect() as connection:
            connection.set(b"one", b"value")
        self.tool("memcdump")  # lists by `stats cachedump`, whose answer may be empty

    def test_memcslap(self):
        for arguments in (["--test=set"], ["--test=get"], ["--test=mget"], ["--test=set", "--binary"],
                          ["--test=get", "--non-blocking"]):
            self.tool("memcslap", "--concurrency=4", "--execute-number=500", *arguments)

    def test_memcaslap_verifies_every_value(self):
        for arguments in ([], ["--binary"], ["--division=10"]):
            output = self.tool("memcaslap", "--threads=2", "--concurrency=16", "--execute_number=20000", "--verify=1.0",
                               "--fixed_size=400", *arguments)
            for line in output.splitlines():
                if line.startswith(("verify_failed", "verify_misses:", "get_misses")):
                    self.assertEqual("0", line.split(":")[1].split()[0], output)


if __name__ == "__main__":
    unittest.main()

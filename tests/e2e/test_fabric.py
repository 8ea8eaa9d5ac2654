"""Which fabric a node takes where there is no RDMA device, or no RDMA in the program at all (LMC_VERBS=OFF)."""

import os
import subprocess
import unittest

from harness import settings
from harness.case import only_ours
from harness.group import Group
from harness.server import free_port, poll

_WHY = "built without libibverbs and librdmacm" if os.environ.get("LMC_WITHOUT_VERBS") else "no RDMA device carries"


@only_ours("replication")
class FabricTest(unittest.TestCase):
    def setUp(self):
        self.group = Group(0, [])
        self.addCleanup(self.group.stop)

    def test_auto_takes_tcp_and_says_why(self):
        node = self.group.primary
        self.assertEqual(node.status()["fabric"], "tcp")
        poll(lambda: _WHY in node.server.log(), "the reason in its log")

    def test_verbs_is_refused_and_says_why(self):
        done = subprocess.run([settings.server_path(), "-u", "root", "-p", str(free_port()), "--role", "primary",
                               "--replication-listen", f"127.0.0.1:{free_port()}", "--fabric", "verbs",
                               "--group-secret-file", self.group.secret_file],
                              capture_output=True, text=True, timeout=settings.seconds(20))
        self.assertEqual(done.returncode, 71)
        self.assertIn(_WHY, done.stderr)


if __name__ == "__main__":
    unittest.main()

"""libmemcached's own compliance suites, complete: 27 checks of the text protocol and 27 of the binary one."""

import unittest

from harness.case import ServerCase
from harness.server import run


class Memccapable(ServerCase):
    def check_suite(self, flag):
        result = run(["memccapable", "-h", "127.0.0.1", "-p", self.server.port, flag])
        verdicts = [line.rsplit(None, 1)[-1] for line in result.stdout.splitlines() if line.endswith("]")]
        self.assertEqual(["[pass]"] * 27, verdicts, result.stdout)
        self.assertEqual(0, result.returncode, result.stdout)

    def test_text_suite(self):
        self.check_suite("-a")

    def test_binary_suite(self):
        self.check_suite("-b")


if __name__ == "__main__":
    unittest.main()

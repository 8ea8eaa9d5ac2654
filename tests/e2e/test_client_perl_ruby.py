"""Cache::Memcached (Perl, text) and dalli (Ruby, binary), each running its own operations."""

import os
import unittest

from harness.case import ServerCase
from harness.server import run

_CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")


class PerlAndRuby(ServerCase):
    def operations(self, *command):
        result = run([*command, self.server.host_port])
        self.assertEqual(0, result.returncode, result.stdout)
        self.assertTrue(result.stdout.endswith("OK\n"), result.stdout)

    def test_cache_memcached(self):
        self.operations("/usr/bin/perl", f"{_CLIENTS}/cache_memcached.pl")

    def test_dalli(self):
        self.operations("/usr/bin/ruby", f"{_CLIENTS}/dalli.rb")


if __name__ == "__main__":
    unittest.main()

"""The base of tests that share one server (LMC_TARGET: one node of a group): started before the first test of the class, stopped after the last."""

import unittest

from . import settings
from .target import start


def only_ours(reason):
    """Skips a test when the server under test is memcached 1.6.18: it has not what is tested."""
    return unittest.skipIf(settings.is_memcached(), f"memcached 1.6.18: {reason}")


class ServerCase(unittest.TestCase):
    """`options` of the class are the server's command line. A server that ends badly fails the class."""

    options = ()
    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = start(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def connect(self, within=10):
        connection = self.server.connect(within)
        self.addCleanup(connection.close)
        return connection

    def flush(self):
        with self.server.connect() as connection:
            self.assertEqual(b"OK\r\n", connection.ask(b"flush_all\r\n"))

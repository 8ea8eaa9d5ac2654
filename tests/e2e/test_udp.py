"""UDP: text and binary, answers of many datagrams, and datagrams that are wrong."""

import unittest

from harness import binary
from harness.case import ServerCase, only_ours
from harness.server import Server, free_port
from harness.udp import UdpClient


class Udp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.udp_port = free_port()
        cls.server = Server("-U", cls.udp_port, "-m", "64")

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def setUp(self):
        self.client = UdpClient(("127.0.0.1", self.udp_port))
        self.addCleanup(self.client.close)
        self.tcp = self.server.connect()
        self.addCleanup(self.tcp.close)

    def test_text_commands(self):
        self.assertEqual(b"STORED\r\n", self.client.ask(b"set u 5 0 3\r\nabc\r\n"))
        self.assertEqual(b"VALUE u 5 3\r\nabc\r\nEND\r\n", self.client.ask(b"get u\r\n"))
        self.assertEqual(b"abc", self.tcp.get(b"u"))
        self.assertEqual(b"DELETED\r\n", self.client.ask(b"delete u\r\n"))
        self.assertEqual(b"END\r\n", self.client.ask(b"get u\r\n"))
        self.assertEqual(b"ERROR\r\n", self.client.ask(b"bogus\r\n"))
        self.assertEqual(b"EN\r\n", self.client.ask(b"mg u v\r\n"))

    def test_an_answer_of_many_datagrams_arrives_whole(self):
        for size in (1300, 1380, 1392, 1400, 2784, 50_000):
            value = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
            self.tcp.set(b"large", value)
            self.assertEqual(b"VALUE large 0 %d\r\n%s\r\nEND\r\n" % (size, value), self.client.ask(b"get large\r\n"), size)

    @only_ours("sends each key's answer as if it were the whole one")
    def test_several_keys_in_one_request(self):
        for number in range(10):
            self.tcp.set(b"many%d" % number, b"v" * 500)
        answer = self.client.ask(b"get " + b" ".join(b"many%d" % number for number in range(10)) + b"\r\n")
        self.assertEqual(10, answer.count(b"VALUE many"))
        self.assertTrue(answer.endswith(b"END\r\n"))

    def test_binary_commands(self):
        frames, rest = binary.parse(self.client.ask(binary.storage(binary.SET, b"bu", b"value", flags=9, opaque=77)))
        self.assertEqual((binary.OK, 77, b""), (frames[0].status, frames[0].opaque, rest))
        frames, _ = binary.parse(self.client.ask(binary.request(binary.GETK, b"bu", opaque=78)))
        self.assertEqual((b"bu", b"value", b"\0\0\0\x09", 78), (frames[0].key, frames[0].value, frames[0].extras, frames[0].opaque))
        frames, _ = binary.parse(self.client.ask(binary.request(binary.GET, b"missing")))
        self.assertEqual(binary.NOT_FOUND, frames[0].status)

    def test_stats(self):
        self.assertTrue(self.client.ask(b"stats\r\n").endswith(b"END\r\n"))

    def test_wrong_datagrams_are_dropped_and_the_next_is_answered(self):
        self.client.socket.send(b"")
        self.client.socket.send(b"\0\1")
        self.client.send(b"get a\r\n", request=7, sequence=0, total=2)  # requests of several datagrams do not exist
        self.client.send(b"get no-line-end", request=8)
        self.client.send(b"set cut 0 0 100\r\nabc", request=9)
        answer = None
        number = self.client.send(b"mn\r\n", request=10)
        while answer is None:  # an error may be answered to the cut ones; nothing else
            datagram = self.client.socket.recv(65536)
            if int.from_bytes(datagram[:2], "big") == number:
                answer = datagram[8:]
        self.assertEqual(b"MN\r\n", answer)
        self.assertIsNone(self.tcp.get(b"cut"))


class UdpIsOff(ServerCase):
    def test_nothing_listens_on_udp_unless_asked_for(self):
        client = UdpClient(self.server.address)
        self.addCleanup(client.close)
        client.send(b"version\r\n")
        with self.assertRaises(ConnectionRefusedError):
            client.socket.recv(100)
        self.assertEqual("0", self.server.stats(b"settings")["udpport"])


if __name__ == "__main__":
    unittest.main()

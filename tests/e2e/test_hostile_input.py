"""Bytes nobody should send: the server answers or closes, and goes on serving everybody else."""

import random
import struct
import unittest

from harness import binary, settings
from harness.case import ServerCase
from harness.server import poll

_WORDS = [b"get", b"gets", b"set", b"add", b"cas", b"append", b"incr", b"decr", b"delete", b"touch", b"gat", b"mg", b"ms", b"md",
          b"ma", b"me", b"mn", b"stats", b"stats items", b"stats slabs", b"stats cachedump", b"flush_all", b"verbosity", b"version",
          b"lru_crawler metadump", b"lru_crawler crawl", b"lru tune", b"lru mode", b"slabs reassign", b"slabs automove", b"watch",
          b"cache_memlimit", b"shutdown", b"extstore", b"refresh_certs", b"quit"]
_ARGUMENTS = [b"a", b"0", b"1", b"-1", b"x" * 250, b"x" * 251, b"4294967295", b"4294967296", b"18446744073709551615",
              b"18446744073709551616", b"99999999999999999999999999", b"-2147483648", b"2147483647", b"2147483648", b"noreply", b"b",
              b"q", b"k", b"v", b"T-1", b"N0", b"C0", b"E0", b"O" + b"o" * 40, b"\0", b"\x80\x81", b"%s%n", b"", b"S5", b"MA", b"I",
              b"all", b"hash", b"9223372036854775807", b"0x10", b"1e9", b"1.5"]


class HostileInput(ServerCase):
    def setUp(self):
        self.witness = self.connect(30)
        self.witness.set(b"witness", b"here")

    def tearDown(self):
        self.assertTrue(self.server.running(), self.server.log())
        self.assertEqual(b"here", self.witness.get(b"witness"))

    def throw(self, data):
        """Sends, says it is finished, and drains what comes until the server closes."""
        connection = self.server.connect(30)
        try:
            connection.send(data)
            connection.socket.shutdown(1)
            return connection.read_to_close()
        except (BrokenPipeError, ConnectionResetError, OSError):
            return b""
        finally:
            connection.close()

    def each_seed(self, count):
        for seed in settings.seeds(count):
            with self.subTest(seed=seed):
                yield random.Random(seed)

    def test_random_bytes(self):
        for randomness in self.each_seed(300):
            self.throw(randomness.randbytes(randomness.choice([1, 10, 100, 1000, 5000])))

    def test_random_words(self):
        safe = [word for word in _WORDS if word not in (b"shutdown", b"flush_all", b"watch")]
        for randomness in self.each_seed(200):
            lines = []
            for _ in range(50):
                words = [randomness.choice(safe)] + [randomness.choice(_ARGUMENTS) for _ in range(randomness.randrange(8))]
                lines.append(b" ".join(words) + randomness.choice([b"\r\n", b"\r\n", b"\n", b"\r\nab\r\n"]))
            lines = [line for line in lines if b"cache_memlimit" not in line]
            self.throw(b"".join(lines))

    def test_random_binary_headers(self):
        for randomness in self.each_seed(300):
            packets = []
            for _ in range(20):
                key = randomness.randbytes(randomness.choice([0, 1, 5, 250]))
                extras = randomness.randbytes(randomness.choice([0, 4, 8, 20, 21]))
                value = randomness.randbytes(randomness.choice([0, 1, 100]))
                opcode = randomness.choice([code for code in range(0x40) if code not in (binary.FLUSH, binary.FLUSHQ)])
                packet = bytearray(binary.request(opcode, key, value, extras))
                if randomness.random() < 0.3:
                    packet[randomness.randrange(2, 12)] = randomness.randrange(256)
                packets.append(bytes(packet))
            self.throw(b"".join(packets))

    def test_a_binary_request_of_a_wrong_shape_is_told_so(self):
        for packet in (binary.request(binary.GET), binary.request(binary.SET, b"k", b"v"), binary.request(binary.NOOP, b"k"),
                       binary.request(binary.GET, b"k" * 251)):
            connection = self.connect()
            frame = binary.ask(connection, packet)
            self.assertEqual((binary.INVALID, b"Invalid arguments"), (frame.status, frame.value))

    def test_lengths_that_lie(self):
        for header in (struct.pack(">BBHBBHIIQ", 0x80, 1, 5, 8, 0, 0, 0xFFFFFFFF, 0, 0),
                       struct.pack(">BBHBBHIIQ", 0x80, 1, 0xFFFF, 0xFF, 0, 0, 0, 0, 0),
                       struct.pack(">BBHBBHIIQ", 0x80, 0, 10, 0, 0, 0, 5, 0, 0),
                       struct.pack(">BBHBBHIIQ", 0x80, 0x20, 0xFFFF, 0, 0, 0, 0x7FFFFFFF, 0, 0)):
            before = self.server.resident_bytes()
            self.throw(header + b"k" * 300)
            if not settings.sanitized():
                self.assertLess(self.server.resident_bytes() - before, 64 << 20)
        for length in (b"2147483645", b"2147483647", b"2147483648", b"4294967295", b"99999999999999999999", b"-1", b"1048577"):
            before = self.server.resident_bytes()
            self.throw(b"set lie 0 0 " + length + b"\r\nshort")
            self.throw(b"ms lie " + length + b"\r\nshort")
            if not settings.sanitized():
                self.assertLess(self.server.resident_bytes() - before, 64 << 20)

    def test_a_line_without_end_closes_the_connection(self):
        connection = self.connect()
        try:
            for _ in range(200):
                connection.send(b"set " + b"x" * 10_000)
        except OSError:
            pass
        self.assertTrue(connection.closed_by_server())

    def test_megabytes_of_keys_in_one_get(self):
        connection = self.connect(60)
        keys = [b"missing-%07d" % number for number in range(settings.effort(400_000, at_least=200_000))]
        keys[100] = keys[-1] = b"witness"
        answer = connection.exchange([b"get " + b" ".join(keys) + b"\r\n"], lambda buffer: buffer.endswith(b"END\r\n"))
        self.assertEqual(b"VALUE witness 0 4\r\nhere\r\n" * 2 + b"END\r\n", answer)

    def test_a_deep_pipeline_is_answered_completely(self):
        connection = self.connect(60)
        count = settings.effort(200_000, at_least=20_000)
        answer = connection.exchange([b"get witness\r\n" * count + b"mn\r\n"], lambda buffer: buffer.endswith(b"MN\r\n"))
        self.assertEqual(b"VALUE witness 0 4\r\nhere\r\nEND\r\n" * count + b"MN\r\n", answer)

    def test_quiet_misses_by_the_thousand_answer_nothing(self):
        connection = self.connect(60)
        packets = binary.request(binary.GETQ, b"missing") * 20_000 + binary.request(binary.NOOP, opaque=9)
        answer = connection.exchange([packets], lambda buffer: len(buffer) >= 24)
        frames, rest = binary.parse(answer)
        self.assertEqual(([9], b""), ([frame.opaque for frame in frames], rest))

    def test_connections_that_come_and_go(self):
        for _ in range(settings.effort(2000)):
            connection = self.server.connect()
            connection.reset()
        poll(lambda: int(self.witness.stats()["curr_connections"]) <= 3, "connections to be forgotten")

    def test_an_http_request_gets_no_answer(self):
        connection = self.connect()
        connection.send(b"POST /upload HTTP/1.1\r\nHost: x\r\n\r\nset injected 0 0 1\r\n1\r\n")
        self.assertEqual(b"", connection.read_to_close())
        self.assertIsNone(self.witness.get(b"injected"))


if __name__ == "__main__":
    unittest.main()

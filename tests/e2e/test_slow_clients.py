"""Clients that are slow, stop half-way, vanish, or never read: nobody else notices, and memory stays bounded."""

import random
import socket
import struct
import time
import unittest

from harness import binary, settings
from harness.case import ServerCase
from harness.server import Server, poll
from harness.wire import Connection


class SlowClients(ServerCase):
    def test_requests_may_come_one_byte_at_a_time(self):
        stream = (b"set slow 7 0 5\r\nhello\r\nget slow\r\ngets slow missing\r\nincr slow 1\r\nmg slow v f\r\n"
                  b"ms slow 2 T0\r\nhi\r\nget slow\r\ndelete slow noreply\r\nget slow\r\nversion\r\n")
        slow = self.connect()
        for position in range(len(stream)):
            slow.send(stream[position:position + 1])
        pieces = slow.read_until(b"VERSION ") + slow.read_line()
        at_once = self.connect()
        at_once.send(stream)
        together = at_once.read_until(b"VERSION ") + at_once.read_line()
        self.assertEqual(_without_cas(together), _without_cas(pieces))

    def test_binary_requests_may_come_one_byte_at_a_time(self):
        slow = self.connect()
        packets = binary.storage(binary.SET, b"bslow", b"value" * 100, flags=3) + binary.request(binary.GETK, b"bslow")
        for position in range(len(packets)):
            slow.send(packets[position:position + 1])
        self.assertEqual(binary.OK, binary.read(slow).status)
        frame = binary.read(slow)
        self.assertEqual((b"bslow", b"value" * 100, b"\0\0\0\3"), (frame.key, frame.value, frame.extras))

    def test_every_cut_of_a_set_gives_the_same(self):
        request = b"set cut 0 0 4\r\nabcd\r\n"
        for position in range(1, len(request)):
            connection = self.connect()
            connection.send(request[:position])
            connection.send(request[position:])
            self.assertEqual(b"STORED\r\n", connection.read_line(), position)
            connection.close()

    def test_a_half_written_set_stores_nothing_and_leaves_the_old_value(self):
        other = self.connect()
        other.set(b"half", b"old")
        for keep in (b"set half 0 0 100000\r\n", b"set half 0 0 100000\r\n" + b"x" * 5000, b"set half 0 0 5\r\nhello",
                     b"set half 0 0 5\r\nhello\r", b"set half 0 0 900000\r\n" + b"x" * 800000):
            for goodbye in (Connection.close, Connection.reset):
                connection = self.connect()
                connection.send(keep)
                self.assertEqual(b"old", other.get(b"half"))
                goodbye(connection)
        self.wait_for_connections(1 + 1)
        self.assertEqual(b"old", other.get(b"half"))

    def wait_for_connections(self, count):
        """Until only so many client connections are left; memcached counts its listening socket too."""
        poll(lambda: int(self.server.stats()["curr_connections"]) <= count + 1, f"connections to fall to {count}")

    def test_a_client_that_leaves_in_the_middle_of_an_answer(self):
        writer = self.connect()
        writer.set(b"large", b"x" * 1_000_000)
        for _ in range(50):
            connection = self.connect()
            connection.send(b"get large large large large\r\n")
            connection.read_exactly(1000)
            connection.reset()
        self.wait_for_connections(2)
        self.assertEqual(1_000_000, len(writer.get(b"large")))

    def test_others_are_served_while_a_value_trickles_in(self):
        slow = self.connect()
        slow.send(b"set trickle 0 0 300000\r\n" + b"x" * 150000)
        fast = self.connect()
        for number in range(500):
            self.assertEqual(b"STORED\r\n", fast.set(b"fast%d" % number, b"y"))
        slow.send(b"x" * 150000 + b"\r\n")
        self.assertEqual(b"STORED\r\n", slow.read_line())
        self.assertEqual(b"x" * 300000, fast.get(b"trickle"))


class ReaderWhoNeverReads(unittest.TestCase):
    """Back-pressure: the server stops reading from who does not take its answers."""

    def test_memory_stays_bounded(self):
        with Server("-m", "64") as server:
            with server.connect() as writer:
                writer.set(b"large", b"x" * 900_000)
            before = server.resident_bytes()
            deaf = []
            for _ in range(20):
                client = socket.create_connection(server.address)
                self.addCleanup(client.close)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.setblocking(False)
                deaf.append(client)
            deadline = time.monotonic() + settings.seconds(3)
            request = b"get large\r\n" * 1000
            while time.monotonic() < deadline:
                for client in deaf:
                    try:
                        client.send(request)
                    except BlockingIOError:
                        pass
                if not settings.sanitized():
                    self.assertLess(server.resident_bytes() - before, 150 << 20, "memory grows with unread answers")
            with server.connect() as other:
                self.assertEqual(900_000, len(other.get(b"large")))

    def test_one_line_of_many_keys_costs_no_more_than_its_reader_takes(self):
        with Server("-m", "64") as server:
            with server.connect() as writer:
                writer.set(b"k", b"x" * 8000)
            before = server.resident_bytes()
            deaf = server.connect()
            self.addCleanup(deaf.close)
            deaf.send(b"get" + b" k" * 50_000 + b"\r\n")
            deaf.read_until(b"VALUE ")  # it is being answered
            with server.connect() as other:
                self.assertEqual(8000, len(other.get(b"k")))
            if not settings.sanitized():
                self.assertLess(server.resident_bytes() - before, 100 << 20, "memory grows with unread answers")

    def test_a_pinned_answer_survives_overwriting_and_eviction(self):
        """What was asked before is delivered as it was, however much is written meanwhile."""
        with Server("-m", "64") as server:
            writer = server.connect(60)
            self.addCleanup(writer.close)
            value = random.Random(1).randbytes(700_000)
            writer.set(b"pinned", value)
            slow = server.connect(60)
            self.addCleanup(slow.close)
            slow.send(b"get pinned\r\n" * 10)
            self.assertEqual(b"VALUE pinned 0 700000\r\n", slow.read_line())
            filler = b"y" * 500_000
            for number in range(300):
                writer.set(b"filler%d" % number, filler)
            writer.set(b"pinned", b"new")
            first = slow.read_exactly(700_000)
            self.assertTrue(first == value, "the value that was being sent has changed")
            self.assertEqual(b"\r\nEND\r\n", slow.read_exactly(7))
            for _ in range(9):
                head = slow.read_line()
                if head == b"END\r\n":
                    continue  # evicted before it was looked at: right too
                size = int(head.split()[3])
                got = slow.read_exactly(size)
                self.assertTrue(got in (value, b"new"), "a torn value")
                self.assertEqual(b"\r\nEND\r\n", slow.read_exactly(7))


class LargeValues(ServerCase):
    options = ("-m", "1024", "-I", "128m")

    def test_sizes_around_every_limit_come_back(self):
        connection = self.connect(60)
        sizes = [0, 1, 7, 8, 9, 1023, 1024, 2047, 2048, 2049, 16383, 16384, 65535, 65536, (1 << 20) - 512, 1 << 20,
                 (1 << 20) + 1, 5_000_000, 100_000_000]
        for size in sizes:
            value = struct.pack("<I", size) * (size // 4) + b"z" * (size % 4)
            self.assertEqual(b"STORED\r\n", connection.set(b"sized", value), size)
            got = connection.get(b"sized")
            self.assertTrue(got == value, f"{size} bytes came back differently ({len(got or b'')})")

    def test_larger_than_allowed_is_refused_and_the_old_value_is_gone(self):
        connection = self.connect(60)
        connection.set(b"toobig", b"old")
        size = 129 << 20
        connection.send(b"set toobig 0 0 %d\r\n" % size)
        block = bytes(1 << 20)
        for _ in range(129):
            connection.send(block)
        connection.send(b"\r\n")
        self.assertEqual(b"SERVER_ERROR object too large for cache\r\n", connection.read_line())
        self.assertIsNone(connection.get(b"toobig"))


def _without_cas(answer):
    lines = answer.split(b"\r\n")
    return [b" ".join(line.split(b" ")[:4]) if line.startswith(b"VALUE ") else line for line in lines]


if __name__ == "__main__":
    unittest.main()

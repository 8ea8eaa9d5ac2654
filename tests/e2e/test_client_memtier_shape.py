"""What memtier_benchmark's text mode does, done here because Debian has no package of it.

Per connection it keeps a pipeline of N requests in flight: `set k 0 exp len` with random data, `get k`, in a ratio of
1:10, and reads replies strictly in order; a get's answer is VALUE ... END or END alone; a set's is STORED and nothing else,
for any other line stalls it for ever. So a busy, healthy server must never say anything else, an evicting one included.
"""

import random
import selectors
import unittest

from harness import settings
from harness.server import Server

_CONNECTIONS = 20
_REQUESTS_EACH = 2000


class MemtierConnection:
    def __init__(self, connection, randomness, pipeline, data):
        self.connection = connection
        self._random = randomness
        self._pipeline = pipeline
        self._data = data
        self._in_flight = []
        self._left = _REQUESTS_EACH
        self.hits = self.misses = self.stored = 0

    def fill(self):
        """Sends requests until the pipeline is full again. True while there is something to wait for."""
        batch = []
        while self._left and len(self._in_flight) < self._pipeline:
            self._left -= 1
            key = b"memtier-%d" % self._random.randrange(10000)
            if self._random.randrange(11) == 0:
                batch.append(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(self._data), self._data))
                self._in_flight.append(None)
            else:
                batch.append(b"get %s\r\n" % key)
                self._in_flight.append(key)
        if batch:
            self.connection.send(b"".join(batch))
        return bool(self._in_flight)

    def receive(self):
        """Takes in what came; whole replies are counted."""
        buffer = self.connection.buffer
        data = self.connection.socket.recv(1 << 16)
        if not data:
            raise AssertionError("the server closed the connection")
        buffer += data
        while self._in_flight:
            end = buffer.find(b"\r\n")
            if end < 0:
                return
            line = bytes(buffer[:end])
            key = self._in_flight[0]
            if key is None:
                assert line == b"STORED", line
                self.stored += 1
                del buffer[:end + 2]
            elif line == b"END":
                self.misses += 1
                del buffer[:end + 2]
            else:
                expected = b"VALUE %s 0 %d" % (key, len(self._data))
                assert line == expected, (line, expected)
                size = end + 2 + len(self._data) + 2 + 5
                if len(buffer) < size:
                    return
                assert bytes(buffer[end + 2:size]) == self._data + b"\r\nEND\r\n", "a torn or foreign value"
                self.hits += 1
                del buffer[:size]
            self._in_flight.pop(0)


class MemtierShape(unittest.TestCase):
    def load(self, server, pipeline, value_bytes):
        randomness = random.Random(pipeline)
        data = randomness.randbytes(value_bytes).replace(b"\r\n", b"--")
        clients = [MemtierConnection(server.connect(30), randomness, pipeline, data) for _ in range(_CONNECTIONS)]
        selector = selectors.DefaultSelector()
        for client in clients:
            self.addCleanup(client.connection.close)
            client.fill()
            selector.register(client.connection.socket, selectors.EVENT_READ, client)
        self.addCleanup(selector.close)
        waiting = len(clients)
        while waiting:
            ready = selector.select(settings.seconds(30))
            self.assertTrue(ready, f"{waiting} connections hang")
            for entry, _ in ready:
                entry.data.receive()
                if not entry.data.fill():
                    selector.unregister(entry.data.connection.socket)
                    waiting -= 1
        self.assertEqual(_CONNECTIONS * _REQUESTS_EACH, sum(c.hits + c.misses + c.stored for c in clients))
        return clients

    def test_pipelines_are_answered_in_order_and_completely(self):
        for pipeline in (1, 10, 50):
            with self.subTest(pipeline=pipeline), Server() as server:
                clients = self.load(server, pipeline, 100)
                self.assertGreater(sum(c.hits for c in clients), 0)

    def test_a_server_that_evicts_answers_stored(self):
        with Server("-m", "64", "-I", "1m") as server:
            clients = self.load(server, 10, 30_000)
            self.assertGreater(sum(c.stored for c in clients), 2500, "more than fits in 64 MB")


if __name__ == "__main__":
    unittest.main()

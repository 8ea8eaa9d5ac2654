"""What clients may see while nodes and links fail: no answer of any node is older than what was acknowledged before the question,
and a connection's answers are those to its requests, in their order, up to where it was cut off.
"""

import threading
import time

_FRESH = b"fresh"


class _Client(threading.Thread):
    """Asks one node all the time, on a new connection whenever it is cut off.

    `longest_wait`, once it has ended: the longest gap between two answers on one connection, in seconds.
    """

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.longest_wait = 0.0
        self._ending = threading.Event()

    def stop(self):
        self._ending.set()

    def run(self):
        while not self._ending.is_set():
            try:
                with self.server.connect(60) as connection:
                    try:
                        while not self._ending.is_set():
                            self._ask(connection)
                    finally:
                        self.longest_wait = max(self.longest_wait, connection.longest_wait)
            except (OSError, EOFError):
                time.sleep(0.01)  # it does not serve at this time


class Counting(_Client):
    """Sets one key to growing numbers at a node; `acknowledged` is the last that was. Goes on at `server` when it is cut off."""

    def __init__(self, server):
        super().__init__(server)
        self.acknowledged = 0
        self._number = 0

    def _ask(self, connection):
        self._number += 1
        if connection.set(_FRESH, b"%d" % self._number) == b"STORED\r\n":
            self.acknowledged = self._number


class Reader(_Client):
    """Reads that key at a node. `stale` is the first answer that was too old."""

    def __init__(self, server, counting):
        super().__init__(server)
        self.answers = 0
        self.stale = None
        self._counting = counting

    def _ask(self, connection):
        least = self._counting.acknowledged
        value = connection.get(_FRESH)
        self.answers += 1
        if least and (value is None or int(value) < least) and self.stale is None:
            self.stale = f"{value} after {least} was acknowledged"


class Transcript:
    """Sends mixed pipelines, noreply and quiet requests among them, and knows every byte of the answer before it comes."""

    def __init__(self, connection, name):
        self._connection = connection
        self._key = name
        self._round = 0
        self.expected = bytearray()
        self.received = bytearray()

    def send(self, rounds):
        for _ in range(rounds):
            request, answer = self._next()
            self.expected += answer
            try:
                self._connection.send(request)
            except OSError:
                return  # closed: receive() finds that out

    def receive(self):
        """Takes the answers to what was sent. Returns False if the connection was closed before the last of them."""
        missing = len(self.expected) - len(self.received)
        try:
            self.received += self._connection.read_exactly(missing)
            return True
        except (OSError, EOFError):
            self.received += self._connection.buffer
            self._connection.buffer.clear()
            return False

    def last_answered(self):
        """The number of rounds of which every answer came."""
        return self.received.count(b"MN\r\n")

    @property
    def rounds(self):
        return self._round

    def _next(self):
        self._round += 1
        number, key = b"%d" % self._round, self._key
        size = b"%d" % len(number)
        request = (b"set " + key + b" 0 0 " + size + b" noreply\r\n" + number + b"\r\n"
                   b"get " + key + b"\r\n"
                   b"ms " + key + b"-q " + size + b" q\r\n" + number + b"\r\n"
                   b"mg " + key + b"-q v q\r\n"
                   b"mg " + key + b"-none v q\r\n"
                   b"append " + key + b" 0 0 1\r\n+\r\n"
                   b"delete " + key + b"-none noreply\r\n"
                   b"gets " + key + b"-none\r\n"
                   b"get " + key + b"\r\n"
                   b"mn\r\n")
        answer = (b"VALUE " + key + b" 0 " + size + b"\r\n" + number + b"\r\nEND\r\n"
                  b"VA " + size + b"\r\n" + number + b"\r\n"
                  b"STORED\r\n"
                  b"END\r\n"
                  b"VALUE " + key + b" 0 %d\r\n" % (len(number) + 1) + number + b"+\r\nEND\r\n"
                  b"MN\r\n")
        return request, answer

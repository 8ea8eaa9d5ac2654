"""Connections to a server with deadlines, and reading text replies off them."""

import select
import socket
import time

from . import settings


class Timeout(Exception):
    """The server did not answer in time. The message carries what had come."""


class Connection:
    """A TCP or unix-socket connection. Every wait is bounded; what was read but not consumed is in `buffer`.

    `longest_wait`, in seconds: the longest that the server let a read or a write of it wait. Who reads only what it has asked
    for has there the longest gap between two answers.
    """

    def __init__(self, address, within=10):
        self.within = within
        self.longest_wait = 0.0
        if isinstance(address, (str, bytes)):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(settings.seconds(within))
            try:
                self.socket.connect(address)
            except OSError:
                self.socket.close()
                raise
        else:
            self.socket = socket.create_connection(address, timeout=settings.seconds(within))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def send(self, data):
        began = time.monotonic()
        try:
            self.socket.sendall(data)
        finally:
            self._waited_since(began)

    def reset(self):
        """Closes with RST, as a client that crashed behind a firewall does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def _receive(self):
        """Reads what is there into the buffer, waiting up to the deadline. False: the server closed."""
        began = time.monotonic()
        try:
            data = self.socket.recv(1 << 20)
        except TimeoutError:
            raise Timeout(f"no answer within {settings.seconds(self.within):g} s; so far: {bytes(self.buffer[-2000:])!r}") from None
        except ConnectionResetError:
            return False
        finally:
            self._waited_since(began)
        self.buffer += data
        return bool(data)

    def _waited_since(self, began):
        self.longest_wait = max(self.longest_wait, time.monotonic() - began)

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self._receive():
                raise EOFError(f"closed after {bytes(self.buffer)!r}")
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_until(self, mark):
        """Everything up to and including `mark`."""
        searched = 0
        while True:
            at = self.buffer.find(mark, searched)
            if at >= 0:
                return self.read_exactly(at + len(mark))
            searched = max(0, len(self.buffer) - len(mark) + 1)
            if not self._receive():
                raise EOFError(f"closed before {mark!r}; got {bytes(self.buffer[-2000:])!r}")

    def read_line(self):
        return self.read_until(b"\r\n")

    def read_to_close(self):
        """Everything until the server closes the connection."""
        while self._receive():
            pass
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def ask(self, request):
        """Sends and reads a one-line answer."""
        self.send(request)
        return self.read_line()

    def ask_until(self, request, mark=b"END\r\n"):
        self.send(request)
        return self.read_until(mark)

    def get(self, key):
        """The value of a key, or None."""
        self.send(b"get %s\r\n" % key)
        head = self.read_line()
        if head == b"END\r\n":
            return None
        words = head.split()
        assert words[0] == b"VALUE", head
        value = self.read_exactly(int(words[3]))
        tail = self.read_exactly(7)
        assert tail == b"\r\nEND\r\n", tail
        return value

    def set(self, key, value, flags=0, exptime=0):
        return self.ask(b"set %s %d %d %d\r\n%s\r\n" % (key, flags, exptime, len(value), value))

    def stats(self, what=b""):
        """A stats answer as a dict of text, in the order sent."""
        answer = self.ask_until(b"stats %s\r\n" % what if what else b"stats\r\n")
        pairs = {}
        for line in answer.decode().split("\r\n"):
            if line.startswith("STAT "):
                _, name, value = (line + " ").split(" ", 2)
                pairs[name] = value.strip()
        return pairs

    def exchange(self, pieces, finished):
        """Sends `pieces`, each with its own send call, while reading, until finished(buffer) is true; returns all.

        Reading and writing go on together, so that a server that stops reading because its answers are not taken (as it
        should) cannot deadlock with us. A close by the server ends it too: what had come is returned.
        """
        self.socket.setblocking(False)
        deadline = time.monotonic() + settings.seconds(self.within)
        pending = [memoryview(piece) for piece in pieces if piece]
        pending.reverse()
        try:
            while not finished(self.buffer):
                left = deadline - time.monotonic()
                readable, writable, _ = select.select([self.socket], [self.socket] if pending else [], [], max(left, 0))
                if not readable and not writable:
                    raise Timeout(f"no end of answer within {settings.seconds(self.within):g} s; the last bytes: "
                                  f"{bytes(self.buffer[-2000:])!r}")
                if writable:
                    piece = pending.pop()
                    try:
                        sent = self.socket.send(piece)
                    except BlockingIOError:
                        sent = 0
                    except (BrokenPipeError, ConnectionResetError):
                        pending.clear()
                        continue
                    if sent < len(piece):
                        pending.append(piece[sent:])
                if readable and not self._receive():
                    break
        finally:
            self.socket.settimeout(settings.seconds(self.within))
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def closed_by_server(self, within=10):
        """Waits until the server closes; True if it did within the bound. Whatever it sends is kept."""
        deadline = time.monotonic() + settings.seconds(within)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            readable, _, _ = select.select([self.socket], [], [], left)
            if readable and not self._receive():
                return True

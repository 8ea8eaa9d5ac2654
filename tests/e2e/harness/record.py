"""Writers that keep a record of what the server acknowledged, and the check of a restarted server against it.

Each writer owns its keys, so for every key there is one acknowledged state and the requests that were on their way when the
connection broke. After a restart a key may be in the acknowledged state, or in the state after any prefix of the requests on
their way; in no other. A state is the value, or None for deleted.
"""

import bisect
import random
import threading
import time
from collections import deque

_PIPELINES = [1, 1, 5, 30]


class Writer(threading.Thread):
    """Mutates its keys until the server goes away or stop() is called; then the record can be read."""

    def __init__(self, server, seed, keys=200, value_bytes=(10, 100, 1000, 10_000)):
        super().__init__(daemon=True)
        self.number = seed
        self.acknowledged = {}
        self.cas = {}
        self.on_the_way = deque()
        self.operations = 0
        self.wrong = None
        self._random = random.Random(seed)
        self._keys = [b"w%d-%d" % (seed, n) for n in range(keys)]
        self._counters = [b"w%d-count%d" % (seed, n) for n in range(5)]
        self._sizes = value_bytes
        self._version = 0
        self._ending = threading.Event()
        self.attach(server)

    def attach(self, server):
        self._connection = server.connect(60)

    @property
    def longest_wait(self):
        """The longest gap between two answers so far, in seconds; of the latest connection."""
        return self._connection.longest_wait

    def successor(self, server):
        """A writer that goes on where this one was cut off, once the server's state has been settled()."""
        heir = Writer(server, self.number, 0, self._sizes)
        heir.acknowledged, heir.cas = self.acknowledged, self.cas
        heir._keys, heir._counters, heir._random, heir._version = self._keys, self._counters, self._random, self._version
        return heir

    def stop(self):
        self._ending.set()

    def close(self):
        self._connection.close()

    def run(self):
        try:
            while not self._ending.is_set():
                self._batch()
        except (OSError, EOFError):
            pass  # the server went away: what is on the way stays on the way
        except AssertionError as error:
            self.wrong = error
        finally:
            self._connection.close()

    def all_keys(self):
        return self._keys + self._counters

    def allowed(self, key):
        """The states that the key may be in now."""
        state = self.acknowledged.get(key)
        states = [state]
        for other, _, effect, _ in self.on_the_way:
            if other == key:
                state = effect(state)
                states.append(state)
        return states

    def settled(self, observed):
        """Takes what a restarted server holds as acknowledged from here on."""
        self.acknowledged = {key: value for key, value in observed.items() if value is not None}
        self.on_the_way.clear()

    def _batch(self):
        requests = [self._request() for _ in range(self._random.choice(_PIPELINES))]
        self.on_the_way.extend(requests)
        self._connection.send(b"".join(request for _, request, _, _ in requests))
        while self.on_the_way:
            key, request, effect, answer_fits = self.on_the_way[0]
            answer = self._connection.read_line()
            before = self.acknowledged.get(key)
            assert answer_fits(before, answer), (key, request[:80], answer, before and before[:80])
            self.acknowledged[key] = effect(before)
            self.on_the_way.popleft()
            self.operations += 1
        if self._random.random() < 0.3:
            self._look(self._random.choice(self._keys))

    def _look(self, key):
        """Reads one key back, with its CAS unique."""
        self._connection.send(b"gets %s\r\n" % key)
        head = self._connection.read_line().split()
        if head[0] == b"END":
            return
        value = self._connection.read_exactly(int(head[3]))
        assert self._connection.read_exactly(7) == b"\r\nEND\r\n"
        assert value == self.acknowledged.get(key), (key, value[:80])
        assert int(head[4]) >= self.cas.get(key, 0), (key, head, self.cas.get(key))
        self.cas[key] = int(head[4])

    def _request(self):
        """(key, request, effect on the state, whether an answer fits the state before)"""
        if self._random.random() < 0.1:
            return self._count()
        self._version += 1
        key = self._random.choice(self._keys)
        kind = self._random.random()
        if kind < 0.15:
            return (key, b"delete %s\r\n" % key, lambda state: None,
                    lambda state, answer: answer in (b"DELETED\r\n", b"NOT_FOUND\r\n"))
        value = b"%s:%d:" % (key, self._version) + b"v" * self._random.choice(self._sizes)
        if kind < 0.25:
            tail = b"+%d" % self._version
            return (key, b"append %s 0 0 %d\r\n%s\r\n" % (key, len(tail), tail),
                    lambda state: None if state is None else state + tail,
                    lambda state, answer: answer in (b"STORED\r\n", b"NOT_STORED\r\n"))
        exptime = self._random.choice([0, 0, 10_000])
        return (key, b"set %s 0 %d %d\r\n%s\r\n" % (key, exptime, len(value), value), lambda state: value,
                lambda state, answer: answer == b"STORED\r\n")

    def _count(self):
        key = self._random.choice(self._counters)
        if key not in self.acknowledged and not any(other == key for other, *_ in self.on_the_way):
            return (key, b"set %s 0 0 1\r\n0\r\n" % key, lambda state: b"0", lambda state, answer: answer == b"STORED\r\n")
        return (key, b"incr %s 1\r\n" % key, lambda state: None if state is None else b"%d" % (int(state) + 1),
                lambda state, answer: answer[:1].isdigit() or answer == b"NOT_FOUND\r\n")


class Chronicle(threading.Thread):
    """Sets one new key after the other until the server goes away or stop() is called.

    For groups that may lose what was acknowledged last: what is left must be the beginning, without a hole.
    """

    _AT_ONCE = 20

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.acknowledged_at = []  # by time.monotonic(), one for each key that was
        self.sent = 0
        self._prefix = b"chronicle%d-" % number
        self._ending = threading.Event()
        self._connection = server.connect(60)

    @property
    def operations(self):
        return len(self.acknowledged_at)

    def stop(self):
        self._ending.set()

    def run(self):
        try:
            while not self._ending.is_set():
                self.sent += self._AT_ONCE
                self._connection.send(b"".join(self._request(number) for number in range(self.sent - self._AT_ONCE, self.sent)))
                for _ in range(self._AT_ONCE):
                    assert self._connection.read_line() == b"STORED\r\n"
                    self.acknowledged_at.append(time.monotonic())
        except (OSError, EOFError):
            pass  # the server went away
        finally:
            self._connection.close()

    def acknowledged_before(self, moment):
        return bisect.bisect_left(self.acknowledged_at, moment)

    def kept(self, server):
        """How many of its keys a server holds: the first so many, or it fails. Asked for from the last on, as more may come meanwhile."""
        held = set()
        with server.connect(60) as connection:
            for last in range(self.sent - 1, -1, -100):
                keys = b" ".join(self._prefix + b"%d" % number for number in range(last, max(last - 100, -1), -1))
                words = connection.ask_until(b"get %s\r\n" % keys).split(b"\r\n")[:-2]
                held.update(int(value) for value in words[1::2])
        assert held == set(range(len(held))), f"{len(held)} keys are there, but {min(set(range(self.sent)) - held)} is not"
        return len(held)

    def _request(self, number):
        value = b"%d" % number
        return b"set %s%s 0 0 %d\r\n%s\r\n" % (self._prefix, value, len(value), value)


class Restarted:
    """Reads every key of the writers from a restarted server and says what does not fit the record."""

    def __init__(self, server, writers, may_be_evicted):
        self.problems = []
        self.kept = self.missing = 0
        self._may_be_evicted = may_be_evicted
        with server.connect(60) as connection:
            for writer in writers:
                observed = {key: self._check(connection, writer, key) for key in writer.all_keys()}
                writer.settled(observed)
            self._check_new_cas(connection, writers)

    def _check(self, connection, writer, key):
        connection.send(b"gets %s\r\n" % key)
        head = connection.read_line().split()
        value = None
        if head[0] != b"END":
            value = connection.read_exactly(int(head[3]))
            connection.read_exactly(7)
            self.kept += 1
            seen = writer.cas.get(key, 0)
            if int(head[4]) < seen and None not in writer.allowed(key):
                self.problems.append(f"{key}: CAS went back from {seen} to {int(head[4])}")
        states = writer.allowed(key)
        if value in states or (value is not None and value.rstrip() in states):
            return value
        if value is None:
            self.missing += 1
            if self._may_be_evicted:
                return None
        self.problems.append(f"{key}: holds {_brief(value)}, may hold {[_brief(state) for state in states]}")
        return value

    def _check_new_cas(self, connection, writers):
        newest = max((cas for writer in writers for cas in writer.cas.values()), default=0)
        connection.set(b"after-restart", b"1")
        cas = int(connection.ask_until(b"gets after-restart\r\n").split()[4])
        if cas <= newest:
            self.problems.append(f"a new item got CAS {cas}, but {newest} was handed out before")


def _brief(value):
    return value if value is None or len(value) < 60 else value[:40] + b"... (%d bytes)" % len(value)

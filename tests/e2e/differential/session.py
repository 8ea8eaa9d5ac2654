"""Two servers asked the same things, and what "the same answer" means.

A Step is one request and the way to read its answer. Requests may need a CAS unique; each server hands out its own, so a
step's bytes are made per side (Side.cas_of). Answers are read into tuples; inside them a Cas compares as a pattern (equal
where the other's are equal, different where they differ), a Ttl within the clock's ticks, Fetched unless the server under
test is a backup, everything else exactly.
"""

from typing import Any, Callable, NamedTuple

from harness import binary, settings
from harness.wire import Timeout

_PIPELINE_DEADLINE_S = 60


class Cas(NamedTuple):
    number: int


class Ttl(NamedTuple):
    seconds: int


class Fetched(NamedTuple):
    """Whether somebody has read the item since it was stored: what the answering node knows of (harness/target.py)."""

    word: bytes


_TTL_TICKS = 2


class Step(NamedTuple):
    request: Callable[["Side"], bytes]
    read: Callable[["Reader", "Side"], Any]
    about: bytes = b""  # the key, for the history that a failure prints


def fixed(request, read, about=b""):
    """A step with the same bytes for both servers."""
    return Step(lambda side: request, read, about)


class Difference(AssertionError):
    """The servers answered differently. `place`: the batch and which request of it; `oracle`: what memcached said there."""

    def __init__(self, text, place, oracle=None):
        super().__init__(text)
        self.place = place
        self.oracle = oracle


class Reached(Exception):
    """The session came to the place where it was to stop; `answers` as in Difference.oracle, one of each side."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers


def without_own(answer):
    """An answer without what is each server's own."""
    if isinstance(answer, (Cas, Ttl, Fetched)):
        return type(answer).__name__
    return tuple(map(without_own, answer)) if isinstance(answer, tuple) else answer


class Reader:
    """Cuts one side's text answers of a batch, request by request."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def line(self):
        end = self.data.index(b"\r\n", self.at) + 2
        line = self.data[self.at:end]
        self.at = end
        return line[:-2]

    def block(self, size):
        value = self.data[self.at:self.at + size + 2]
        self.at += size + 2
        if not value.endswith(b"\r\n"):
            raise ValueError(f"a value of {size} bytes does not end in CRLF: {value[-20:]!r}")
        return value[:-2]

    def expect(self, text):
        """Consumes exactly `text`; anything else is returned as what came instead."""
        got = self.data[self.at:self.at + len(text)]
        self.at += len(text)
        return "as expected" if got == text else got


class Side:
    """One of the two servers, with the CAS uniques it handed out."""

    def __init__(self, server):
        self.server = server
        self.is_memcached = settings.is_memcached(server.path)
        self.text = server.connect(_PIPELINE_DEADLINE_S)
        self.binary = server.connect(_PIPELINE_DEADLINE_S)
        self._cas = {}

    def saw(self, key, cas):
        self._cas[key] = cas

    def cas_of(self, key):
        """The unique last seen for the key; one that no item has, if none was."""
        return self._cas.get(key, 987654321)

    def close(self):
        self.text.close()
        self.binary.close()


class Session:
    """`left` is the oracle, `right` the server under test. Batches are numbered for the messages. `stop` is the place to stop
    at, by Reached.
    """

    def __init__(self, left, right, randomness, title, stop=None):
        self._stop = stop
        self._position = 0
        self.sides = [Side(left), Side(right)]
        self._random = randomness
        self._title = title
        self._forward, self._backward = {0: 0}, {0: 0}
        self._batch = 0
        self._history = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for side in self.sides:
            side.close()

    def _begin_batch(self):
        self._batch += 1
        self._position = 0

    def run_text(self, steps):
        self._begin_batch()
        mark = b"end-of-batch-%d" % self._batch
        end = b"EN k" + mark + b"\r\n"
        readers, requests = [], []
        for side in self.sides:
            requests.append([step.request(side) for step in steps])
        cuts = self._cuts(sum(map(len, requests[0])))
        for side, asked in zip(self.sides, requests):
            stream = b"".join(asked) + b"mg " + mark + b" k\r\n"
            answer = self._exchange(side, side.text, _cut(stream, cuts), end)
            if not answer.endswith(end):
                raise Difference(f"{self._title}: batch {self._batch}: {side.server.path} closed the connection; its last "
                                 f"bytes: {answer[-300:]!r}\n{self._last(b'')}", (self._batch, 0))
            readers.append(Reader(answer))
        for position, step in enumerate(steps):
            self._history.append((step.about, requests[1][position]))
            answers = []
            for reader, side in zip(readers, self.sides):
                answers.append(_read(step, reader, side))
            self._compare(step, requests[1][position], answers)
        for reader in readers:  # else answers were compared that belong to other requests
            assert reader.data[reader.at:] == end, f"{self._title}: batch {self._batch} left {reader.data[reader.at:][:300]!r}"

    def run_binary(self, packets):
        """`packets`: (key, Callable[[Side], bytes]) pairs. The opaque of each request is its position in the batch."""
        self._begin_batch()
        replies, requests = [], []
        for side in self.sides:
            requests.append([make(side) for _, make in packets])
        cuts = self._cuts(sum(map(len, requests[0])))
        for side, asked in zip(self.sides, requests):
            stop = binary.request(binary.NOOP, opaque=0xFFFFFFF0)
            tail = binary.HEADER.pack(0x81, binary.NOOP, 0, 0, 0, 0, 0, 0xFFFFFFF0, 0)
            answer = self._exchange(side, side.binary, _cut(b"".join(asked) + stop, cuts), tail)
            if not answer.endswith(tail):
                raise Difference(f"{self._title}: batch {self._batch}: {side.server.path} closed the connection", (self._batch, 0))
            frames, rest = binary.parse(answer)
            assert not rest, rest
            grouped = {}
            for frame in frames:
                grouped.setdefault(frame.opaque, []).append(frame)
                if frame.cas and frame.opaque < len(packets):
                    side.saw(packets[frame.opaque][0], frame.cas)
            order = [frame.opaque for frame in frames]
            if order != sorted(order):
                raise Difference(f"{self._title}: batch {self._batch}: {side.server.path} answered out of order", (self._batch, 0))
            replies.append(grouped)
        for position, (key, _) in enumerate(packets):
            self._history.append((key, requests[1][position]))
            answers = [tuple(frame._replace(cas=Cas(frame.cas)) for frame in grouped.get(position, ())) for grouped in replies]
            self._compare(Step(None, None, key), requests[1][position], answers)

    def _exchange(self, side, connection, pieces, end):
        try:
            return connection.exchange(pieces, lambda buffer: buffer.endswith(end))
        except Timeout as timeout:
            raise Timeout(f"{self._title}: batch {self._batch}: {side.server.path}: {timeout}") from None

    def run_odd(self, packet):
        """One packet that may end its connection, between a good one and a Quit. Sent as one: what a server has not read when it
        closes would turn its last words into a reset.
        """
        self._begin_batch()
        self._history.append((b"*", packet))
        answers = []
        for side in self.sides:
            with side.server.connect(_PIPELINE_DEADLINE_S) as connection:
                connection.send(binary.request(binary.NOOP) + packet + binary.request(binary.QUIT, opaque=2))
                frames, rest = binary.parse(connection.read_to_close())
            answers.append((*map(_without_version, frames), rest))
        self._compare(Step(None, None, b"*"), packet, answers)

    def compare_stats(self, names):
        """The named counters of plain `stats` must be equal."""
        left, right = (side.server.stats() for side in self.sides)
        differing = {name: (left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)}
        if differing:
            raise Difference(f"{self._title}: stats differ, (memcached's, ours): {differing}",
                             (self._batch, 0))

    def _cuts(self, length):
        """Where to cut a pipeline into separate writes: mostly a few places, sometimes nowhere or very often."""
        count = self._random.choice([0, 0, 1, 3, 10, 100])
        return sorted(self._random.randrange(length + 1) for _ in range(count)) if length else []

    def _compare(self, step, request, answers):
        place = (self._batch, self._position)
        self._position += 1
        if place == self._stop:
            raise Reached([without_own(answer) for answer in answers])
        if self._same(*answers):
            return
        text = (f"{self._title}: batch {self._batch}\n  request   {_short(request)}\n"
                f"  memcached {_short(answers[0])}\n  ours      {_short(answers[1])}\n"
                f"repeat with LMC_SEED={self._title.rsplit(' ', 1)[-1]}\n{self._last(step.about)}")
        raise Difference(text, place, without_own(answers[0]))

    def _last(self, key):
        """The requests that led here, those about the key if there is one."""
        relevant = [request for about, request in self._history if about in (key, b"*") or not key]
        just_before = [request for _, request in self._history[-6:]]
        return ("the last requests about it:\n" + "\n".join("  " + _short(request) for request in relevant[-12:]) +
                "\nthe last requests of all:\n" + "\n".join("  " + _short(request) for request in just_before))

    def _same(self, left, right):
        if isinstance(left, Cas) and isinstance(right, Cas):
            known = self._forward.setdefault(left.number, right.number)
            back = self._backward.setdefault(right.number, left.number)
            return known == right.number and back == left.number
        if isinstance(left, Ttl) and isinstance(right, Ttl):
            return (left.seconds < 0) == (right.seconds < 0) and abs(left.seconds - right.seconds) <= _TTL_TICKS
        if isinstance(left, Fetched) and isinstance(right, Fetched):
            return left == right or settings.target() == "backup"
        if isinstance(left, tuple) and isinstance(right, tuple):
            return len(left) == len(right) and all(map(self._same, left, right))
        return left == right


def _without_version(frame):
    known = frame.opcode == binary.VERSION and frame.status == binary.OK
    return frame._replace(cas=Cas(frame.cas), value=b"" if known else frame.value)


def _read(step, reader, side):
    try:
        return step.read(reader, side)
    except (ValueError, IndexError) as error:
        return ("cannot be read", str(error), reader.data[reader.at:reader.at + 300])


def _cut(stream, cuts):
    edges = [0, *(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [stream[start:end] for start, end in zip(edges, edges[1:])]


def _short(what):
    text = repr(what)
    return text if len(text) < 500 else text[:350] + f"... ({len(text)} characters) ..." + text[-100:]


# ---- readers of text answers ----

def line(reader, _side):
    return reader.line()


def nothing(_reader, _side):
    return ()


def values(reader, side):
    """VALUE blocks up to END. A fifth word is the CAS unique."""
    answer = []
    while True:
        words = reader.line().split(b" ")
        if words[0] != b"VALUE":
            return (*answer, tuple(words))
        value = reader.block(int(words[3]))
        if len(words) > 4:
            side.saw(words[1], int(words[4]))
            answer.append((*words[:4], Cas(int(words[4])), value))
        else:
            answer.append((*words, value))


def exactly(oracle, ours):
    """Where the versions are known to differ: each side must give its own answer."""
    return lambda reader, side: reader.expect(oracle if side.is_memcached else ours)
